"""Differential privacy as a second mechanism: its ledger, its scale, and what it refuses."""

import datetime as dt
import math

import numpy as np
import pytest
from exact_tables import DATE, MNOS, moves

from popflow.disclosure.noise import Ledger, noisy_flows, scale_of, with_noise
from popflow.errors import PopflowError

EXACT = "420102 430102 500\n420103 430103 400\n420102 420502 300\n420502 420102 15\n420502 430102 60"


def test_the_ledger_refuses_to_go_over_a_day_and_in_total():
    ledger = Ledger("laplace", a_day=1.0, in_total=2.0)
    ledger.spend(DATE, 0.75)
    with pytest.raises(PopflowError, match="over the 1 of a day"):
        ledger.spend(DATE, 0.5)
    ledger.spend(DATE, 0.25)
    ledger.spend(DATE + dt.timedelta(days=1), 0.75)
    with pytest.raises(PopflowError, match="over the 2 that there is in total"):
        ledger.spend(DATE + dt.timedelta(days=2), 0.5)
    assert sum(ledger.spent.values()) == 1.75


@pytest.mark.parametrize("cost", [0.0, -1.0, math.nan])
def test_the_ledger_takes_no_cost_that_is_none(cost: float):
    with pytest.raises(PopflowError, match="is no cost"):
        Ledger("laplace", a_day=1.0, in_total=2.0).spend(DATE, cost)


def test_the_ledger_is_kept_as_text():
    ledger = Ledger("gaussian", a_day=1.0, in_total=2.0)
    ledger.spend(DATE, 0.5)
    assert Ledger.from_json(ledger.to_json()) == ledger


def test_one_person_changes_a_count_on_each_of_the_steps():
    assert scale_of("laplace", steps=7, cost=1.0) == 7
    assert scale_of("gaussian", steps=7, cost=0.5) == pytest.approx(math.sqrt(7))


@pytest.fixture
def noisy(contracts):
    pytest.importorskip("opendp")

    def call(ledger: Ledger, indicator: str = "inflow", cost: float = 1.0):
        covered = sorted({*moves(EXACT)["origin_county"], *moves(EXACT)["destination_county"]})
        given = {"areas": contracts.areas, "covered_counties": covered, "mnos": MNOS, "rules": contracts.disclosure}
        return noisy_flows(moves(EXACT), indicator=indicator, date=DATE, ledger=ledger, cost=cost, **given)

    return call


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_only_publishable_cells_get_a_number(noisy, mechanism: str):
    ledger = Ledger(mechanism, a_day=1.0, in_total=5.0)
    rows = noisy(ledger)
    assert ledger.spent == {"2020-01-22": 1.0}
    assert ("420500", "420100") not in set(zip(rows["origin_code"], rows["destination_code"], strict=True))
    assert rows.loc[rows["step"] == "pair", "origin_code"].tolist() == ["420102", "420102", "420103", "420502"]
    assert (rows["persons"] >= 0).all()
    assert rows["persons"].dtype == np.int64


@pytest.mark.parametrize("indicator", ["outflow", "outflow_block", "stock"])
def test_noise_never_stands_beside_the_chain(noisy, indicator: str):
    ledger = Ledger("laplace", a_day=1.0, in_total=5.0)
    with pytest.raises(PopflowError, match="published by the chain"):
        noisy(ledger, indicator)
    assert ledger.spent == {}


def test_nothing_is_drawn_when_the_ledger_refuses(noisy):
    ledger = Ledger("laplace", a_day=1.0, in_total=5.0)
    with pytest.raises(PopflowError, match="of a day"):
        noisy(ledger, cost=1.5)
    assert ledger.spent == {}


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_noise_has_the_scale_it_says_and_is_never_negative(mechanism: str):
    pytest.importorskip("opendp")
    noise = with_noise(np.full(4000, 1000), 7, mechanism, cost=1.0) - 1000
    scale = scale_of(mechanism, 7, 1.0)
    expected = scale if mechanism == "laplace" else scale * math.sqrt(2 / math.pi)  # mean absolute error
    assert np.abs(noise).mean() == pytest.approx(expected, rel=0.15)
    assert with_noise(np.zeros(200, dtype=np.int64), 7, mechanism, cost=1.0).min() == 0

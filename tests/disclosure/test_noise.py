"""Differential privacy as a second mechanism: its ledger, its scale, and what it refuses."""

import datetime as dt
import json
import math

import numpy as np
import pytest
from exact_tables import DATE, MNOS, moves

from popflow.contracts import Noise
from popflow.disclosure.noise import Ledger, noisy_flows, scale_of, with_noise
from popflow.errors import PopflowError

# Who came to Hubei from Hunan, within it, and who left it.
EXACT = "430103 420102 500\n430102 420502 60\n420102 420502 300\n420502 420103 15\n420102 430102 400"


LAPLACE = Noise(mechanism="laplace", a_day=1.0, in_total=2.0)


def test_the_ledger_refuses_to_go_over_a_day_and_in_total():
    ledger = Ledger(LAPLACE)
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
        Ledger(LAPLACE).spend(DATE, cost)


def test_a_kept_ledger_goes_on_where_it_was():
    kept: list[str] = []
    Ledger.kept(None, LAPLACE, kept.append).spend(DATE, 0.75)
    again = Ledger.kept(kept[-1], LAPLACE, kept.append)
    with pytest.raises(PopflowError, match="over the 1 of a day"):
        again.spend(DATE, 0.5)
    again.spend(DATE, 0.25)
    assert json.loads(kept[-1]) == {"mechanism": "laplace", "spent": {"2020-01-22": 1.0}}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"mechanism": "laplace"}', '{"mechanism": "laplace", "spent": {"d": "x"}}']
)
def test_a_ledger_that_cannot_be_read_spends_nothing(text: str):
    with pytest.raises(PopflowError, match="nothing is drawn"):
        Ledger.kept(text, LAPLACE, print)


def test_costs_of_two_mechanisms_are_never_added():
    kept: list[str] = []
    Ledger.kept(None, LAPLACE, kept.append).spend(DATE, 0.75)
    with pytest.raises(PopflowError, match="the ledger is of laplace"):
        Ledger.kept(kept[-1], Noise(mechanism="gaussian", a_day=1.0, in_total=2.0), print)


def test_one_person_changes_a_count_on_each_of_the_steps():
    assert scale_of("laplace", steps=7, cost=1.0) == 7
    assert scale_of("gaussian", steps=7, cost=0.5) == pytest.approx(math.sqrt(7))


def with_budget(mechanism: str = "laplace") -> Ledger:
    return Ledger(Noise(mechanism=mechanism, a_day=1.0, in_total=5.0))


@pytest.fixture
def noisy(contracts):
    def call(ledger: Ledger, indicator: str = "inflow", cost: float = 1.0):
        exact = moves(EXACT)
        covered = sorted({*exact["origin_county"], *exact["destination_county"]})
        given = {"areas": contracts.areas, "covered_counties": covered, "mnos": MNOS, "rules": contracts.disclosure}
        return noisy_flows(exact, indicator=indicator, date=DATE, ledger=ledger, cost=cost, **given)

    return call


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_only_publishable_cells_of_the_inflow_get_a_number(noisy, mechanism: str):
    ledger = with_budget(mechanism)
    rows = noisy(ledger)
    assert ledger.spent == {"2020-01-22": 1.0}
    pairs = rows[rows["step"] == "pair"]
    ends = list(zip(pairs["origin_code"], pairs["destination_code"], strict=True))
    assert ends == [("430103", "420102"), ("420102", "420502"), ("430102", "420502")]  # 15 came from 420103: too few
    root = rows[rows["step"] == "root"]
    assert root[["origin_level", "destination_code"]].to_numpy().tolist() == [["all", "hubei"]]
    assert (rows["persons"] >= 0).all()
    assert rows["persons"].dtype == np.int64


@pytest.mark.parametrize("indicator", ["outflow", "outflow_block", "stock"])
def test_noise_never_stands_beside_the_chain(noisy, indicator: str):
    ledger = with_budget()
    with pytest.raises(PopflowError, match="published by the chain"):
        noisy(ledger, indicator)
    assert ledger.spent == {}


def test_the_outflow_cannot_be_had_with_noise_under_another_name(noisy):
    with pytest.raises(PopflowError, match="there is inflow"):
        noisy(with_budget(), "departures")


def test_nothing_is_drawn_when_the_ledger_refuses(noisy):
    ledger = with_budget()
    with pytest.raises(PopflowError, match="of a day"):
        noisy(ledger, cost=1.5)
    assert ledger.spent == {}


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_noise_has_the_scale_it_says_and_is_never_negative(mechanism: str):
    noise = with_noise(np.full(4000, 1000), 7, mechanism, cost=1.0) - 1000
    scale = scale_of(mechanism, 7, 1.0)
    expected = scale if mechanism == "laplace" else scale * math.sqrt(2 / math.pi)  # mean absolute error
    assert np.abs(noise).mean() == pytest.approx(expected, rel=0.15)
    assert with_noise(np.zeros(200, dtype=np.int64), 7, mechanism, cost=1.0).min() == 0

"""The short way and the whole night find the same flows and day ends, in a nation with every trouble."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from popflow.accuracy import runs
from popflow.accuracy.nights import measured
from popflow.synthetic import Troubles, simulate

pytestmark = pytest.mark.slow
DATES = [runs.FIRST + dt.timedelta(days=day) for day in range(3)]


@pytest.fixture(scope="module")
def nation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard") / "nation"
    simulate(folder, DATES[0], len(DATES), 2500, seed=11, troubles=Troubles.all())
    return folder


@pytest.fixture(scope="module")
def short(nation, tmp_path_factory, contracts):
    return measured(nation, DATES, tmp_path_factory.mktemp("short"), "short", contracts, lambda text: None)


def test_both_ways_find_the_same(nation, short, tmp_path, contracts, spark):
    whole = measured(nation, DATES, tmp_path, "night", contracts, lambda text: None)
    for mine, other in ((short.flows, whole.flows), (short.population, whole.population)):
        cell = [name for name in mine.columns if name != "persons"]
        one, two = (frame.astype({"date": str}).sort_values(cell, ignore_index=True) for frame in (mine, other))
        pd.testing.assert_frame_equal(one, two, check_dtype=False)
    assert len(short.flows) > 2000


def test_the_nation_of_the_promise_is_measured_well(tmp_path, contracts):
    asked = runs.Asked(tmp_path, 2500, 3, (11,), (runs.PROMISED,))
    found = runs.accuracy(asked, contracts, lambda text: None).set_index(["quantity", "level"])
    assert found.loc[("outflow", "prefecture"), "wmape"] < 0.04
    assert abs(found.loc[("outflow", "prefecture"), "bias"]) < 0.03
    assert found.loc[("population", "county"), "wmape"] < 0.03


def test_without_any_trouble_next_to_nothing_is_missed(tmp_path, contracts):
    asked = runs.Asked(tmp_path, 2500, 2, (11,), ("none",))
    found = runs.accuracy(asked, contracts, lambda text: None).set_index(["quantity", "level"])
    assert found.loc[("outflow", "prefecture"), "wmape"] < 0.01
    assert found.loc[("population", "county"), "wmape"] < 0.005
    assert not (tmp_path / "work").exists()

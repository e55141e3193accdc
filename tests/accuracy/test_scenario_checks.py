"""The scenario's checks on literal outflows: they see what was handed through, and what was not."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from popflow.accuracy.scenario_checks import scenario_checks
from popflow.synthetic.demand import wuhan_destinations, wuhan_index
from popflow.synthetic.places import shipped_places


@pytest.fixture(scope="module")
def fed() -> pd.DataFrame:
    """Outflow that is exactly what the scenario is fed with, a person in a hundred."""
    places = shipped_places()
    share = pd.Series(wuhan_destinations(places), places.prefecture_codes)
    share = share[share > 0] / share.sum()
    days = [pd.DataFrame({"date": date, "prefecture": share.index, "persons": (5000 * index * share).round()})
            for date, index in wuhan_index().items()]  # fmt: skip
    return pd.concat(days, ignore_index=True)


def figures(outflow: pd.DataFrame) -> list[float]:
    return scenario_checks(outflow)["figure"].tolist()


def test_what_was_fed_comes_out(fed: pd.DataFrame):
    every, large, curve, end = figures(fed)
    assert every > 0.98
    assert large > 0.98
    assert curve > 0.999
    assert end < 0.1


def test_destinations_in_another_order_are_seen(fed: pd.DataFrame):
    codes = sorted(fed["prefecture"].unique())
    other = fed.assign(prefecture=fed["prefecture"].map(dict(zip(codes, codes[100:] + codes[:100], strict=True))))
    assert figures(other)[0] < 0.5


def test_a_city_that_is_never_closed_is_seen(fed: pd.DataFrame):
    tenth = fed[fed["date"] == dt.date(2020, 1, 10)]
    days = [tenth.assign(date=date, persons=tenth["persons"] + date.day % 2) for date in wuhan_index()]
    same = pd.concat(days)
    assert figures(same)[-1] == pytest.approx(1, abs=0.02)


def test_dates_that_are_missing_leave_their_check_out(fed: pd.DataFrame):
    early = fed[fed["date"] < dt.date(2020, 1, 9)]
    assert scenario_checks(early)["check"].str.contains("Baidu").all()

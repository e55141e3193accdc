"""Working days of early 2020: weekends, holidays, the weekends worked for them, and the provinces' decrees."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from popflow.synthetic.demand import WUHAN_CLOSED
from popflow.synthetic.places import Places
from popflow.synthetic.working_days import NATION, decrees, working_provinces

SHANGHAI, GANSU, HUBEI = "310000", "620000", "420000"


def works(date: str, province: str) -> bool:
    return bool(working_provinces(dt.date.fromisoformat(date), np.array([province]))[0])


@pytest.mark.parametrize(
    ("date", "working"),
    [
        ("2019-12-31", True),
        ("2020-01-01", False),
        ("2020-01-02", True),
        ("2020-01-18", False),  # a Saturday
        ("2020-01-19", True),  # a Sunday, worked for the holiday
        ("2020-01-23", True),
        ("2020-01-24", False),
        ("2020-01-30", False),
        ("2020-01-31", False),  # by the extension
        ("2020-02-01", False),  # was to be worked before the extension
        ("2020-02-02", False),
        ("2020-02-03", True),
        ("2020-02-08", False),
        ("2020-04-06", False),
        ("2020-04-07", True),
    ],
)
def test_the_national_calendar_holds_where_no_province_says_otherwise(date: str, working: bool) -> None:
    assert works(date, GANSU) is working


def test_most_provinces_work_from_10_february_and_hubei_from_11_march() -> None:
    assert [works(date, SHANGHAI) for date in ("2020-02-03", "2020-02-07", "2020-02-10")] == [False, False, True]
    closed = [works(date, HUBEI) for date in ("2020-02-10", "2020-02-14", "2020-02-21", "2020-03-10", "2020-03-11")]
    assert closed == [False, False, False, False, True]


def test_24_of_the_31_provinces_decreed_a_later_start(places: Places) -> None:
    assert len(places.province_codes) == 31
    assert (~working_provinces(dt.date(2020, 2, 3), places.province_codes)).sum() == 24


def test_nobody_works_in_hubei_on_the_day_on_which_wuhan_is_closed() -> None:
    assert not works(WUHAN_CLOSED.isoformat(), HUBEI)
    assert works("2020-01-22", HUBEI)


def test_every_decree_is_of_the_nation_or_a_province_and_no_day_is_before_its_first(places: Places) -> None:
    assert {decree.area_code for decree in decrees()} <= {NATION, *places.province_codes}
    assert all(decree.first <= decree.last for decree in decrees())

"""Dates of a question: written one way, of this century, and no more of them than an answer is read for."""

from __future__ import annotations

import datetime as dt

import pytest

from popflow.dates import MOST_DATES, date_range, day, moment
from popflow.errors import PopflowError


def test_a_date_is_read_as_it_is_written():
    assert day(" 2020-01-22 ") == day(dt.date(2020, 1, 22)) == day(dt.datetime(2020, 1, 22, 5)) == dt.date(2020, 1, 22)


@pytest.mark.parametrize(
    "text", ["20200122", "2020-W04-3", "2020-1-22", "２０２０-01-22", "22.01.2020", "", "2020-02-30", "x" * 500]
)
def test_what_is_no_date_is_refused_with_the_form(text: str):
    with pytest.raises(PopflowError, match="is not a date; write it as 2020-01-22") as refused:
        day(text)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("text", ["0001-01-01", "1999-12-31", "2100-01-01", "9999-12-31"])
def test_a_date_of_another_century_is_refused(text: str):
    for read in (day, moment):
        with pytest.raises(PopflowError, match="lies outside 2000 to 2099"):
            read(text)


def test_a_question_has_a_bounded_number_of_dates():
    first, last = date_range("2010-01-01", "2020-01-08", None, None)
    assert (last - first).days == MOST_DATES - 1
    with pytest.raises(PopflowError, match="more than 3,660 dates"):
        date_range("2010-01-01", "2020-01-09", None, None)
    for number in (0, -1, MOST_DATES + 1, 99_999_999, 10**30):
        with pytest.raises(PopflowError, match="give 1 to 3,660"):
            date_range(None, None, number, "2020-01-23")
    assert date_range(None, None, None, "2020-01-23") == (dt.date(2020, 1, 9), dt.date(2020, 1, 22))

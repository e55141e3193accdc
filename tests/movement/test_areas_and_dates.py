"""Blocks of dates, chains of areas, and the groups of stock."""

from __future__ import annotations

import datetime as dt

import pytest

from popflow.contracts import Area
from popflow.geography.codes import prefecture_of
from popflow.movement.definition import block_end, block_start
from popflow.movement.places import chains, lies_in, nested_groups, prefecture


def area(level: str, code: str) -> Area:
    return Area(level=level, code=code, name_zh="x", name_en="x")


WUHAN, HUBEI, HUANGGANG = area("prefecture", "420100"), area("province", "420000"), area("prefecture", "421100")
WENZHOU, NINGBO = area("prefecture", "330300"), area("prefecture", "330200")


@pytest.mark.parametrize(
    ("date", "start", "end"),
    [("2020-01-09", "01-09", "01-22"), ("2020-01-22", "01-09", "01-22"), ("2020-01-23", "01-23", "02-05")],
)
def test_blocks_begin_on_9_january_2020_and_last_14_days(date, start, end):
    date = dt.date.fromisoformat(date)
    assert (f"{block_start(date):%m-%d}", f"{block_end(date):%m-%d}") == (start, end)


def test_blocks_go_back_before_the_anchor():
    assert block_start(dt.date(2020, 1, 8)) == dt.date(2019, 12, 26)


def test_a_province_is_a_chain_and_its_prefectures_are_views_of_it():
    assert list(chains({"wuhan": WUHAN, "hubei": HUBEI, "wenzhou": WENZHOU})) == ["hubei", "wenzhou"]


def test_groups_of_a_chain_go_from_inside_outwards_and_say_what_they_leave_out():
    areas = {"hubei": HUBEI, "wuhan": WUHAN, "huanggang": HUANGGANG, "wenzhou": WENZHOU, "ningbo": NINGBO}
    assert nested_groups(areas) == {
        "hubei": {
            "wuhan": "wuhan",
            "huanggang": "huanggang_without_wuhan",
            "hubei": "hubei_without_wuhan_huanggang",
        },
        "wenzhou": {"wenzhou": "wenzhou"},
        "ningbo": {"ningbo": "ningbo"},
    }


def test_the_expressions_agree_with_the_codes(spark):
    counties = ["420102", "429004", "110101", "441900", "500236"]
    frame = spark.createDataFrame([(c,) for c in counties], "c string")
    found = frame.select("c", prefecture(frame.c).alias("p"), lies_in(frame.c, HUBEI).alias("h")).collect()
    assert [(row.p, row.h) for row in found] == [(prefecture_of(c), c.startswith("42")) for c in counties]

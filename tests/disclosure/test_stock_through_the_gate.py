"""Stock of nested areas is one chain of disjoint groups."""

import datetime as dt

import pandas as pd
import pytest
from exact_tables import MNOS, shown

from popflow import disclosure
from popflow.errors import PopflowError

LAST = dt.date(2020, 2, 5)
GROUPS = {"hubei": ["stayed_in_wuhan", "stayed_in_hubei_without_wuhan"]}
STOCK = """
stayed_in_wuhan 420102 9000
stayed_in_wuhan 430102 125
stayed_in_wuhan 430103 40
stayed_in_wuhan 430104 12
stayed_in_wuhan 430105 60
stayed_in_hubei_without_wuhan 420502 7000
stayed_in_hubei_without_wuhan 430102 5
stayed_in_hubei_without_wuhan 430103 50
stayed_in_hubei_without_wuhan 430104 90
stayed_in_hubei_without_wuhan 430105 45
roaming_wuhan 430102 3
"""
COVERED = ["420102", "420502", "430102", "430103", "430104", "430105"]


def stock(text: str) -> pd.DataFrame:
    rows = [
        (g, c, int(n), int(n), dict.fromkeys(MNOS, int(n))) for g, c, n in map(str.split, text.strip().splitlines())
    ]
    return pd.DataFrame(rows, columns=["group", "county_code", "persons", "persons_registered", "persons_without"])


@pytest.fixture
def protect_stock(contracts):
    def call(text: str, date: dt.date = LAST):
        given = {"release": 1, "groups": GROUPS, "covered_counties": COVERED, "mnos": MNOS, "definition": "day-end-1"}
        return disclosure.protect_stock(stock(text), date=date, rules=contracts.disclosure, **given)

    return call


def test_both_groups_hang_under_one_root(protect_stock):
    rows = shown(protect_stock(STOCK))
    assert rows[("area", "hubei", "all", "all")] == 16427
    assert rows[("area", "stayed_in_wuhan", "all", "all")] == 9237
    assert rows[("area", "stayed_in_hubei_without_wuhan", "all", "all")] == 7190
    in_changsha = {key: n for key, n in rows.items() if key[2] == "county" and "43" in key[3]}
    assert in_changsha == {
        ("area", "stayed_in_wuhan", "county", "430102"): 125,
        ("area", "stayed_in_wuhan", "county", "rest_of_430100"): 112,
        ("area", "stayed_in_hubei_without_wuhan", "county", "430104"): 90,
        ("area", "stayed_in_hubei_without_wuhan", "county", "rest_of_430100"): 100,
    }


def test_130_in_hubei_and_125_in_wuhan_do_not_stand_beside_each_other(protect_stock):
    """Two tables would show 130 - 125 = 5 who stayed elsewhere in Hubei; here the group of 5 is in a rest of 100."""
    assert 5 not in protect_stock(STOCK).rows["persons"].tolist()
    assert 130 not in protect_stock(STOCK).rows["persons"].tolist()


def test_with_a_small_group_there_are_no_groups(protect_stock):
    rows = shown(protect_stock("stayed_in_wuhan 430102 500\nstayed_in_hubei_without_wuhan 430102 19"))
    assert rows == {("area", "hubei", "all", "all"): 519}


def test_stock_is_of_block_ends_alone(protect_stock):
    with pytest.raises(PopflowError, match="not the last day of a block"):
        protect_stock(STOCK, date=LAST + dt.timedelta(days=1))

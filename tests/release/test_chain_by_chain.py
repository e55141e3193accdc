"""Chains share no person on a date, so each is looked at alone, in any order and on any machine: the same comes out."""

from __future__ import annotations

import datetime as dt
import functools

import numpy as np
import pandas as pd
import pytest

from popflow.audit import Candidate, audit, wide_base_cells
from popflow.contracts import Contracts
from popflow.disclosure import ProtectedTable, protect_flows
from popflow.release import candidates
from popflow.session import in_tasks

DATE, MNOS = dt.date(2020, 1, 22), ("mobile", "unicom")
COUNTIES = [f"{prefecture}{county:02d}" for prefecture in ("4201", "4202", "4301", "4302", "3301", "1101")
            for county in (2, 3, 4)]  # fmt: skip


@pytest.fixture(scope="module")
def exact() -> pd.DataFrame:
    """Moves between all counties of four provinces, many of them small."""
    draw = np.random.default_rng(5)
    rows = [(o, d, int(n)) for o in COUNTIES for d in COUNTIES if (n := draw.negative_binomial(0.5, 0.008)) and o != d]
    frame = pd.DataFrame(rows, columns=["origin_county", "destination_county", "persons"])
    without = [dict.fromkeys(MNOS, n) for n in frame["persons"]]
    return frame.assign(date=DATE, persons_registered=frame["persons"], persons_without=without)


def gate(exact: pd.DataFrame, contracts: Contracts, **changes) -> ProtectedTable:
    given = {"indicator": contracts.headline, "areas": contracts.areas, "rules": contracts.disclosure, "date": DATE,
             "release": 1, "covered_counties": COUNTIES, "mnos": MNOS} | changes  # fmt: skip
    return protect_flows(exact, **given)


def verdict(table: ProtectedTable, contracts: Contracts, rows: pd.DataFrame | None = None, **given):
    rows, base_cells = table.rows if rows is None else rows, wide_base_cells(table.base_cells_table)
    about = {"covered": COUNTIES, "mnos": MNOS, "areas": contracts.areas, "seed": 3} | given
    return audit(rows.iloc[:0], base_cells.iloc[:0], candidate=Candidate(rows, base_cells), **about)


def test_a_provinces_rows_are_the_same_whether_others_are_published_or_not(exact: pd.DataFrame, contracts: Contracts):
    alone = gate(exact, contracts, areas={"hubei": contracts.areas["hubei"]}).rows
    nation = gate(exact, contracts).rows
    of_hubei = nation["origin_code"].str.removeprefix("rest_of_").str.startswith(("42", "hubei"))
    assert set(nation.loc[nation["destination_level"] == "all", "origin_code"]) == {
        "hubei",
        "hunan",
        "zhejiang",
        "beijing",
    }
    assert 20 < of_hubei.sum() < len(nation)
    assert nation[of_hubei].reset_index(drop=True).equals(alone)
    assert verdict(gate(exact, contracts), contracts).ok


def test_a_finding_in_any_chain_stops_the_date(exact: pd.DataFrame, contracts: Contracts):
    table = gate(exact, contracts)
    for prefecture in ("42", "43", "33", "11"):
        rows = table.rows
        place = rows.index[rows["origin_code"].str.startswith(prefecture) & (rows["destination_level"] == "county")][0]
        found = verdict(
            table, contracts, rows.assign(persons=rows["persons"].mask(rows.index == place, 19)), plant=False
        )
        assert not found.ok


def test_leaks_are_planted_in_two_chains(exact: pd.DataFrame, contracts: Contracts):
    table, drawn = gate(exact, contracts), set()
    for seed in range(6):
        found = verdict(table, contracts, seed=seed)
        assert found.ok, found.text()
        planted = {leak.where.split()[2] for leak in found.planted if leak.outcome == "caught"}
        assert len(planted) <= 2
        drawn |= planted
    assert len(drawn) > 2


def test_tasks_make_the_same_table_and_the_same_verdict(exact: pd.DataFrame, contracts: Contracts, spark):
    each = functools.partial(in_tasks, spark)
    here, there = gate(exact, contracts), gate(exact, contracts, each=each)
    assert there.digest == here.digest
    first, second = verdict(here, contracts), verdict(here, contracts, each=each)
    assert (second.ok, second.good, second.counts, second.digest) == (True, first.good, first.counts, first.digest)
    rows = here.rows
    off = rows.assign(persons=rows["persons"].mask(rows.index == 40, rows["persons"] + 1))
    told = [verdict(here, contracts, off, each=how, plant=False) for how in (map, each)]
    assert told[0].findings
    assert told[0].findings == told[1].findings


def test_an_audit_in_tasks_ends_when_its_time_is_up(exact: pd.DataFrame, contracts: Contracts, spark):
    late = verdict(gate(exact, contracts), contracts, each=functools.partial(in_tasks, spark), time_limit_s=0.001)
    assert {finding.code for finding in late.findings} == {"A8"}


def test_many_cells_are_looked_at_in_tasks(monkeypatch: pytest.MonkeyPatch):
    class NoSpark:
        @property
        def spark(self):
            raise AssertionError("few cells need no session")

    class Spark:
        spark = "session"

    assert candidates._over_chains(NoSpark(), 10) is map
    assert candidates._over_chains(Spark(), candidates.MANY_CELLS).args == ("session",)

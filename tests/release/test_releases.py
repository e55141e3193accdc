"""Publishing: one commit a release, never without the auditor's word on exactly it, never twice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest

from popflow import disclosure
from popflow.audit import Finding, Verdict, audited_digest, published_version
from popflow.contracts import Contracts
from popflow.disclosure import ProtectedTable
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.reading.reader import Reader
from popflow.release import commit
from popflow.release.commit import Run, publish
from popflow.release.ledger import all_releases, record_releases, withdraw
from small_lake import COUNTIES, EVERY_DAY, MNOS, exact

DAY = dt.date(2020, 1, 15)
RUN = Run("run-1", "a" * 64, MNOS)


def protected(contracts: Contracts, date: dt.date = DAY, more: int = 0) -> ProtectedTable:
    moves = EVERY_DAY | {("420102", "430102"): EVERY_DAY["420102", "430102"] + more}
    given = {"areas": contracts.areas, "covered_counties": COUNTIES, "mnos": MNOS, "rules": contracts.disclosure}
    return disclosure.protect_flows(exact(date, moves), date=date, release=1, indicator=contracts.headline, **given)


def verdict(lake: Lake, table: ProtectedTable, *findings: Finding, version: int | None = None) -> Verdict:
    seen = published_version(lake) if version is None else version
    return Verdict(not findings, findings, {}, 0.1, audited_digest(table.rows, table.base_cells, seen))


@pytest.fixture(scope="module")
def table(contracts: Contracts) -> ProtectedTable:
    return protected(contracts)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, contracts: Contracts, spark, table: ProtectedTable) -> Lake:
    """A lake with one release."""
    lake = Lake(tmp_path_factory.mktemp("releases") / "lake", contracts, spark)
    assert publish(lake, table, verdict(lake, table), RUN) is True
    return lake


def commits(lake: Lake) -> int:
    return len(lake.history("flows"))


def test_a_release_is_one_commit_with_the_gates_rows_and_its_run(lake: Lake, table: ProtectedTable):
    rows = lake.read_pandas("flows").sort_values(list(table.rows.columns)).reset_index(drop=True)
    wanted = table.rows.sort_values(list(table.rows.columns)).reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, wanted, check_dtype=False)
    assert [commit["operation"] for commit in lake.history("flows")].count("WRITE") == 1
    (told,) = all_releases(lake)
    assert (told["run_id"], told["input_fingerprint"], tuple(told["mnos"])) == ("run-1", "a" * 64, MNOS)
    assert (told["reason"], told["signed_by"], told["status"]) == ("first release", "the night", "released")
    assert told["persons_rounded"] % 1000 == 0


def test_a_rerun_writes_nothing_twice(lake: Lake, table: ProtectedTable):
    before = commits(lake)
    assert publish(lake, table, verdict(lake, table), replace(RUN, run_id="run-2")) is False
    assert (len(lake.read_pandas("flows")), commits(lake)) == (len(table.rows), before)
    assert [row["run_id"] for row in all_releases(lake)] == ["run-1"]


def test_the_first_write_wins(lake: Lake, contracts: Contracts, table: ProtectedTable):
    other = protected(contracts, more=300)
    assert publish(lake, other, verdict(lake, other), RUN) is False
    assert lake.read_pandas("flows")["persons"].max() == table.rows["persons"].max()


REFUSED = {
    "no verdict": lambda lake, table, other: (table, None),
    "something that looks like one": lambda lake, table, other: (
        table,
        {"ok": True, "digest": verdict(lake, table).digest},
    ),
    "a bad verdict": lambda lake, table, other: (table, verdict(lake, table, Finding("A1", "here", (), "20 - 15 = 5"))),
    "a verdict on another table": lambda lake, table, other: (table, verdict(lake, other)),
    "a verdict on the table as it was": lambda lake, table, other: (other, verdict(lake, table)),
    "a verdict from before something else was published": lambda lake, table, other: (
        table,
        verdict(lake, table, version=published_version(lake) - 1),
    ),
    "a verdict without a digest": lambda lake, table, other: (table, replace(verdict(lake, table), digest="")),
    "a frame": lambda lake, table, other: (table.rows, verdict(lake, table)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_without_the_auditors_word_on_exactly_it_nothing_is_published(lake: Lake, contracts: Contracts, case: str):
    table, other = (protected(contracts, DAY + dt.timedelta(days=1), more) for more in (0, 30))
    before = commits(lake)
    with pytest.raises(PopflowError) as refusal:
        publish(lake, *REFUSED[case](lake, table, other), RUN)
    assert commits(lake) == before
    assert "20 - 15" not in str(refusal.value)
    assert not [row for row in all_releases(lake) if row["date"] == DAY + dt.timedelta(days=1)]


def test_a_table_that_was_changed_underneath_is_not_published(lake: Lake, contracts: Contracts):
    table = protected(contracts, DAY + dt.timedelta(days=1))
    said, before = verdict(lake, table), commits(lake)
    object.__setattr__(table, "_rows", table._rows.slice(1))
    with pytest.raises(PopflowError, match="not what the gate made"):
        publish(lake, table, said, RUN)
    object.__setattr__(table, "digest", disclosure.content_digest(table._rows, table._base_cells))
    with pytest.raises(PopflowError, match="on another table or history than this"):
        publish(lake, table, said, RUN)  # with the digest changed too, the verdict is stale
    assert commits(lake) == before


def test_an_earlier_date_is_filled_in_later_and_a_run_that_died_in_between_is_mended(
    lake: Lake, contracts: Contracts, monkeypatch
):
    eve = protected(contracts, DAY - dt.timedelta(days=1))
    monkeypatch.setattr(commit, "record_releases", lambda _: 0)
    assert publish(lake, eve, verdict(lake, eve), RUN) is True  # and dies before its second commit
    assert [row["date"] for row in all_releases(lake)] == [DAY]
    assert record_releases(lake) == 1
    assert record_releases(lake) == 0
    assert [row["date"] for row in all_releases(lake)] == [eve.date, DAY]


def test_what_is_withdrawn_is_no_longer_served_and_was_read_as_of_then(lake: Lake, table: ProtectedTable):
    (first,) = [row for row in all_releases(lake) if row["date"] == DAY]
    assert withdraw(lake, "outflow", DAY, "wrong cell table", "Li Na") == 1
    gone = all_releases(lake)[-1]
    assert (gone["status"], gone["reason"], gone["signed_by"]) == ("withdrawn", "wrong cell table", "Li Na")
    assert len(lake.read_pandas("flows", date=DAY)) == len(table.rows)
    reader = Reader(lake)
    with pytest.raises(PopflowError, match="no release of outflow"):
        reader.outflow("wuhan", DAY, DAY)
    then = reader.outflow("wuhan", DAY, DAY, as_of=first["released_at_utc"].isoformat())
    assert then["persons_at_least"].sum() > 0
    with pytest.raises(PopflowError, match="to withdraw"):
        withdraw(lake, "outflow", DAY, "again", "Li Na")

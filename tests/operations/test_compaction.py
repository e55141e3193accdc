"""No table's files grow without end: few are written, and the small ones of what is kept for long are put together."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from popflow.exact import replace_counts
from popflow.intake.tasks import combined
from popflow.lake import Lake
from popflow.operations import compaction
from popflow.operations.compaction import compact
from popflow.release.ledger import all_releases
from popflow.sharing.view import View

DAY = dt.date(2020, 1, 22)
WHEN = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)


def release_row(lake: Lake, date: dt.date, release: int = 1, status: str = "released"):
    row = ("outflow", date, release, status, "run", "0", "day-end-1", "ab" * 32, ["mobile"], "first release", "night")
    return lake.frame("releases", [(*row, 1000, 60, 90, WHEN)])


def flows(lake: Lake, release: int, persons: int):
    row = ("outflow", DAY, release, "area", "hubei", "all", "all", persons, "day-end-1")
    return lake.frame("flows", [row] * 50)


def append(lake: Lake, name: str, rows, app_id: str) -> None:
    """Append as `append_once` does, without Spark."""
    lake._create(name)
    once = CommitProperties(app_transactions=[Transaction(app_id, 1)])
    write_deltalake(lake.path(name), rows, mode="append", commit_properties=once)


def files(lake: Lake, name: str) -> list[str]:
    return DeltaTable(lake.path(name)).file_uris()


def test_a_row_a_file_becomes_one_file_of_all_rows_and_no_append_is_repeated(
    bare_lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compaction, "MOST_FILES", 4)
    dates = [DAY + dt.timedelta(days=n) for n in range(5)]
    for date in dates[:4]:
        append(bare_lake, "releases", release_row(bare_lake, date), f"releases/{date}")
    assert compact(bare_lake) == {}  # not yet worth it
    append(bare_lake, "releases", release_row(bare_lake, dates[4]), f"releases/{dates[4]}")
    before, old = all_releases(bare_lake), files(bare_lake, "releases")
    assert compact(bare_lake) == {"releases": 4}
    assert len(files(bare_lake, "releases")) == 1
    assert all_releases(bare_lake) == before
    assert not bare_lake.append_once("releases", release_row(bare_lake, dates[0]), f"releases/{dates[0]}", "run")
    assert [path for path in old if not Path(path).exists()] == []  # who reads the version before still can
    monkeypatch.setattr(compaction, "KEPT_HOURS", 0)
    compact(bare_lake)
    assert [path for path in old if Path(path).exists()] == []
    assert all_releases(bare_lake) == before


def test_what_is_put_together_is_said_to_change_no_row(bare_lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Delta lets an append-only table be compacted only so."""
    monkeypatch.setattr(compaction, "MOST_FILES", 1)
    for date in (DAY, DAY + dt.timedelta(days=1)):
        append(bare_lake, "releases", release_row(bare_lake, date), f"releases/{date}")
    compact(bare_lake)
    newest = sorted(Path(bare_lake.path("releases"), "_delta_log").glob("*.json"))[-1].read_text()
    assert newest.count('"dataChange":false') == 3  # one file added, two removed
    assert '"dataChange":true' not in newest


def test_a_release_stays_one_file_of_its_own_for_the_share(bare_lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compaction, "MOST_FILES", 1)
    for release, persons in ((1, 40), (2, 41)):
        append(bare_lake, "flows", flows(bare_lake, release, persons), f"flows/{release}")
        append(bare_lake, "releases", release_row(bare_lake, DAY, release), f"releases/{release}")
    compact(bare_lake)
    (shared,) = View(bare_lake).of("flows").files  # the newest release alone
    assert (shared.least["release"], shared.most["release"]) == (2, 2)
    assert len(files(bare_lake, "flows")) == 2


def test_a_partition_is_compacted_by_itself(bare_lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compaction, "MOST_FILES", 2)
    eve = DAY - dt.timedelta(days=1)
    for date, origin in [(DAY, "420102"), (DAY, "420103"), (DAY, "420104"), (eve, "420102"), (eve, "420103")]:
        row = ("outflow", date, 1, origin, "430102", "all", 0, 5, 5, {"mobile": 1})
        append(bare_lake, "base_cells", bare_lake.frame("base_cells", [row]), f"{date}/{origin}")
    before = sorted(map(repr, bare_lake.read_arrow("base_cells").to_pylist()))
    assert compact(bare_lake) == {"base_cells": 2}
    of_date = Counter(Path(path).parts[-3] for path in files(bare_lake, "base_cells"))
    assert of_date == {f"date={DAY}": 1, f"date={eve}": 2}
    assert sorted(map(repr, bare_lake.read_arrow("base_cells").to_pylist())) == before


@pytest.fixture
def cluster(lake: Lake):
    """Many shuffle partitions, as a cluster has."""
    conf = {"spark.sql.shuffle.partitions": "40", "spark.sql.adaptive.coalescePartitions.minPartitionNum": "1"}
    before = {name: lake.spark.conf.get(name) for name in conf}
    for name, value in conf.items():
        lake.spark.conf.set(name, value)
    yield lake
    for name, value in before.items():
        lake.spark.conf.set(name, value)


def intake(lake: Lake):
    """300 SIMs, 300 tallies, 300 lines of quarantine of a delivery, in 4 tasks."""
    none = (None,) * 4
    rows = [("mobile", "d", "presence", DAY, f"{n:032x}", "420102", 1, 0, *none) for n in range(300)]
    rows += [("mobile", "d", "tallies", *none, None, f"f{n}", "rows", 7, None) for n in range(300)]
    rows += [("mobile", "d", "quarantine", *none, None, f"f{n}", "no_token", None, 1) for n in range(300)]
    return lake.spark.createDataFrame(lake.frame("intake", rows)).repartition(4)


@pytest.mark.parametrize("coalesced", ["true", "false"])
def test_an_intake_on_a_cluster_writes_few_files(cluster: Lake, coalesced: str):
    cluster.spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", coalesced)
    try:
        cluster.replace_partitions("intake", combined(intake(cluster)), [{"mno": "mobile", "delivery_id": "d"}])
    finally:
        cluster.spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "true")
    of_kind = Counter(Path(path).parent.name for path in files(cluster, "intake"))
    assert (of_kind["kind=tallies"], of_kind["kind=quarantine"]) == (1, 1)
    assert (of_kind["kind=presence"] == 1) == (coalesced == "true")
    assert len(cluster.read_arrow("presence")) == 300


def test_what_fits_the_driver_is_one_file_also_where_spark_writes_it(cluster: Lake):
    cluster.append_once("flows", flows(cluster, 1, 40), "flows/1", "run")
    assert len(files(cluster, "flows")) == 1


@pytest.mark.parametrize("where", ["encrypted", "on a cluster"])
def test_a_nations_pairs_pass_through_the_driver_of_one_machine_alone_and_in_clear(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, where: str
):
    counts = [(DAY, "420102", "420103", 5, 5, {"mobile": 1})]
    frame = lake.spark.createDataFrame(lake.frame("flows_exact", counts))
    replace_counts(lake, "flows_exact", frame, date=DAY)
    if where == "encrypted":
        monkeypatch.setattr(lake, "encrypts", lambda contract: True)
    else:
        monkeypatch.setattr(lake.spark.sparkContext, "master", "spark://somewhere:7077")
    monkeypatch.setattr(type(frame), "toArrow", None)
    replace_counts(lake, "flows_exact", frame, date=DAY)
    monkeypatch.undo()
    assert [commit["operation"] for commit in lake.history("flows_exact")][:2] == ["WRITE", "WRITE"]
    assert lake.read_arrow("flows_exact")["persons"].to_pylist() == [5]

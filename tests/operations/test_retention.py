"""What is older than its contract allows is gone from the disk, and nothing else is."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations import retention
from popflow.operations.retention import enforce_retention, verify_retention
from popflow.operations.turns import one_at_a_time

DAY = dt.date(2020, 2, 1)


def days_ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days=days)


def fill(lake: Lake) -> None:
    """Deliveries of 5 and 6 days ago, flows of 4 and 5 days ago, three editions of the register."""
    when = dt.datetime(2020, 2, 1, tzinfo=dt.UTC)

    def write(name: str, rows: list[tuple]) -> None:
        lake.replace(name, lake.frame(name, rows))

    write("deliveries", [("mobile", f"d{n}", days_ago(n), "f", "all", "ab" * 32, 1, "accepted", when) for n in (5, 6)])
    presence = ("presence", None, "t" * 32, "420102", 1, 0, None, None, None, None)
    write("intake", [("mobile", f"d{n}", *presence) for n in (5, 6)] + [("mobile", "died", *presence)])
    write("flows_exact", [(days_ago(n), "420102", "420103", 5, 5, {"mobile": 1}) for n in (4, 5)])
    keys = ("s", "p", "a" * 32, "b" * 32, "person", 1)
    write("subscribers", [(days_ago(n), "mobile", *keys) for n in (40, 20, 3)])


def on_disk(lake: Lake, table: str) -> set[str]:
    files = Path(lake.path(table)).rglob("*.parquet")
    return {part for file in files if "_delta_log" not in file.parts for part in file.parts if "=" in part}


def test_what_is_too_old_leaves_the_disk_and_nothing_else(lake: Lake, tmp_path: Path):
    fill(lake)
    landing = tmp_path / "landing"
    for days in (7, 8):
        (landing / "mobile" / str(days_ago(days)) / "d").mkdir(parents=True)
    before = verify_retention(lake, DAY, landing)
    assert len(before) == 5  # delivery of 6 days ago, the one that died, flows of 5, register of 40, landing of 8
    report = enforce_retention(lake, DAY, landing)
    assert report.ok, report.remaining
    assert on_disk(lake, "flows_exact") == {f"date={days_ago(4)}"}
    assert {part for part in on_disk(lake, "intake") if "delivery" in part} == {"delivery_id=d5"}
    assert {part for part in on_disk(lake, "subscribers") if "as_of" in part} == {
        f"as_of={days_ago(20)}",  # replaced 3 days ago
        f"as_of={days_ago(3)}",
    }
    assert [path.name for path in (landing / "mobile").iterdir()] == [str(days_ago(7))]
    assert report.deleted == {"deliveries": 0, "flows_exact": 1, "intake": 2, "landing": 1, "subscribers": 1}
    assert lake.read("flows_exact").count() == 1

    left = Path(lake.path("flows_exact")) / f"date={days_ago(100)}" / "part-0.parquet"  # by somebody's hand
    left.parent.mkdir()
    left.write_bytes(b"PAR1")
    assert verify_retention(lake, DAY) == [str(left)]


def test_object_storage_keeps_for_some_hours_what_a_version_had(
    contracts: Contracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seconds = 0.5
    monkeypatch.setattr(retention, "OBJECT_STORE_HOURS", seconds / 3600)
    monkeypatch.setattr(retention, "is_local", lambda place: False)
    lake = Lake(tmp_path / "lake", contracts)
    rows = [(days_ago(n), "420102", "420103", 5, 5, {"mobile": 1}) for n in (4, 5)]
    lake.replace("flows_exact", lake.frame("flows_exact", rows))
    time.sleep(1.5 * seconds)
    lake.delete("flows_exact", f"date = '{days_ago(5)}'")
    assert verify_retention(lake, DAY) == []  # no file is so young any more, but the version before the deletion is
    time.sleep(1.5 * seconds)
    (overdue,) = verify_retention(lake, DAY)
    assert overdue.startswith(f"{lake.path('flows_exact')}/date={days_ago(5)}/")


def test_two_nights_do_not_run_at_once(bare_lake: Lake):
    with one_at_a_time(bare_lake, "night of 2020-01-22"):
        said = r"another run is at work \(night of 2020-01-22, process \d+\)"
        with pytest.raises(PopflowError, match=said), one_at_a_time(bare_lake, "night of 2020-01-22"):
            pass
        waited = threading.Event()

        def second() -> None:
            with one_at_a_time(bare_lake, "retention", wait=True):
                waited.set()

        thread = threading.Thread(target=second)
        thread.start()
        assert not waited.is_set()
    thread.join(timeout=30)
    assert waited.is_set()
    assert (Path(bare_lake.zone("ops")) / "night.lock").stat().st_mode & 0o077 == 0


def test_a_process_that_died_leaves_no_lock(bare_lake: Lake):
    child = os.fork()
    if child == 0:
        with one_at_a_time(bare_lake, "night"):
            os._exit(9)
    os.waitpid(child, 0)
    with one_at_a_time(bare_lake, "night"):
        pass

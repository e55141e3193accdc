"""A night's intake, from landing to presence, through Spark and Delta."""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from landing_files import A, B, D, mobile_bytes, telecom_bytes, unicom_bytes
from pyspark import cloudpickle

from popflow.errors import PopflowError
from popflow.intake import conservation, tasks
from popflow.intake.night import Engine, take_in
from popflow.intake.presence import presence_of
from popflow.intake.report import delivery_report
from popflow.lake import Lake
from popflow.quality.night import usual_sims

Deliver = Callable[..., Path]
NIGHT = "2020-01-22 23:59:59"


def seen(lake: Lake, date: dt.date = D) -> set[tuple]:
    """Presence of a date."""
    rows = presence_of(lake, date, sorted(lake.contracts.mno_bits())).collect()
    return {(r.mno, r.sim_token, r.county_code, r.slots_lo, r.slots_hi) for r in rows}


def statuses(lake: Lake) -> set[tuple[str, str, str]]:
    """What became of each file."""
    files = lake.read_pandas("deliveries")
    return set(zip(files.delivery_id, files.file, files.status, strict=True))


@pytest.mark.parametrize("engine", ["kernel", "duckdb", "spark"])
def test_three_formats_come_to_the_same_presence(
    known_cells: Lake, landing: Path, deliver: Deliver, engine: Engine
) -> None:
    records = [(A, "2020-01-22 00:10:00", 1, 1), (A, "2020-01-22 12:00:00", 1, 1), (B, NIGHT, 1, 2)]
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes(*records), 3)})
    deliver("unicom", "u1", {"a.parquet": (unicom_bytes(*records), 3)})
    deliver("telecom", "t1", {"a.jsonl.gz": (telecom_bytes(*records), 3)})
    told: list[str] = []
    mnos = ["mobile", "unicom", "telecom"]
    summary = take_in(known_cells, str(landing), D, mnos, engine=engine, on_progress=told.append)
    per_mno = {(A, "420102", 1, 1), (B, "430102", 0, 1 << 47)}
    assert seen(known_cells) == {(mno, *row) for mno in mnos for row in per_mno}
    assert [(m.rows, m.accepted, m.by_reason) for m in summary.mnos.values()] == [(3, 3, {})] * 3
    assert summary.taken_now == ["mobile/m1", "telecom/t1", "unicom/u1"]
    assert all(re.fullmatch(r"\d+ of \d+ tasks", one) for one in told)
    commits = len(known_cells.history("intake"))
    assert Path(known_cells.zone("restricted")).stat().st_mode & 0o777 == 0o700
    again = take_in(known_cells, str(landing), D, mnos, engine=engine)
    assert (again.taken_now, again.mnos) == ([], summary.mnos)
    assert len(known_cells.history("intake")) == commits


def test_redelivered_and_late_files_and_the_report(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    lake, first = known_cells, mobile_bytes((A, NIGHT, 1, 1), (A, NIGHT, 1, 1), ("c" * 30 + "40", NIGHT, 1, 1))
    deliver("mobile", "m1", {"a.csv.gz": (first, 3), "copy.csv.gz": (first, 3)})
    folder = deliver("mobile", "m2", {"b.csv.gz": (first, 3), "gone.csv.gz": (mobile_bytes((B, NIGHT, 1, 1)), 1)})
    (folder / "gone.csv.gz").unlink()
    (folder / "other.csv.gz").write_bytes(first)
    summary = take_in(lake, str(landing), D, ["mobile"])
    mobile = summary.mnos["mobile"]
    assert statuses(lake) == {("m1", "a.csv.gz", "accepted"), ("m1", "copy.csv.gz", "redelivered"),
                              ("m2", "b.csv.gz", "redelivered"), ("m2", "gone.csv.gz", "quarantined")}  # fmt: skip
    assert (mobile.rows, mobile.accepted, mobile.by_reason) == (4, 3, {"file_missing": 1})
    assert (mobile.files, mobile.redelivered_files, mobile.quarantined_files) == (4, 2, 1)
    named = {(r.file, r.reason) for r in lake.read("quarantine").collect()}
    assert named == {("gone.csv.gz", "file_missing"), ("other.csv.gz", "file_unlisted")}
    assert [line.removeprefix(f"{landing}/") for line in summary.warnings() if "set aside" in line] == [
        "mobile: 1 file(s) set aside whole; the first is m2/gone.csv.gz: the manifest lists it and it is not there",
        f"mobile/{D}/m2: 1 file(s) that its manifest does not list, set aside; the first is other.csv.gz",
    ]

    tomorrow = D + dt.timedelta(days=1)
    late = mobile_bytes((A, "2020-01-22 08:00:00", 1, 2), (A, "2020-01-23 08:00:00", 1, 2))
    deliver("mobile", "m3", {"c.csv.gz": (late, 2), "again.csv.gz": (first, 3)}, date=tomorrow)
    summary = take_in(lake, str(landing), tomorrow, ["mobile"])
    assert summary.newly_touched_dates == [D, tomorrow]
    assert summary.mnos["mobile"].redelivered_files == 1
    assert seen(lake) == {("mobile", A, "420102", 0, 1 << 47), ("mobile", A, "430102", 1 << 32, 0),
                          ("mobile", "c" * 30 + "40", "420102", 0, 1 << 47)}  # fmt: skip

    subscribers = [(D, "mobile", A, "p", "0" * 32, "1" * 32, "iot", 1)]
    lake.replace("subscribers", lake.frame("subscribers", subscribers))
    (row,) = delivery_report(lake, D).to_dict("records")
    wanted = {"mno": "mobile", "deliveries": 2, "files": 4, "rows": 4, "accepted": 3, "in_quarantined_files": 1,
              "late_records": 1, "first_hour": 8, "last_hour": 23, "active_sims": 2, "no_person_sims": 1}  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    activity = {"mno": "mobile", "prefecture_code": "420100", "sims_by_hour": [0] * 24}
    nights = [
        activity | {"date": D - dt.timedelta(days=days), "sims": sims} for days, sims in ((0, 2), (1, 4), (20, 90))
    ]
    lake.replace("activity", lake.frame("activity", pd.DataFrame(nights)))
    (row,) = delivery_report(lake, tomorrow, usual_sims(lake, tomorrow)).to_dict("records")
    assert (row["active_sims"], row["active_sims_norm"], row["active_share"]) == (1, 3, 0.333)


def test_a_copy_of_a_damaged_file_counts(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    content = mobile_bytes((A, NIGHT, 1, 1))
    folder = deliver("mobile", "m1", {"a.csv.gz": (content, 1)})
    (folder / "a.csv.gz").write_bytes(content[:-5])
    deliver("mobile", "m2", {"a.csv.gz": (content, 1)})
    take_in(known_cells, str(landing), D, ["mobile"])
    assert statuses(known_cells) == {("m1", "a.csv.gz", "quarantined"), ("m2", "a.csv.gz", "accepted")}
    assert seen(known_cells) == {("mobile", A, "420102", 0, 1 << 47)}


def test_a_file_that_was_gone_counts_when_it_is_back(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    kept, gone = mobile_bytes((A, NIGHT, 1, 1)), mobile_bytes((B, NIGHT, 1, 2))
    folder = deliver("mobile", "m1", {"a.csv.gz": (kept, 1), "b.csv.gz": (gone, 1)})
    deliver("mobile", "m2", {"again.csv.gz": (kept, 1)})
    (folder / "b.csv.gz").rename(folder.parent / "elsewhere")
    take_in(known_cells, str(landing), D, ["mobile"])
    assert ("m1", "b.csv.gz", "quarantined") in statuses(known_cells)
    assert take_in(known_cells, str(landing), D, ["mobile"]).taken_now == []

    (folder.parent / "elsewhere").rename(folder / "b.csv.gz")
    summary = take_in(known_cells, str(landing), D, ["mobile"])
    assert (summary.taken_now, summary.mnos["mobile"].by_reason) == (["mobile/m1"], {})
    assert statuses(known_cells) == {("m1", "a.csv.gz", "accepted"), ("m1", "b.csv.gz", "accepted"),
                                     ("m2", "again.csv.gz", "redelivered")}  # fmt: skip
    assert seen(known_cells) == {("mobile", A, "420102", 0, 1 << 47), ("mobile", B, "430102", 0, 1 << 47)}
    assert take_in(known_cells, str(landing), D, ["mobile"]).taken_now == []


def test_a_missing_mno_changes_nothing(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes((A, NIGHT, 1, 1)), 1)})
    with pytest.raises(PopflowError, match="2020-01-22 is held back: no delivery of unicom"):
        take_in(known_cells, str(landing), D, ["mobile", "unicom"])
    (deliver("unicom", "u1", {"a": (b"", 0)}) / "manifest.json").unlink()
    with pytest.raises(PopflowError, match=r"no delivery of unicom is ready, .* has no manifest.json yet"):
        take_in(known_cells, str(landing), D, ["mobile", "unicom"])
    (landing / "unicom" / str(D) / "u1" / "manifest.json").write_text("{")
    with pytest.raises(PopflowError, match=r"u1/manifest\.json: not valid JSON"):
        take_in(known_cells, str(landing), D, ["mobile", "unicom"])
    assert not known_cells.exists("intake")


def test_one_delivery_never_ends_the_intake_of_all(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes((A, NIGHT, 1, 1)), 1)})
    names = ("[ab].parquet", "sim=bb.parquet", "link", "pipe")
    sound = {name: (unicom_bytes((A, f"2020-01-22 23:59:0{n}", 1, 1)), 1) for n, name in enumerate(names)}
    folder = deliver("unicom", "sim=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", sound)
    (folder / "a.parquet").write_bytes(unicom_bytes((B, NIGHT, 1, 2)))
    for odd, name in (("/dev/zero", "link"), ("loop", "loop")):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(odd)
    for name in ("pipe", "pipe too"):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    for name, manifest in (
        ("deep", "[" * 200_000),
        ("rows", '{"files": [{"rows": 1' + "0" * 25 + "}]}"),
        ("none", "{"),
    ):
        (deliver("unicom", name, {}) / "manifest.json").write_text(manifest)
    (folder.parent / "linked").symlink_to(folder)
    os.mkfifo(deliver("mobile", "piped", {}) / "x")
    (landing / "mobile" / str(D) / "piped" / "manifest.json").unlink()
    os.mkfifo(landing / "mobile" / str(D) / "piped" / "manifest.json")
    summary = take_in(known_cells, str(landing), D, ["mobile", "unicom"])
    assert summary.taken_now == ["mobile/m1", "unicom/sim=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]
    assert seen(known_cells) == {(mno, A, "420102", 0, 1 << 47) for mno in ("mobile", "unicom")}
    assert sorted(Path(line.partition(": ")[0]).relative_to(landing).parts[2] for line in summary.refused) == [
        "deep", "linked", "none", "piped", "rows"]  # fmt: skip
    named = {(row.file, row.reason) for row in known_cells.read("quarantine").collect()}
    assert named == {("link", "file_irregular"), ("pipe", "file_irregular"), ("loop", "file_unlisted"),
                     ("pipe too", "file_unlisted"), ("a.parquet", "file_unlisted")}  # fmt: skip


def test_an_id_is_an_mnos_once_and_a_manifest_stands(known_cells: Lake, landing: Path, deliver: Deliver) -> None:
    content, other = mobile_bytes((A, NIGHT, 1, 1)), mobile_bytes((B, NIGHT, 1, 1))
    deliver("mobile", "m1", {"a.csv.gz": (content, 1)})
    take_in(known_cells, str(landing), D, ["mobile"])
    deliver("mobile", "m1", {"a.csv.gz": (other, 1)})
    assert "its manifest has changed" in take_in(known_cells, str(landing), D, ["mobile"]).refused[0]
    tomorrow = D + dt.timedelta(days=1)
    deliver("mobile", "m1", {"a.csv.gz": (other, 1)}, date=tomorrow)
    with pytest.raises(PopflowError, match="m1 was taken in for 2020-01-22"):
        take_in(known_cells, str(landing), tomorrow, ["mobile"])
    assert seen(known_cells) == {("mobile", A, "420102", 0, 1 << 47)}


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test's module


class FirstAttemptFails(tasks.PackTask):
    """A task that is lost after it has given rows, until a marker says that it was."""

    marker = Path()

    def __call__(self, batches: Any) -> Any:
        """Yield some rows, then die once."""
        for batch in super().__call__(batches):
            yield batch
            if not self.marker.exists():
                self.marker.touch()
                raise OSError("the worker was lost")


def test_a_retried_task_leaves_exact_rows(
    known_cells: Lake, landing: Path, deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "failed-once"

    def failing(*given: Any) -> tasks.PackTask:
        task = FirstAttemptFails(*given)
        task.marker = marker
        return task

    monkeypatch.setattr("popflow.intake.night.tasks.PackTask", failing)
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes((A, NIGHT, 1, 1), (B, NIGHT, 1, 99)), 2)})
    summary = take_in(known_cells, str(landing), D, ["mobile"])
    assert marker.exists()
    assert summary.mnos["mobile"].by_reason == {"unknown_cell": 1}
    assert seen(known_cells) == {("mobile", A, "420102", 0, 1 << 47)}


def tallies(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Tallies of one delivery: (file, reason, records)."""
    frame = pd.DataFrame(rows, columns=["file", "reason", "records"])
    return frame.assign(mno="mobile", delivery_id="m1")


@pytest.mark.parametrize(
    "counted",
    [
        [("a", "rows", 3), ("a", "accepted", 2)],
        [("a", "rows", 2), ("a", "accepted", 2)],
        [("a", "rows", 3), ("a", "accepted", 2), ("a", "no_token", 2)],
        [],
        [("a", "rows", 3), ("a", "accepted", 3), ("b", "rows", 1), ("b", "accepted", 1)],
        [("a", "rows", 3), ("a", "rows", 3), ("a", "accepted", 3)],
    ],
)
def test_the_law_fails_on_any_difference(counted: list) -> None:
    with pytest.raises(PopflowError, match=r"conservation law: mobile/m1/[ab]: the manifest has \d rows"):
        conservation.refuse_difference({("mobile", "m1", "a"): 3}, tallies(*counted))


def test_the_law_holds_where_all_is_accounted_for() -> None:
    counted = [
        ("a", "rows", 3),
        ("a", "accepted", 1),
        ("a", "accepted", 1),
        ("a", "unknown_cell", 1),
        ("a", "sampled", 3),
    ]
    conservation.refuse_difference({("mobile", "m1", "a"): 3}, tallies(*counted))

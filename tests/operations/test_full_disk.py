"""On a full disk nothing is written in part: no entry, no read; what stood there before stays."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.events import RunLog
from popflow.operations.owner_only import append_private, write_private
from popflow.operations.purposes import watch
from popflow.operations.trail import Trail, verify

LEFT = 40  # bytes that the disk still takes


@pytest.fixture
def fill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let os.write take so many bytes more, as a disk does that fills up: fewer than it was given, then none."""
    whole = os.write

    def filling(left: int) -> None:
        def write(handle: int, data: bytes) -> int:
            nonlocal left
            if not left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            taken = whole(handle, data[:left])
            left -= taken
            return taken

        monkeypatch.setattr(os, "write", write)

    return filling


def test_a_restricted_table_is_not_read_where_its_entry_does_not_fit(
    tmp_path: Path, contracts: Contracts, fill: Callable[[int], None]
):
    lake = watch(Lake(tmp_path / "lake", contracts), "run1")
    lake.replace("flows_exact", lake.frame("flows_exact", []))
    trail = Trail.of(lake)
    before = trail.path.read_bytes()
    fill(LEFT)
    with pytest.raises(PopflowError, match=r"trail.jsonl: could not be written \(No space left on device\)"):
        lake.read_pandas("flows_exact")
    assert trail.path.read_bytes() == before


def test_an_entry_without_room_for_its_anchor_stops_the_read_and_nothing_else(tmp_path: Path, fill):
    trail = Trail(tmp_path / "trail.jsonl", tmp_path / "elsewhere.anchor")
    trail.append("read", "presence", "run1", "epidemic_prevention")
    size = trail.path.stat().st_size
    fill(size + LEFT)
    with pytest.raises(PopflowError, match=r"elsewhere\.anchor"):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere.anchor", "trail.jsonl", "trail.lock"]
    assert verify(trail.path, trail.anchor).ok


def test_an_event_is_written_whole_or_not_at_all(tmp_path: Path, contracts: Contracts, fill: Callable[[int], None]):
    import datetime as dt

    log = RunLog.of(Lake(tmp_path / "lake", contracts), dt.date(2020, 1, 22), "run1")
    log.say("began")
    fill(LEFT)
    with pytest.raises(PopflowError, match=r"2020-01-22\.jsonl: could not be written"):
        log.say("went_on")
    events = (log.folder / "events" / "2020-01-22.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in events] == ["began"]


def test_a_file_keeps_its_old_text_and_no_draft_is_left(tmp_path: Path, fill: Callable[[int], None]):
    path = write_private(tmp_path / "grants.json", "old")
    fill(LEFT)
    with pytest.raises(PopflowError, match=r"grants\.json"):
        write_private(path, "new" * 100)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_short_write_that_goes_on_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: whole(handle, data[:7]))
    append_private(tmp_path / "a.jsonl", "a line of more than seven bytes\n")
    assert (tmp_path / "a.jsonl").read_text() == "a line of more than seven bytes\n"


LIMITED = """
import sys, pathlib
from popflow import contracts
from popflow.lake import Lake
from popflow.errors import PopflowError
from popflow.operations.owner_only import append_private, write_private
from popflow.operations.trail import Trail
folder = pathlib.Path(sys.argv[1])
trail = Trail(folder / "trail.jsonl")
for doing in (
    lambda: [trail.append("read", "presence", "run", "epidemic_prevention") for _ in range(100)],
    lambda: write_private(folder / "kept.json", "x" * 100_000),
    lambda: [append_private(folder / "events.jsonl", "y" * 100 + "\\n") for _ in range(1000)],
):
    try:
        doing()
        print("written")
    except PopflowError as error:
        print(error)
lake = Lake(folder / "lake", contracts.load())
lake.write_text("restricted", "_audit/passed.json", "old")
try:
    lake.write_text("restricted", "_audit/passed.json", "z" * 100_000)
except OSError:
    print(lake.read_text("restricted", "_audit/passed.json"))
"""


def test_where_the_machine_itself_refuses_more_bytes_what_is_there_is_whole(tmp_path: Path):
    (tmp_path / "kept.json").write_text("old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    call = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(call, capture_output=True, text=True, check=True, preexec_fn=limit).stdout.splitlines()
    assert len(said) == 4
    assert all("could not be written (File too large)" in line for line in said[:3])
    assert said[3] == "old"
    assert verify(tmp_path / "trail.jsonl").entries > 10
    assert (tmp_path / "kept.json").read_text() == "old"
    assert {len(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()} == {100}

"""After a night: page, retention, leak scan; a leak stops it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from popflow import pipeline
from popflow.cli import app
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.events import RunLog
from popflow.operations.upkeep import main, upkeep

DAY = dt.date(2020, 1, 22)


def test_the_page_shows_the_last_nights_and_holds_no_leak(bare_lake: Lake):
    RunLog.of(bare_lake, DAY, "run1").finish("held", "waiting for telecom <script>")
    figures = upkeep(bare_lake, DAY, "run2")
    page = Path(bare_lake.zone("ops")) / "quality_page.html"
    assert "waiting for telecom &lt;script&gt;" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
    assert {stage["outcome"] for stage in figures.values()} == {"done"}


def test_a_leak_in_the_lake_stops_it_and_is_said_in_one_line(bare_lake: Lake, capsys: pytest.CaptureFixture[str]):
    (Path(bare_lake.zone("published"))).mkdir(parents=True)
    token = "0123456789abcdef" * 2
    (Path(bare_lake.zone("published")) / "export.csv").write_text(f"a,{token}\n")
    with pytest.raises(PopflowError, match=r"export\.csv: shape of a token at line 1"):
        upkeep(bare_lake, DAY, "run2")
    assert main(["--date", str(DAY), "--lake", bare_lake.root]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert token not in said
    ops = [path.read_text() for path in Path(bare_lake.zone("ops")).rglob("*") if path.is_file()]
    assert not any(token in text for text in ops)


def test_deliveries_in_object_storage_are_not_passed_over_in_silence(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--date", str(DAY), "--lake", "lake", "--landing", "s3://landing"])
    assert "s3://landing: deliveries in object storage end by a lifecycle rule of the bucket" in capsys.readouterr().err


def test_a_night_by_hand_ends_with_its_upkeep(
    bare_lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ran: list[dt.date] = []
    monkeypatch.setattr(pipeline, "nightly", lambda lake, night: ran.append(night.date) or {})
    call = ["nightly", "--date", str(DAY), "--landing", "landing", "--lake", bare_lake.root]
    app([*call, "--no-upkeep"], standalone_mode=False)
    page = Path(bare_lake.zone("ops")) / "quality_page.html"
    assert not page.exists()
    app(call, standalone_mode=False)
    assert ran == [DAY, DAY]
    assert page.exists()
    assert "upkeep: 0 partitions past their retention deleted, no token in " in "".join(capsys.readouterr())

"""What the person on duty reads: whole within 80 columns, as JSON for programs, and an exit code for a monitor."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import published_lake
from popflow import contracts
from popflow.cli import app
from popflow.cli.screen import show_each
from popflow.errors import AtWork, Held, PopflowError
from popflow.lake import Lake
from popflow.operations.recorded_run import recorded_run

D20, D21, D22, D23 = (dt.date(2020, 1, day) for day in (20, 21, 22, 23))
ROWS = [("area", "hubei", "all", "all", 1000)]
LONG = "conservation law: 33f9b1-telecom/2020-01-22: the manifest has 1,234,567 rows, 1,234,566 were read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The 20th released, the 21st held, the 22nd failed in a stage."""
    folder = tmp_path / "lake"
    published_lake.publish(folder, D20, ROWS)
    lake = Lake(folder, contracts.load())
    run(lake, D21, Held(f"{D21} is held back: no delivery of telecom in landing"))
    run(lake, D22, PopflowError(LONG))
    return folder


def run(lake: Lake, date: dt.date, error: Exception, stage: str | None = "intake") -> None:
    """A night that ends with an error in a stage, or before any."""
    with pytest.raises(type(error)):
        _ended(lake, date, error, stage)


def _ended(lake: Lake, date: dt.date, error: Exception, stage: str | None) -> None:
    with recorded_run(lake, date, f"run-{date}-{type(error).__name__}", "a night") as log:
        if stage is None:
            raise error
        with log.stage(stage, [], []):
            raise error


def monitor(*words: str) -> tuple[int, str]:
    call = [sys.executable, "-c", "from popflow.cli import main; main()", "status", "--check", *words]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    assert said.count("\n") == 1, said
    return ended.returncode, said


def test_a_monitor_tells_a_good_night_a_held_one_a_failed_one_and_a_wrong_path_apart(folder: Path, tmp_path: Path):
    lake = ["--lake", str(folder)]
    assert monitor("--date", str(D20), *lake)[0] == 0
    held, said = monitor("--date", str(D21), *lake)
    assert (held, "no delivery of telecom" in said) == (3, True)
    failed, said = monitor("--date", str(D22), *lake)
    assert (failed, LONG in said) == (4, True)
    assert monitor(*lake)[0] == 4  # the newest night
    missing, said = monitor("--date", str(D23), *lake)
    assert (missing, "it was not run" in said) == (3, True)
    wrong, said = monitor("--lake", str(tmp_path / "elsewhere"))
    assert (wrong, "there is no lake" in said) == (1, True)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("error", [PopflowError("nights run in order"), AtWork("another run is at work")])
def test_a_refused_call_is_no_failed_night(folder: Path, error: Exception):
    lake = Lake(folder, contracts.load())
    run(lake, D20, error, stage=None)  # of a date that is released
    run(lake, D21, error, stage=None)  # of one that is held
    run(lake, D23, error, stage=None)  # of one of which nothing else is known
    listed = {row["date"]: row["state"] for row in told("status", folder)}
    assert listed == {str(D23): "refused", str(D22): "failed", str(D21): "held", str(D20): "released"}


def told(command: str, folder: Path, *words: str) -> list[dict]:
    outcome = CliRunner().invoke(app, [command, "--format", "json", "--lake", str(folder), *words])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.output)


def test_what_is_listed_is_whole_within_80_columns(folder: Path):
    for command in ("status", "releases"):
        lines = CliRunner().invoke(app, [command, "--lake", str(folder)]).output.splitlines()
        assert max(map(len, lines)) <= 80, command
        assert not any("…" in line for line in lines)
    text = CliRunner().invoke(app, ["status", "--lake", str(folder)]).output
    assert f"{D22}  failed" in text
    assert LONG in " ".join(text.split())


def test_releases_and_status_are_objects_for_programs(folder: Path):
    (release,) = told("releases", folder)
    assert (release["indicator"], release["release"], release["status"]) == ("outflow", 1, "released")
    assert [row["date"] for row in told("status", folder, "--nights", "2")] == [str(D22), str(D21)]


@pytest.mark.parametrize("command", ["status", "releases", "doctor"])
def test_another_format_is_refused(folder: Path, command: str):
    with pytest.raises(PopflowError, match="--format yaml: text or json"):
        CliRunner().invoke(app, [command, "--format", "yaml", "--lake", str(folder)], catch_exceptions=False)


def test_numbers_dates_and_chinese_are_never_cut(capsys: pytest.CaptureFixture[str]):
    row = {"mno": "telecom", "rows": 1_234_567_890, "share": 0.5, "why": "因" * 60, "none": None, "zero": 0}
    show_each(pd.DataFrame([row | {f"column_{n}": 10**n for n in range(8)}]), "Deliveries", named=("mno",))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Deliveries", "", "telecom"]
    assert "1,234,567,890" in "\n".join(lines)
    assert "10,000,000" in "\n".join(lines)
    assert "".join(lines).count("因") == 60
    assert max(sum(2 if letter == "因" else 1 for letter in line) for line in lines) <= 80
    assert not any(line.startswith(("  none", "  zero")) for line in lines)  # nothing to tell, among so many columns
    show_each(pd.DataFrame([row]), "Few", named=("mno",))
    assert any(line.split() == ["zero", "0"] for line in capsys.readouterr().out.splitlines())


def test_doctor_keeps_to_80_columns_and_is_an_object_too(folder: Path):
    text = CliRunner().invoke(app, ["doctor", "--reading", "--lake", str(folder)]).output
    assert all(len(line) <= 80 or len(line.split()) <= 2 for line in text.splitlines())  # a path stays whole
    outcome = CliRunner().invoke(app, ["doctor", "--reading", "--format", "json", "--lake", str(folder)])
    findings = json.loads(outcome.output[: outcome.output.rindex("]") + 1])
    assert {"what", "state", "found", "mend"} <= set(findings[0])

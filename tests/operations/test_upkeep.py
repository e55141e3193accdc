"""After a night: page, retention, leak scan; a leak stops it."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from computed_nights import computed_night
from popflow import pipeline
from popflow.cli import app
from popflow.cli.app import stopping_in_one_line
from popflow.errors import Held, PopflowError
from popflow.lake import Lake
from popflow.operations.events import RunLog
from popflow.operations.turns import one_at_a_time
from popflow.operations.upkeep import ages_as_of, main, upkeep

DAY = dt.date(2020, 1, 22)


def test_the_page_shows_the_last_nights_and_holds_no_leak(bare_lake: Lake):
    RunLog.of(bare_lake, DAY, "run1").finish("held", "waiting for telecom <script>")
    figures = upkeep(bare_lake, DAY, "run2", "landing").stages
    page = Path(bare_lake.zone("ops")) / "quality_page.html"
    assert "waiting for telecom &lt;script&gt;" in page.read_text()
    assert page.stat().st_mode & 0o077 == 0
    assert {stage["outcome"] for stage in figures.values()} == {"done"}


def test_a_leak_in_the_lake_stops_it_and_is_said_in_one_line(bare_lake: Lake, capsys: pytest.CaptureFixture[str]):
    (Path(bare_lake.zone("published"))).mkdir(parents=True)
    token = "0123456789abcdef" * 2
    (Path(bare_lake.zone("published")) / "export.csv").write_text(f"a,{token}\n")
    with pytest.raises(PopflowError, match=r"export\.csv: shape of a token at line 1"):
        upkeep(bare_lake, DAY, "run2", "landing")
    assert main(["--date", str(DAY), "--lake", bare_lake.root, "--landing", "landing"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert token not in said
    ops = [path.read_text() for path in Path(bare_lake.zone("ops")).rglob("*") if path.is_file()]
    assert not any(token in text for text in ops)


def test_deliveries_in_object_storage_are_not_passed_over_in_silence(
    bare_lake: Lake, capsys: pytest.CaptureFixture[str]
):
    assert main(["--date", str(DAY), "--lake", bare_lake.root, "--landing", "s3://landing"]) == 0
    assert "s3://landing: deliveries in object storage end by a lifecycle rule of the bucket" in capsys.readouterr().err


def test_no_upkeep_forgets_the_deliveries(bare_lake: Lake, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--date", str(DAY), "--lake", bare_lake.root])
    assert "--landing" in capsys.readouterr().err
    assert main(["--date", str(DAY), "--lake", bare_lake.root, "--landing", ""]) == 1


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
    said = "".join(capsys.readouterr())
    assert "upkeep: 0 partitions and deliveries past their retention deleted, no token in " in said


def delivered(landing: Path, date: dt.date) -> Path:
    """A delivery of a date, as far as its age is concerned."""
    folder = landing / "mobile" / str(date) / f"d-{date}"
    folder.mkdir(parents=True)
    (folder / "1.csv.gz").touch()
    return folder


def night_by_hand(lake: Lake, date: dt.date, landing: Path) -> int:
    """Exit code of `popflow nightly`."""
    call = ["nightly", "--date", str(date), "--landing", str(landing), "--lake", lake.root]
    try:
        stopping_in_one_line(lambda: app(call, standalone_mode=False))
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_two_nights_eight_days_apart_leave_no_old_delivery(
    bare_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline, "nightly", lambda lake, night: computed_night(lake, night.date) or {})
    dates = [DAY, DAY + dt.timedelta(days=8)]
    folders = [delivered(tmp_path, date) for date in dates]
    for date in dates:
        assert night_by_hand(bare_lake, date, tmp_path) == 0
    assert [folder.exists() for folder in folders] == [False, True]


class UnforeseenError(Exception):
    """Something that nobody has foreseen."""


@pytest.mark.parametrize(
    ("failure", "code", "line"),
    [
        (Held("waiting for telecom"), 3, "popflow: waiting for telecom"),
        (PopflowError("data-quality check intake"), 1, "popflow: data-quality check intake"),
        (UnforeseenError("secret"), 1, "popflow: unforeseen UnforeseenError; POPFLOW_DEBUG=1"),
    ],
)
@pytest.mark.parametrize("leak", [False, True])
def test_the_upkeep_follows_a_night_that_was_held_or_failed(
    bare_lake: Lake, tmp_path: Path, monkeypatch, capsys, failure: Exception, code: int, line: str, leak: bool
):
    def stopped(lake: Lake, night: object) -> None:
        raise failure

    computed_night(bare_lake, DAY)
    old = delivered(tmp_path / "landing", DAY - dt.timedelta(days=7))
    if leak:
        Path(bare_lake.zone("published")).mkdir(parents=True)
        (Path(bare_lake.zone("published")) / "export.csv").write_text("a,0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(pipeline, "nightly", stopped)
    assert night_by_hand(bare_lake, DAY + dt.timedelta(days=1), tmp_path / "landing") == code
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(line)
    assert [one.split("/")[0] for one in said[:-1]] == (["popflow: upkeep: "] if leak else [])
    assert not old.exists()


def test_a_night_that_finds_another_at_work_leaves_the_upkeep_to_it(bare_lake: Lake, tmp_path: Path, monkeypatch):
    computed_night(bare_lake, DAY)
    old = delivered(tmp_path, DAY - dt.timedelta(days=8))
    monkeypatch.setattr(pipeline, "nightly", lambda lake, night: run_in_turn(lake))
    with one_at_a_time(bare_lake, "another night"):
        assert night_by_hand(bare_lake, DAY, tmp_path) == 1
    assert old.exists()


def run_in_turn(lake: Lake) -> dict:
    with one_at_a_time(lake, "night"):
        return {}


KILLED = """
import datetime as dt, os, sys
from popflow import contracts
from popflow.lake import Lake
lake = Lake(sys.argv[1], contracts.load())
row = ("mobile", "died", "presence", dt.date(2020, 1, 23), "t" * 32, "420102", 1, 0, None, None, None, None)
lake.replace("intake", lake.frame("intake", [row]))
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_night_left_goes_with_the_next_upkeep(bare_lake: Lake, tmp_path: Path):
    """The intake had committed its rows, `deliveries` did not name them yet."""
    computed_night(bare_lake, DAY)
    done = subprocess.run([sys.executable, "-c", KILLED, bare_lake.root], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(bare_lake.read_pandas("presence", ["mno"])) == 1
    upkeep(bare_lake, DAY + dt.timedelta(days=1), "run2", str(tmp_path))
    assert bare_lake.read_pandas("presence", ["mno"]).empty
    assert list(Path(bare_lake.path("intake")).rglob("*.parquet")) == []


def test_a_failed_part_of_the_upkeep_stops_no_other(bare_lake: Lake, tmp_path: Path):
    computed_night(bare_lake, DAY)
    linked = tmp_path / "landing" / "mobile" / "2020-01-01"
    linked.parent.mkdir(parents=True)
    linked.symlink_to(tmp_path)
    Path(bare_lake.zone("published")).mkdir(parents=True)
    (Path(bare_lake.zone("published")) / "export.csv").write_text("a,0123456789abcdef0123456789abcdef\n")
    with pytest.raises(PopflowError, match=r"2020-01-01 \(a link.*export\.csv: shape of a token"):
        upkeep(bare_lake, DAY, "run2", str(tmp_path / "landing"))


TODAY = dt.date(2026, 5, 5)


@pytest.mark.parametrize(
    ("computed", "asked", "counts_to"),
    [
        ([DAY], DAY, DAY),
        ([DAY], DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=1)),
        ([DAY], dt.date(2029, 1, 22), DAY + dt.timedelta(days=1)),  # a slip of the hand must not delete everything
        ([DAY], dt.date(2025, 1, 22), DAY + dt.timedelta(days=1)),
        ([DAY], TODAY - dt.timedelta(days=1), TODAY - dt.timedelta(days=1)),  # nothing has gone well for years
        ([DAY], DAY - dt.timedelta(days=9), DAY - dt.timedelta(days=9)),
        ([], dt.date(2025, 1, 22), None),
        ([], TODAY, TODAY),
    ],
)
def test_age_counts_to_a_date_that_is_no_slip(
    bare_lake: Lake, computed: list[dt.date], asked: dt.date, counts_to: dt.date | None
):
    for date in computed:
        computed_night(bare_lake, date)
    assert ages_as_of(bare_lake, asked, TODAY) == counts_to

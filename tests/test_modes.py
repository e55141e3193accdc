"""What is restricted or scratch is its owner's alone, what is published is for everybody, whatever the umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from popflow import scratch, session
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake.storage import task_scratch
from popflow.lake import Lake
from popflow.operations.owner_only import private_folder


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    return [str(one.relative_to(folder)) for one in [folder, *folder.rglob("*")] if one.lstat().st_mode & 0o077]


def closed_to_others(folder: Path) -> list[str]:
    wanted = {True: 0o755, False: 0o644}
    return [str(one) for one in [folder, *folder.rglob("*")] if one.stat().st_mode & 0o777 != wanted[one.is_dir()]]


def test_restricted_tables_are_closed_and_published_ones_open(tmp_path: Path, contracts: Contracts):
    """Under the umask that the process takes with its first restricted table, and one wide open."""
    lake = Lake(tmp_path / "a" / "lake", contracts)
    os.umask(0o000)
    for table in ("flows_exact", "flows", "counties"):
        lake.replace(table, lake.frame(table, [])) if table != "flows" else lake._create(table)
    lake.write_text("published", "notices/1.json", "said")
    lake.make_zone("ops")
    assert os.umask(0o077) == 0o077
    assert open_to_others(tmp_path / "a" / "lake" / "restricted") == []
    assert open_to_others(tmp_path / "a" / "lake" / "ops") == []
    lake.replace("counties", lake.frame("counties", []))
    for zone in ("published", "reference"):
        assert closed_to_others(tmp_path / "a" / "lake" / zone) == []
    assert (tmp_path / "a" / "lake").stat().st_mode & 0o777 == 0o755


def test_who_may_reach_the_published_zone_is_for_its_folder_to_say(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    (tmp_path / "lake" / "published").mkdir(parents=True, mode=0o750)
    lake.write_text("published", "notices/1.json", "said")
    assert stat.S_IMODE((tmp_path / "lake" / "published").stat().st_mode) == 0o750


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POPFLOW_SCRATCH", str(tmp_path))
    return tmp_path


def test_scratch_has_a_name_that_nobody_foresees_and_is_its_owners_alone(place: Path):
    with task_scratch() as one, task_scratch() as other:
        assert one != other
        assert {one.parent, other.parent} == {place}
        assert open_to_others(one) == []
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_and_a_link_of_that_name_is_not_followed(place: Path):
    left, elsewhere = place / f"popflow-{2**22 - 1}-abc", place / "elsewhere"
    for folder in (left, elsewhere):
        folder.mkdir()
        (folder / "file").touch()
    (place / f"popflow-{2**22 - 2}-abc").symlink_to(elsewhere)
    with task_scratch():
        assert not left.exists()
        assert (elsewhere / "file").exists()


def test_a_place_for_scratch_where_others_can_replace_things_is_refused(place: Path):
    place.chmod(0o777)
    with pytest.raises(PopflowError, match="others can replace what lies there"), task_scratch():
        pass
    place.chmod(0o1777)  # as the machine's folder for temporary files
    with task_scratch():
        pass


def test_a_place_of_another_user_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getuid", lambda: place.stat().st_uid + 1)
    if place.stat().st_uid == 0:
        os.chown(place, 12345, -1)
    with pytest.raises(PopflowError, match="a folder of another user"):
        scratch.checked_place()


def test_sparks_log_is_no_link_and_its_owners_alone(place: Path):
    (place / "victim").touch(mode=0o600)
    (place / "link").symlink_to(place / "victim")
    with pytest.raises(PopflowError, match="Spark's log cannot be written there"):
        session._own_log(place / "link")
    (place / "open").touch(mode=0o644)
    with pytest.raises(PopflowError, match=r"others can read Spark's log"):
        session._own_log(place / "open")


def test_a_process_leaves_no_scratch(place: Path):
    code = "from popflow import scratch; print(scratch.of_process().stat().st_mode & 0o777)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{0o700}\n"
    assert list(place.iterdir()) == []


SHUFFLE = """
import os, time
from pathlib import Path
from popflow import scratch
from popflow.session import session
os.umask(0o022)
spark = session()
from pyspark.sql import functions as F
frame = spark.range(100000).repartition(4).groupBy((F.col("id") % 1000).alias("k")).count().persist()
frame.count()
names = spark.sparkContext.parallelize([1], 1).map(lambda _: __import__("tempfile").gettempdir()).collect()
found = [one for one in scratch.of_process().rglob("*")]
shown = [str(one) for one in found if one.lstat().st_mode & 0o077 and one.suffix != ".jar"]  # code, opened by Spark
print(len([one for one in found if one.suffix == ".data"]), shown, names == [str(scratch.of_process())])
java = spark._jvm.java.lang.System.getProperty("java.io.tmpdir")
print(java == str(scratch.of_process()), os.listdir(os.environ["POPFLOW_SCRATCH"]) == [scratch.of_process().name])
"""


@pytest.mark.slow
def test_no_shuffle_file_of_a_default_session_can_be_read_by_others(tmp_path: Path):
    place = tmp_path / "a b 湖"
    place.mkdir(mode=0o700)
    environment = os.environ | {"POPFLOW_DRIVER_MEMORY": "1g", "POPFLOW_SCRATCH": str(place), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SHUFFLE], capture_output=True, text=True, check=False, env=environment)
    lines = done.stdout.splitlines()
    assert lines, done.stderr[-2000:]
    shuffled, rest = lines[0].split(" ", 1)
    assert int(shuffled) > 0
    assert rest == "[] True"
    assert lines[1] == "True True"
    assert [one.name for one in tmp_path.iterdir()] == [place.name]


def test_a_folder_with_a_number_that_no_process_has_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Anybody may make one in the machine's folder for temporary files; each night ended in an OverflowError."""
    monkeypatch.setenv("POPFLOW_SCRATCH", str(tmp_path))
    (tmp_path / f"popflow-{10**30}-x").mkdir()
    assert scratch.new_folder().is_dir()


@pytest.mark.parametrize("shared", ["sticky", "open folders in it"])
def test_a_folder_that_others_use_is_refused_and_stays_open(tmp_path: Path, shared: str):
    """`share grant --state /` closed the whole machine to all others."""
    (tmp_path / "home").mkdir()
    tmp_path.chmod(0o1777 if shared == "sticky" else 0o755)
    (tmp_path / "home" / "somebody").mkdir(mode=0o755)
    folder = tmp_path if shared == "sticky" else tmp_path / "home"
    with pytest.raises(PopflowError, match="others use this folder too"):
        private_folder(folder)
    assert folder.stat().st_mode & 0o077

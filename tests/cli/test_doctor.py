"""The doctor names what is broken with its mend, and ends with exit code 1 then and only then."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from popflow import contracts, jars
from popflow.cli import lake_state, machine
from popflow.cli.doctor import doctor
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.at_rest import waive


def states(folder: Path, reading_only: bool = False) -> dict[str, tuple[str, str]]:
    found = lake_state.lake_state(Lake(folder, contracts.load()), reading_only)
    return {one.what: (one.state, one.mend) for one in found}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with its zones, in order."""
    for variable in ("POPFLOW_KEY_FILE", "POPFLOW_MASTER_KEYS", "POPFLOW_AGE_IDENTITY", "POPFLOW_TRAIL_ANCHOR"):
        monkeypatch.delenv(variable, raising=False)
    for zone in ("restricted", "ops"):
        (tmp_path / zone).mkdir(mode=0o700)
    waive(Lake(tmp_path, contracts.load()), "Li Na", dt.date.today(), "disk under LUKS")
    return tmp_path


def test_a_lake_in_order_has_nothing_broken(lake: Path):
    assert not [what for what, (state, _) in states(lake).items() if state == "broken"]


def test_an_open_restricted_zone_is_broken_and_mended_by_chmod(lake: Path):
    (lake / "restricted").chmod(0o750)
    assert states(lake)["permissions of restricted"] == ("broken", f"chmod -R go-rwx {lake}/restricted")
    assert "permissions of restricted" not in states(lake, reading_only=True)


@pytest.mark.parametrize(("size", "mode", "state"), [(32, 0o600, "ok"), (32, 0o640, "broken"), (31, 0o600, "broken")])
def test_a_key_file_is_looked_at_and_never_read(lake: Path, size: int, mode: int, state: str):
    key = lake / "restricted" / "_keys" / "person.key"
    key.parent.mkdir()
    key.write_bytes(b"k" * size)
    key.chmod(mode)
    assert states(lake)["person key"][0] == state


def test_a_named_key_file_that_is_not_there_is_broken(lake: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_MASTER_KEYS", str(lake / "none"))
    assert states(lake)["POPFLOW_MASTER_KEYS"][0] == "broken"


def test_without_a_lake_folder_there_is_one_line(tmp_path: Path):
    assert list(states(tmp_path / "none")) == ["lake"]


def test_without_java_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = machine.java()
    assert (found.state, "openjdk-17" in found.mend) == ("broken", True)
    assert "Java" not in {one.what for one in machine.machine(reading_only=True)}


def test_an_old_java_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert machine.java().state == "broken"


def test_a_package_off_its_pin_is_named(monkeypatch: pytest.MonkeyPatch):
    wanted = ["pandas>=99", "nosuchpackage==1", "rich>=15", "opendp==0.16.0; extra == 'dp'"]
    monkeypatch.setattr(machine.importlib.metadata, "requires", lambda name: wanted)
    found = {one.what: one.state for one in machine.packages()}
    assert found == {"pandas": "broken", "nosuchpackage": "broken"}


def test_jars_of_another_version_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_JARS", str(tmp_path))
    assert machine.jars().state == "broken"
    (tmp_path / "io.delta_delta-spark_4.2_2.13-1.0.0.jar").touch()
    assert "lacks io.delta" in machine.jars().found


def test_a_jar_that_is_not_the_locked_one_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_JARS", str(tmp_path))
    for name in jars.locked():
        (tmp_path / name).touch()
    found = machine.jars()
    assert found.state == "broken"
    assert "is not the jar of the lock" in found.found


def test_what_is_broken_ends_the_command_with_all_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(PopflowError, match=r"1 broken: lake; the mend"):
        doctor(str(tmp_path / "none"), reading=True)
    assert "-> popflow demo makes one" in " ".join(capsys.readouterr().out.split())  # wherever the path breaks the line


def test_the_process_ends_with_exit_code_1_and_one_line(tmp_path: Path):
    code = "from popflow.cli import main; main()"
    call = [sys.executable, "-c", code, "doctor", "--reading", "--lake", str(tmp_path / "none")]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "\x1b" not in ended.stdout

"""A second `make test` says that nothing has changed only where the tests passed on exactly what lies there."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("tested", HOUSE / "scripts" / "tested.py")
tested = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tested)
PASS, FAIL = ["true"], ["false"]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A checkout with a file that git knows, and one that it would add."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(".tested\nignored\n")
    (tmp_path / "known.py").write_text("1")
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    (tmp_path / "new.py").write_text("2")
    return tmp_path


def test_what_passed_is_known_until_something_changes(house: Path):
    assert not tested.passed(house)
    assert tested.run(PASS, house) == 0
    assert tested.passed(house)
    (house / "ignored").write_text("no matter")
    assert tested.passed(house)


CHANGES = {
    "a known file": lambda house: (house / "known.py").write_text("3"),
    "a new file's content": lambda house: (house / "new.py").write_text("3"),
    "one more file": lambda house: (house / "more.py").write_text(""),
    "a file less": lambda house: (house / "known.py").unlink(),
    "its mode": lambda house: (house / "known.py").chmod(0o755),
    "a package": lambda house: (house / ".venv/lib/python3.11/site-packages/a-1.dist-info").mkdir(parents=True),
    "git gone": lambda house: (house / ".git").rename(house / "no_git"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_makes_the_tests_run(house: Path, change: str):
    tested.run(PASS, house)
    (house / ".gitignore").write_text(".tested\n.venv\n")
    tested.run(PASS, house)
    assert tested.passed(house)
    CHANGES[change](house)
    assert not tested.passed(house)


def test_a_failure_leaves_no_stamp_not_even_that_of_before(house: Path):
    tested.run(PASS, house)
    assert tested.run(FAIL, house) == 1
    assert not tested.passed(house)


def test_a_change_while_the_tests_run_leaves_no_stamp(house: Path):
    assert tested.run(["touch", str(house / "made_meanwhile.py")], house) == 0
    assert not tested.passed(house)


def test_ci_never_asks_for_the_stamp():
    called = (HOUSE / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test FORCE=1" in called
    rule = (HOUSE / "Makefile").read_text(encoding="utf-8").split("test-again:")[1].split("\n\n")[0]
    assert "scripts/tested.py $(BIN)/python -m pytest" in rule

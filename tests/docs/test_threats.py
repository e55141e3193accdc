"""Each threat names the tests that hold what stands against it, and they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = "| threat | what holds | test | what is left |"


def threats() -> list[list[str]]:
    """The rows of all tables of threats, cell by cell."""
    rows, inside = [], False
    for line in (ROOT / "THREATS.md").read_text(encoding="utf-8").splitlines():
        inside = line == HEAD or (inside and line.startswith("|"))
        if inside and line != HEAD and not line.startswith("|---"):
            rows.append([cell.strip() for cell in line[1:-1].split(" | ")])
    return rows


def test_every_threat_names_tests_that_are_there():
    assert len(threats()) >= 40
    for row in threats():
        assert len(row) == 4, row
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
        assert named, row[0]
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"

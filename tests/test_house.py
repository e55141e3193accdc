"""The rooms stand in the order in which data flows, and imports run one way."""

import ast
import re
from pathlib import Path

import pytest

from popflow import contracts

HOUSE = Path(__file__).parents[1] / "libs" / "popflow"
EVERYBODY = {
    "errors",
    "environment",
    "contracts",
    "tables",
    "feeds",
    "dates",
    "progress",
    "declared",
    "indicators",
    "hundreds",
    "kinds",
}
EVERYBODY |= {"hundreds", "kinds"}
EVERYBODY |= {""}  # the package itself: its version
ORDER = [
    "paths",
    "modes",
    "scratch",
    "encryption",
    "jars",
    "session",
    "older_tables",
    "delta_log",
    "conditions",
    "damage",
    "zones",
    "lake",
    "tables_in",
    "geography",
    "intake",
    "offset_key",
    "movement",
    "disclosure",
    "audit",
    "reference",
    "exact",
    "release",
    "reading",
]
ORDER += [
    "quality",
    "delivery",
    "synthetic",
    "report",
    "operations",
    "sharing",
    "pipeline",
    "accuracy",
    "scenario",
    "demo",
    "cli",
]
NEVER = {
    "movement": {"lake", "quality"},
    "disclosure": {"lake", "quality", "intake", "movement"},
    "audit": {"disclosure", "movement", "release"},
    "reading": {"movement", "intake", "disclosure", "audit"},
}
MAY = {("dictionary", "contracts")}


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "popflow":
            parts = node.module.split(".")
            if len(parts) > 1:
                names.add(parts[1])
            else:
                names |= {alias.name for alias in node.names if (HOUSE / alias.name).exists()}
                names |= {alias.name for alias in node.names if (HOUSE / f"{alias.name}.py").exists()}
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("popflow.")}
    return names - {room_of(path)}


FILES = sorted(HOUSE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_run_one_way(path: Path):
    room = room_of(path)
    if room in EVERYBODY | {"__init__", "dictionary"}:
        assert imported_rooms(path) <= EVERYBODY | {"reading"}
        return
    allowed = EVERYBODY | {"dictionary"} | set(ORDER[: ORDER.index(room)])
    assert imported_rooms(path) - allowed == set(), f"{room} stands above what it imports"
    assert not imported_rooms(path) & NEVER.get(room, set())


def test_the_check_sees_an_arrow_that_runs_back():
    assert "movement" in imported_rooms(HOUSE / "pipeline.py")
    assert "disclosure" in imported_rooms(HOUSE / "release" / "commit.py")


@pytest.mark.parametrize("room", ["movement", "disclosure"])
def test_movement_and_disclosure_start_no_session_and_no_action(room: str):
    for path in (HOUSE / room).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for forbidden in ("SparkSession", ".collect(", ".toPandas(", ".count()  # action", "getOrCreate"):
            assert forbidden not in text, f"{path.name}: {forbidden}"


DESIGN = (HOUSE.parents[1] / "docs" / "design" / "DESIGN.md").read_text(encoding="utf-8")


def section(number: int) -> str:
    return DESIGN.partition(f"\n## {number} ")[2].partition("\n## ")[0]


def test_the_design_names_every_room():
    rooms = {f"{path.name}{'/' if path.is_dir() else ''}" for path in HOUSE.iterdir() if not path.name.startswith("__")}
    code = {name for name in rooms if name.endswith((".py", "/"))}
    assert {name for name in code if not re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", section(2))} == set()


def test_the_design_names_every_table():
    known = contracts.load().tables
    named = set(re.findall(r"`(\w+)`", section(3)))
    assert set(known) - named == set()

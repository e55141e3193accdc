"""Every command and every piece of Python in the how-tos on other tools runs on a published lake."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

import popflow
from popflow.cli import app

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
pytestmark = pytest.mark.spark  # one of its tools, which asks for the session by itself
TOOLS = ["pandas", "duckdb", "polars", "excel", "qgis"]


def blocks(tool: str) -> list[tuple[str, str]]:
    """(language, text) of each piece of code in a how-to, in order."""
    return re.findall(r"```(python|bash)\n(.*?)```", (HOW_TO / f"read-with-{tool}.md").read_text(), re.S)


def run(tool: str, **names: object) -> dict[str, object]:
    """Run a how-to's pieces one after the other; the names that its Python leaves."""
    for language, text in blocks(tool):
        if tool == "spark":  # the JVM stays in the folder in which the run started it
            text = text.replace("lake/published", str(Path("lake/published").resolve()))
        if language == "python":
            exec(compile(text, f"read-with-{tool}.md", "exec"), names)
        for line in text.strip().splitlines() if language == "bash" else []:
            outcome = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
            assert outcome.exit_code == 0, outcome.output
    return names


@pytest.fixture
def _beside_the_lake(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lake").symlink_to(published)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_beside_the_lake")
@pytest.mark.parametrize("tool", TOOLS)
def test_a_how_to_runs(tool: str):
    assert blocks(tool)
    run(tool)


@pytest.mark.usefixtures("_beside_the_lake")
@pytest.mark.parametrize("tool", ["duckdb", "polars", "spark"])
def test_every_tool_reads_what_pull_reads(tool: str, request: pytest.FixtureRequest):
    spark: SparkSession | None = request.getfixturevalue("spark") if tool == "spark" else None
    top = run(tool, spark=spark)["top"]
    found = dict(zip(*(_column(top, name) for name in ("destination_code", "person_trips")), strict=True))
    asked = popflow.read("lake").outflow("wuhan", "2020-01-20", "2020-01-22", level="prefecture")
    shown = asked[asked["kind"] == "shown"]
    expected = dict(zip(shown["destination_code"], shown["persons_at_least"], strict=True))
    assert {code: n for code, n in found.items() if not str(code).startswith("rest_of_")} == expected


def _column(frame: object, name: str) -> list:
    if hasattr(frame, "toPandas"):
        frame = frame.toPandas()
    return list(frame[name])

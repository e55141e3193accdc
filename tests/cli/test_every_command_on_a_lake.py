"""Every command that takes a lake refuses a purpose that no contract lists, and makes nothing where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import popflow
import published_lake
from popflow.cli import app
from popflow.errors import PopflowError

MAKE_A_LAKE = ("nightly", "reference load", "keys waive")
VALUES = {  # of what a command requires beside the lake
    "date": "2020-01-22",
    "until": "2020-12-31",
    "before": "2020-01-23",
    "area": "wuhan",
    "kind": "cells",
    "reader": "hunan-cdc",
    "reason": "a wrong cell table",
    "signed_by": "Li Na",
    "cost": "0.5",
    "name": "2020-01",
}
FILES = ("file", "landing", "old", "new", "anchor")


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for word, one in getattr(command, "commands", {}).items():
        yield from commands(one, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, command


OF_A_LAKE = [
    pytest.param(name, command, id=name)
    for name, command in commands(typer.main.get_command(app))
    if any(one.name == "lake" for one in command.params)
]


def call(name: str, command: Any, lake: Path, folder: Path) -> list[str]:
    """The command with what it requires; its files and folders are there, or can be made."""
    words = name.split()
    for one in command.params:
        value = str(lake) if one.name == "lake" else VALUES.get(str(one.name))
        if one.name in FILES:
            (folder / "a_file").touch()
            value = str(folder / "a_file")
        if one.name == "out":
            value = str(folder / "out.csv")
        if one.name in ("yes", "drawn"):
            words.append(one.opts[0] if one.name == "yes" else one.secondary_opts[0])
        elif one.required or one.name == "lake" or one.name in ("days", "anchor"):
            value = "3" if one.name == "days" else value
            assert value, f"{name} requires {one.name}: give the test a value for it"
            words += [one.opts[-1], value] if one.param_type_name == "option" else [value]
    return words


def refusal(words: list[str]) -> str:
    outcome = CliRunner().invoke(app, words)
    assert isinstance(outcome.exception, PopflowError), (outcome.output, outcome.exception)
    text = str(outcome.exception)
    return text + outcome.output


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_the_walk_finds_the_commands():
    assert {"nightly", "pull outflow", "report", "packages", "trail verify", "share serve"} <= {
        one.id for one in OF_A_LAKE
    }


@pytest.mark.parametrize(("name", "command"), OF_A_LAKE)
def test_a_purpose_that_no_contract_lists_is_refused(
    name: str, command: Any, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("POPFLOW_PURPOSE", "advertising")
    lake = elsewhere / "lake"
    (lake / "published").mkdir(parents=True)
    assert "'advertising' is not a purpose" in refusal(call(name, command, lake, elsewhere / "work"))
    assert [path.name for path in lake.rglob("*")] == ["published"]


@pytest.mark.parametrize(("name", "command"), [one for one in OF_A_LAKE if one.id not in MAKE_A_LAKE])
def test_where_there_is_no_lake_nothing_is_made(name: str, command: Any, elsewhere: Path):
    lake = elsewhere / "laek"
    words = call(name, command, lake, elsewhere / "work")
    before = sorted(elsewhere.rglob("*"))
    assert str(lake) in refusal(words)
    assert sorted(elsewhere.rglob("*")) == before


def test_a_notebook_is_refused_like_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    published_lake.publish(tmp_path, dt.date(2020, 1, 22), [("area", "hubei", "all", "all", 1000)])
    reader = popflow.read(tmp_path)
    monkeypatch.setenv("POPFLOW_PURPOSE", "advertising")
    with pytest.raises(PopflowError, match="'advertising' is not a purpose"):
        reader.outflow("hubei", "2020-01-22", "2020-01-22", "province")

"""A withdrawal has a name and a reason, is confirmed, stands on the trail, and is said wherever the date is shown."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

import popflow
import published_lake
from popflow import contracts
from popflow.cli import app
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.status import status
from popflow.operations.trail import Trail, verify

D21, D22 = dt.date(2020, 1, 21), dt.date(2020, 1, 22)
ROWS = [
    ("area", "hubei", "all", "all", 1000),
    ("area", "hubei", "border", "inside_420000", 400),
    ("area", "hubei", "border", "outside_420000", 600),
]
SIGNED = ["--reason", "a wrong cell table", "--signed-by", "Li Na"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The 21st released once, the 22nd once and corrected."""
    folder = tmp_path / "lake"
    published_lake.publish(folder, D21, ROWS)
    published_lake.publish(folder, D22, ROWS)
    published_lake.publish(folder, D22, ROWS, release=2)
    return folder


def withdraw(folder: Path, *words: str, answer: str = "") -> str:
    call = ["withdraw", "--lake", str(folder), *words]
    outcome = CliRunner().invoke(app, call, input=answer)
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--date", str(D22), "--reason", " ", "--signed-by", "Li Na", "--yes"], "--reason is empty"),
        (["--date", str(D22), "--reason", "wrong", "--signed-by", "\t", "--yes"], "--signed-by is empty"),
        (["--date", "2020-01-23", *SIGNED, "--yes"], "there is no release of outflow for 2020-01-23"),
        (["--date", "22.1.", *SIGNED, "--yes"], "is not a date"),
        (["--date", str(D22), *SIGNED], "nothing was withdrawn"),
    ],
)
def test_without_all_of_it_nothing_is_withdrawn_and_nothing_is_made(folder: Path, words: list[str], said: str):
    with pytest.raises(PopflowError, match=said):
        withdraw(folder, *words, answer="n\n")
    assert [path.name for path in folder.iterdir()] == ["published"]
    assert set(published_of(folder)["status"]) == {"released"}


def published_of(folder: Path):
    return Lake(folder, contracts.load()).read_pandas("releases")


def test_where_the_trail_cannot_be_written_nothing_is_withdrawn(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise PopflowError("trail.jsonl: could not be written (No space left on device)")

    monkeypatch.setattr(Trail, "append", full)
    with pytest.raises(PopflowError, match="could not be written"):
        withdraw(folder, "--date", str(D22), *SIGNED, "--yes")
    assert set(published_of(folder)["status"]) == {"released"}


def test_a_withdrawn_date_is_said_to_be_withdrawn(folder: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "400")
    asked = withdraw(folder, "--date", str(D21), *SIGNED, answer="y\n")
    assert "Withdraw release 1 of outflow for 2020-01-21, for good?" in asked
    withdraw(folder, "--date", str(D22), *SIGNED, "--yes")
    lake = Lake(folder, contracts.load())

    entries = [entry for entry in Trail.of(lake).entries() if entry["verb"] == "withdraw"]
    assert [entry["about"] for entry in entries] == [
        "outflow of 2020-01-21, release 1, signed by Li Na: a wrong cell table",
        "outflow of 2020-01-22, release 2, signed by Li Na: a wrong cell table",
    ]
    assert verify(Trail.of(lake).path).ok

    shown = status(lake).set_index("date")
    assert shown.loc[str(D21), ["state", "release"]].tolist() == ["withdrawn", 1]
    assert shown.loc[str(D22), ["state", "release"]].tolist() == ["released", 1]  # the earlier one is served again
    assert shown.loc[str(D22), "why"] == "release 2 withdrawn by Li Na: a wrong cell table"

    listed = CliRunner().invoke(app, ["releases", "--lake", str(folder)]).output
    assert listed.count("withdrawn") == 2
    reader = popflow.read(folder)
    with pytest.raises(PopflowError, match="2020-01-21 withdrawn; there are releases of 2020-01-22"):
        reader.outflow("hubei", D21, D21, "province")
    notices = reader.outflow("hubei", D21, D22, "province").attrs["notices"]
    assert any("2020-01-21 were withdrawn" in notice["en"] for notice in notices)


def test_a_package_is_on_the_trail_before_it_is_made(folder: Path, tmp_path: Path):
    call = ["packages", "--date", str(D22), "--days", "2", "--only", "nowhere", "--no-pictures", "--out", str(tmp_path)]
    assert isinstance(CliRunner().invoke(app, [*call, "--lake", str(folder)]).exception, PopflowError)
    entries = Trail.of(Lake(folder, contracts.load())).entries()
    assert [(one["verb"], one["table"], one["about"]) for one in entries] == [
        ("package", "flows", "packages for nowhere: 2 days up to 2020-01-22")
    ]

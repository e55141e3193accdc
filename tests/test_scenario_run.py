"""The Wuhan 2020 scenario, run: published night by night, goes on where it stopped, and refuses another's folder."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from popflow import scenario as scenario_module
from popflow.accuracy.scenario_checks import scenario_checks, wuhans_outflow
from popflow.cli.app import app
from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of
from popflow.lake import Lake
from popflow.reading.reader import Reader
from popflow.scenario import ScenarioRun, run_scenario

FIRST = dt.date(2020, 1, 21)  # so that the last date is the 24th, when the journeys end


def asked(out: Path, **changed) -> ScenarioRun:
    return ScenarioRun(**{"out": out, "scale": 4000.0, "first": FIRST, "days": 4, "stayers": 2000} | changed)


def silent(text: str) -> None:
    """Nobody is told."""


def test_a_folder_of_another_run_is_refused(tmp_path: Path):
    mine = asked(tmp_path / "run")
    mine.out.mkdir()
    scenario_module._refuse_another(mine)
    scenario_module._refuse_another(mine)
    with pytest.raises(PopflowError, match="another scenario run"):
        run_scenario(asked(mine.out, days=5), silent)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(PopflowError, match="no scenario run's"):
        run_scenario(asked(tmp_path), silent)


@pytest.mark.parametrize("scale", ["2:50", "1:0.5", "fifty"])
def test_a_scale_out_of_form_is_refused(tmp_path: Path, scale: str):
    found = CliRunner().invoke(app, ["scenario", "wuhan-2020", "--scale", scale, "--out", str(tmp_path / "out")])
    assert isinstance(found.exception, PopflowError)
    assert "1:N" in str(found.exception)


@pytest.fixture
def on_this_session(monkeypatch, spark):
    """Lakes of the scenario use the suite's session."""
    monkeypatch.setattr(scenario_module, "Lake", lambda root, contracts: Lake(root, contracts, spark))


@pytest.mark.slow
def test_the_nights_are_published_and_what_is_done_is_not_done_again(tmp_path: Path, on_this_session):
    mine, told = asked(tmp_path / "run"), []
    lake = run_scenario(mine, told.append)
    assert Reader(lake).dates() == mine.dates[1:]
    commits = len(lake.history("flows")), len(lake.history("person_state"))
    again: list[str] = []
    run_scenario(mine, again.append)
    assert (len(lake.history("flows")), len(lake.history("person_state"))) == commits
    assert any("simulating" in text for text in told)
    assert not again
    closure = mine.dates[-2]
    outflow = wuhans_outflow(lake).groupby("date")["persons"].sum()
    assert outflow[closure] == pytest.approx(_true_outflow(mine.out, closure), rel=0.05)
    assert json.loads((mine.out / "scenario.json").read_text())["days"] == "4"


def _true_outflow(out: Path, date: dt.date) -> int:
    import pandas as pd

    flows = pd.read_parquet(out / "simulation" / "truth" / "flows" / f"{date}.parquet")
    left = flows["origin_county"].map(prefecture_of).eq("420100")
    return int(flows[left & flows["destination_county"].map(prefecture_of).ne("420100")]["persons"].sum())


@pytest.mark.slow
def test_counts_are_published_without_a_record(tmp_path: Path, on_this_session):
    lake = run_scenario(asked(tmp_path / "run", scale=10.0, counts=True), silent)
    assert Reader(lake).dates() == asked(tmp_path).dates
    frame = Reader(lake).outflow("wuhan", FIRST, FIRST, "prefecture")
    assert (frame["kind"] == "shown").sum() > 50
    assert not lake.exists("presence")
    every, large, curve = scenario_checks(wuhans_outflow(lake))["figure"]
    assert every > 0.98
    assert large > 0.98
    assert curve > 0.9

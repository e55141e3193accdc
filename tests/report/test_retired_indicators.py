"""Blocks and stock that an earlier popflow published stay in their table; no answer holds them, nothing breaks."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import popflow
import published_lake
from popflow import contracts, disclosure
from popflow.audit import audit_lake
from popflow.cli import app
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.status import status
from popflow.report import briefing
from popflow.sharing.view import View

DAY, LATER = dt.date(2020, 1, 22), dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
RETIRED = ("outflow_block", "stock")
BLOCK = [("area", "hubei", "all", "all", 7_777_777), ("prefecture", "420100", "province", "430000", 7_000_001)]
STOCK = [("area", "hubei", "all", "all", 6_666_666), ("area", "stayed_in_wuhan", "county", "430102", 6_000_001)]


@pytest.fixture(scope="module")
def lake(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small published lake with a block and a stock beside its days, the stock corrected and withdrawn since."""
    folder = Path(shutil.copytree(published, tmp_path_factory.mktemp("retired") / "lake"))
    published_lake.publish(folder, DAY, BLOCK, indicator="outflow_block", at=LATER)
    published_lake.publish(folder, DAY, STOCK, indicator="stock", at=LATER)
    published_lake.publish(folder, DAY, STOCK, release=2, indicator="stock", at=LATER)
    gone = published_lake.release_row(DAY, 2, "withdrawn", LATER, "stock")
    published_lake.write_table(folder, "releases", pd.DataFrame([gone]))
    return folder


def test_the_contract_the_gate_and_the_reader_know_one_indicator():
    known = contracts.load()
    assert list(known.indicators) == ["outflow"]
    assert tuple(known.retired) == RETIRED
    assert [name for name in disclosure.__all__ if name.startswith("protect_")] == ["protect_counts", "protect_flows"]
    assert not {*known.published} & {*RETIRED} - {"stock"}


@pytest.mark.parametrize("level", ["province", "county", "pair"])
def test_no_answer_holds_them(lake: Path, published: Path, level: str):
    asked = {"days": 3, "before": "2020-01-23", "level": level}
    for area in ("wuhan", "hubei"):
        found = popflow.read(lake).outflow(area, **asked)
        pd.testing.assert_frame_equal(found, popflow.read(published).outflow(area, **asked))
        assert found.attrs["summary"] == popflow.read(published).outflow(area, **asked).attrs["summary"]
    assert popflow.read(lake).dates() == popflow.read(published).dates()


def test_the_briefing_holds_none_of_them(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path))
    page = briefing(lake, "wuhan", "2020-01-23", days=3, out=tmp_path / "wuhan.html").read_text()
    assert not any(figure in page for figure in ("7777777", "7000001", "6666666", "6000001", "7,777,777"))


def test_a_date_stands_as_its_outflow_does(lake: Path, published: Path):
    of_date = status(Lake(lake, contracts.load())).set_index("date").loc[str(DAY)]
    assert (of_date["state"], of_date["release"]) == ("released", 1)


def test_the_list_of_releases_tells_of_them(lake: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "400")
    outcome = CliRunner().invoke(app, ["releases", "--lake", str(lake)], catch_exceptions=False)
    assert outcome.exit_code == 0
    assert "stock" in outcome.output


def test_the_share_serves_the_contracts_indicators_alone(lake: Path):
    view = View(Lake(lake, contracts.load()))
    assert {file.partition["indicator"] for file in view.of("flows").files} == {"outflow"}
    all_files = Lake(lake, contracts.load()).snapshot("flows").files
    assert {file.partition["indicator"] for file in all_files} == {"outflow", *RETIRED}


def test_a_release_of_them_can_still_be_withdrawn(lake: Path, spark, tmp_path: Path):
    from popflow.release.ledger import withdraw

    own = Lake(Path(shutil.copytree(lake, tmp_path / "lake")), contracts.load(), spark)
    assert withdraw(own, "outflow_block", DAY, "open to subtraction", "Li Na") == 1


def test_the_auditor_does_not_take_them_for_a_fault(tmp_path: Path):
    published_lake.publish(tmp_path, DAY, BLOCK, indicator="outflow_block")
    assert audit_lake(Lake(tmp_path, contracts.load()), covered=lambda date: []).ok


@pytest.mark.parametrize("name", ["blocks", "stock"])
def test_what_is_asked_of_them_is_refused_in_one_line_with_what_to_ask_instead(name: str, lake: Path):
    call = [
        sys.executable,
        "-c",
        "from popflow.cli import main; main()",
        "pull",
        name,
        "--area",
        "wuhan",
        "--days",
        "14",
    ]
    done = subprocess.run([*call, "--lake", str(lake)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    for said in ("no longer published", "subtracted", "rounded to hundreds", "popflow pull outflow --area wuhan"):
        assert said in done.stderr
    with pytest.raises(PopflowError, match="no longer published"):
        getattr(popflow.read(lake), name)("wuhan", days=14, before="2020-01-23")

"""popflow noise: what a date's inflow costs, what is written, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest
from small_lake import cells, exact

import published_lake
from popflow.cli import app
from popflow.errors import PopflowError

DATE = dt.date(2020, 1, 22)
ARRIVED = {("430102", "420102"): 4000, ("430103", "420502"): 900, ("430202", "420102"): 15, ("420102", "430102"): 700}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake in which the night of the date was released."""
    root = tmp_path / "lake"
    published_lake.write_table(root, "cell_to_county", cells())
    published_lake.write_table(root, "flows_exact", exact(DATE, ARRIVED))
    published_lake.write_table(root, "releases", pd.DataFrame([published_lake.release_row(DATE)]))
    return root


def noise(lake: Path, out: Path, cost: float = 0.5, date: dt.date = DATE) -> None:
    app(["noise", "--date", str(date), "--cost", str(cost), "--out", str(out), "--lake", str(lake)],
        standalone_mode=False)  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_arrivals_are_written_with_noise_and_its_scale(lake: Path, tmp_path: Path, ending: str):
    out = tmp_path / f"inflow.{ending}"
    noise(lake, out)
    rows = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert set(rows["indicator"]) == {"inflow"}
    assert set(rows["scale"]) == {14.0}  # seven steps for epsilon 0.5
    counties = rows[(rows["origin_level"] == "county") & (rows["destination_level"] == "county")]
    counties = counties.assign(origin=counties["origin_code"].astype(str), to=counties["destination_code"].astype(str))
    figures = dict(zip(zip(counties["origin"], counties["to"], strict=True), counties["persons"], strict=True))
    assert set(figures) == {("430102", "420102"), ("430103", "420502")}  # 15 are too few; departures are no arrivals
    assert abs(figures["430102", "420102"] - 4000) < 400


def test_the_budget_is_kept_and_the_trail_knows_who_read(lake: Path, tmp_path: Path):
    noise(lake, tmp_path / "a.csv", 0.75)
    with pytest.raises(PopflowError, match="over the 1 of a day"):
        noise(lake, tmp_path / "b.csv", 0.5)
    assert not (tmp_path / "b.csv").exists()
    ledger = json.loads((lake / "restricted" / "_noise" / "inflow.json").read_text())
    assert ledger == {"mechanism": "laplace", "spent": {"2020-01-22": 0.75}}
    trail = [json.loads(line) for line in (lake / "ops" / "trail.jsonl").read_text().splitlines()]
    assert {entry["table"] for entry in trail} == {"flows_exact"}


@pytest.mark.parametrize(
    ("out", "date", "reason"),
    [
        ("inflow.xlsx", DATE, "written as .csv or .parquet"),
        ("nowhere/inflow.csv", DATE, "there is no folder"),
        ("inflow.csv", DATE - dt.timedelta(days=1), "was not released"),
    ],
)
def test_what_cannot_be_done_costs_nothing(lake: Path, tmp_path: Path, out: str, date: dt.date, reason: str):
    with pytest.raises(PopflowError, match=reason):
        noise(lake, tmp_path / out, date=date)
    assert not (lake / "restricted" / "_noise").exists()
    assert not list(tmp_path.glob("inflow*"))

"""The nights of a simulated nation, unprotected: through the whole pipeline, or the short way."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import duckdb
import pandas as pd

from popflow.accuracy.by_county import true_by_county
from popflow.accuracy.scores import BY_COUNTY, Figures
from popflow.accuracy.short_way import ShortWay
from popflow.contracts import Contracts
from popflow.intake.keys import KEY_BYTES
from popflow.lake import Lake
from popflow.movement.flows import counted, moves
from popflow.pipeline import INTAKE, PERSONS, Night, run_stage
from popflow.progress import Progress
from popflow.quality.activity import activity
from popflow.reference import load_reference

Way = Literal["short", "night"]
FLOW = ["date", "origin_county", "destination_county", "persons"]
POPULATION = ["date", "county_code", "persons"]
NO_SECRET = bytes(range(KEY_BYTES))  # simulated persons need none, and the same key breaks every tie in the same way


def measured(nation: Path, dates: list[dt.date], work: Path, way: Way, known: Contracts, say: Progress) -> Figures:
    """Flows, day ends and counts by county of a simulated nation, night by night, each with the deliveries that it has.

    nation: the folder of a simulation; work: an empty folder for what the nights write. way: night (the pipeline's
    intake and persons, by Spark, on a lake below work, and its flows; no checks, no release) or short (without Spark).
    """
    nights = _whole_way if way == "night" else _short_way
    parts = zip(*nights(nation, dates, work, known, say), strict=True)
    return Figures(*(pd.concat(frames, ignore_index=True) for frames in parts))


def truth(nation: Path) -> Figures:
    """What the simulation says is true."""
    flows, population = (pd.read_parquet(nation / "truth" / name) for name in ("flows", "population"))
    ends = population.rename(columns={"county": "county_code"})[POPULATION]
    return Figures(flows[FLOW], ends, true_by_county(nation))


def _whole_way(
    nation: Path, dates: list[dt.date], work: Path, known: Contracts, say: Progress
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    lake = Lake(work / "lake", known)
    _key_file(Path(lake.zone("restricted")) / "_keys" / "person.key")
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, nation / "reference" / f"{kind}.parquet", as_of=dates[0])
    for date in dates:
        say(f"night of {date}")
        night = Night(date, str(nation / "landing"), tuple(known.mno_bits()), sample=True)
        run_stage(lake, night, INTAKE)
        _let_pass(lake, date)
        run_stage(lake, night, PERSONS)
        state = lake.read("person_state", as_of=date)
        flows = counted(moves(state), known.mno_bits()).select(*FLOW).toPandas()
        day_ends = state.groupBy("day_end_county").count().toPandas()
        ends = day_ends.set_axis(["county_code", "persons"], axis=1).assign(date=date)[POPULATION]
        yield flows, ends, _by_county(lake, date, known)


def _by_county(lake: Lake, date: dt.date, known: Contracts) -> pd.DataFrame:
    """What is told in hundreds of a date, exact."""
    days, states, bits = (
        lake.read("person_day", event_date=date),
        lake.read("person_state", as_of=date),
        known.mno_bits(),
    )
    frames = []
    for name, indicator in known.hundreds.items():
        exact = indicator.function()(days, states, bits).toPandas()
        told = exact[exact["part"].isin(indicator.counted)]
        hour = told["hour"] if indicator.hourly else 0
        frames.append(told.assign(quantity=name, hour=hour)[BY_COUNTY])
    return pd.concat(frames, ignore_index=True)


def _let_pass(lake: Lake, date: dt.date) -> None:
    """What the data-quality check writes for a night that may go on: a hard nation is to be measured, not held back."""
    seen = activity(lake.read("presence", event_date=date), date)
    lake.replace("activity", seen.toArrow(), date=date)


def _short_way(
    nation: Path, dates: list[dt.date], work: Path, known: Contracts, say: Progress
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    nights = ShortWay(nation, work, known, _key_file(work / "person.key"))
    for date in dates:
        say(f"night of {date}")
        state = nights.state(date)
        moved = state.filter("origin_county IS NOT NULL")
        cell = "origin_county, day_end_county AS destination_county, count(*) AS persons"
        flows = _frame(moved, cell, "origin_county, day_end_county").assign(date=date)[FLOW]
        day_ends = _frame(state, "day_end_county AS county_code, count(*) AS persons", "day_end_county")
        yield flows, day_ends.assign(date=date)[POPULATION], pd.DataFrame(columns=BY_COUNTY)


def _frame(state: duckdb.DuckDBPyRelation, expressions: str, by: str) -> pd.DataFrame:
    return state.aggregate(expressions, by).df()


def _key_file(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(NO_SECRET)
    return path

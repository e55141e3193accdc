"""The main job on simulated data: three MNOs' deliveries, the nights, a published table, and a question to it."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from popflow import contracts
from popflow.dates import ONE_DAY
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.pipeline import Done, Night, nightly
from popflow.progress import Progress
from popflow.reading.reader import Reader
from popflow.reference import load_reference
from popflow.synthetic.demand import wuhan_destinations
from popflow.synthetic.nation import simulate
from popflow.synthetic.places import shipped_places

LAST = dt.date(2020, 1, 22)
MOVERS = 20_000  # a day out of Hubei's prefectures: what it takes for 100 published rows of the county step
TOP = 15
MARK = "popflow-demo"  # a file of this name says that the folder is a demo's and may be replaced


@dataclass(frozen=True)
class Part:
    """A table with its title, or a line alone."""

    title: str
    frame: pd.DataFrame | None = None


def run_demo(out: Path, days: int, persons: int, seed: int, on_progress: Progress) -> list[Part]:
    """Simulate so many days up to 22 January 2020, run the nights, and say what came of it."""
    _make_room(out)
    first = LAST - dt.timedelta(days=days - 1)
    on_progress(f"simulating {persons:,} persons")
    simulate(out / "simulation", first, days, persons, seed, movers=MOVERS)
    lake = Lake(out / "lake", contracts.load())
    for kind in ("cells", "subscribers"):
        on_progress(f"loading {kind}")
        load_reference(lake, kind, out / "simulation" / "reference" / f"{kind}.parquet", as_of=first)
    dates = [first + dt.timedelta(days=n) for n in range(days)]
    nights = {date: _night(lake, out, date, on_progress) for date in dates}
    on_progress("asking who left Wuhan")
    return [*_nights(lake, nights), *_answers(lake), *_places(out, first)]


def _make_room(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / MARK).exists():
            raise PopflowError(f"{out} is not empty and no earlier demo's; give a new folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).write_text("made by popflow demo, which may replace it\n", encoding="utf-8")


def _night(lake: Lake, out: Path, date: dt.date, on_progress: Progress) -> dict[str, Done]:
    mnos = tuple(lake.contracts.mno_bits())
    landing = str(out / "simulation" / "landing")
    night = Night(date, landing, mnos, sample=True, on_progress=lambda stage: on_progress(f"night of {date}: {stage}"))
    return nightly(lake, night)


def _nights(lake: Lake, nights: dict[dt.date, dict[str, Done]]) -> list[Part]:
    """What each night read, counted and published."""
    return [
        Part("Records read, and repeated ones", _records(lake)),
        Part("Nights", pd.DataFrame([_night_row(lake, *night) for night in nights.items()])),
        Part(
            "Share of the outflow that is shown, by step of the chain, last night", _shares(lake, nights[max(nights)])
        ),
    ]


def _records(lake: Lake) -> pd.DataFrame:
    tallies = lake.read("tallies").groupBy("mno", "reason").sum("records").toPandas()
    by_reason = tallies.pivot_table(index="mno", columns="reason", values="sum(records)", fill_value=0)
    refused = by_reason["rows"] - by_reason["accepted"]
    duplicates = 100 * by_reason["sampled_duplicates"] / by_reason["sampled"]
    named = {"records": by_reason["rows"], "accepted": by_reason["accepted"], "set aside": refused}
    table = (
        pd.DataFrame(named).astype("int64").assign(**{"rows of presence": by_reason["reduced_rows"].astype("int64")})
    )
    table["duplicates"] = [f"{share:.2f} %" for share in duplicates]
    return table.reset_index().rename(columns={"mno": "MNO"})


def _night_row(lake: Lake, date: dt.date, night: dict[str, Done]) -> dict[str, Any]:
    row: dict[str, Any] = {"date": str(date), "persons": night["persons"].persons}
    table = night["release"].tables.get(lake.contracts.headline.indicator)
    if table is None:
        return row | {"movers": "", "rows published": "", "county rows": "", "release": "first night"}
    steps = table.rows.groupby(["origin_level", "destination_level"]).size()
    movers = {"movers": f"{table.root_persons:,}", "rows published": f"{len(table.rows):,}"}
    return row | movers | {"county rows": f"{steps.get(('prefecture', 'county'), 0):,}", "release": table.status}


def _shares(lake: Lake, night: dict[str, Done]) -> pd.DataFrame:
    table = night["release"].tables[lake.contracts.headline.indicator]
    rows = [
        {"step": step, "share shown": f"{100 * share:.1f} %", "cells shown": table.cells[step][0]}
        for step, share in table.shares.items()
    ]
    return pd.DataFrame(rows)


def _answers(lake: Lake) -> list[Part]:
    """The top destinations of Wuhan's outflow, beside the shares that the scenario was fed with."""
    frame = Reader(lake).ask(lake.contracts.headline.indicator, "wuhan", LAST, LAST, "prefecture")
    shown = frame[frame["kind"] == "shown"]
    fed = _fed_shares()
    table = pd.DataFrame({"code": shown["destination_code"], "prefecture": shown["destination_name"]})
    table["persons"] = shown["persons_at_least"].astype("int64")
    table["share"] = shown["persons_at_least"] / frame.attrs["summary"]["persons_at_least"]
    table["scenario"] = table["code"].map(fed)
    rank = table["share"].corr(table["scenario"], method="spearman")
    percent = table.assign(**{c: [f"{100 * v:.2f} %" for v in table[c]] for c in ("share", "scenario")})
    title = f"Outflow of Wuhan on {LAST}: {min(TOP, len(table))} of the {len(table)} prefectures shown"
    return [
        Part(title, percent.head(TOP)),
        Part(f"Rank correlation with the scenario's shares over the {len(table)} prefectures shown: {rank:.3f}"),
    ]


def _fed_shares() -> pd.Series:
    places = shipped_places()
    persons = pd.Series(wuhan_destinations(places), index=places.prefecture_codes)
    return persons / persons.sum()


def _places(out: Path, first: dt.date) -> list[Part]:
    lake = out / "lake"
    lines = [
        f"Published: {lake}/published/flows and {lake}/published/releases; exact tables, secret: {lake}/restricted",
        f"Ask on: popflow pull outflow --area wuhan --from {first + ONE_DAY} --to {LAST} --level county --lake {lake}",
    ]
    return [Part(line) for line in lines]

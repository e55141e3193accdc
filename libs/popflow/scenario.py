"""January 2020 around Wuhan, run night by night: with records at a scale, or its exact flows at full size, published.

A run that stopped goes on where it was: what is simulated, and every night that ended, is not done again.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from popflow import contracts
from popflow.dates import ONE_DAY
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.pipeline import Night, nightly
from popflow.progress import Progress
from popflow.reference import load_counties, load_reference
from popflow.release.candidates import input_fingerprint, protected
from popflow.release.commit import Run
from popflow.release.ledger import released_through
from popflow.release.night import commit
from popflow.synthetic.cells import cell_table, place_cells
from popflow.synthetic.places import shipped_places
from popflow.synthetic.scenario import Scenario, counts, wuhan_2020
from popflow.synthetic.troubles import Troubles
from popflow.synthetic.truth import write_cells

PARAMETERS, SIMULATED = "scenario.json", "simulated"


@dataclass(frozen=True)
class ScenarioRun:
    """What to run and where: OUT/simulation (landing, reference, truth) and OUT/lake.

    stayers: persons beyond those whom the movers need, a sample of all residents. counts: exact flows of the same model
    drawn without records, of all residents; the scale is then usually 1. national: of the whole nation's movers.
    """

    out: Path
    scale: float
    first: dt.date
    days: int
    seed: int = 1
    stayers: int = 50_000
    counts: bool = False
    national: bool = False

    @property
    def dates(self) -> list[dt.date]:
        """Every date of the run."""
        return [self.first + ONE_DAY * day for day in range(self.days)]

    @property
    def scenario(self) -> Scenario:
        """What is simulated."""
        return wuhan_2020(self.scale, self.seed, self.first, self.days, self.stayers)


def run_scenario(asked: ScenarioRun, say: Progress) -> Lake:
    """Run all dates in order and publish each; the lake. Raises PopflowError where `out` holds another run."""
    _refuse_another(asked)
    lake = Lake(asked.out / "lake", contracts.load())
    (_by_counts if asked.counts else _by_records)(asked, lake, say)
    return lake


def _refuse_another(asked: ScenarioRun) -> None:
    file, mine = asked.out / PARAMETERS, _parameters(asked)
    if file.exists():
        if json.loads(file.read_text(encoding="utf-8")) != mine:
            raise PopflowError(f"{asked.out} holds another scenario run ({file}); give a new folder with --out")
        return
    if asked.out.exists() and any(asked.out.iterdir()):
        raise PopflowError(f"{asked.out} is not empty and no scenario run's; give a new folder with --out")
    asked.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")


def _parameters(asked: ScenarioRun) -> dict[str, str]:
    return {name: str(value) for name, value in dataclasses.asdict(asked).items() if name != "out"}


def _by_records(asked: ScenarioRun, lake: Lake, say: Progress) -> None:
    """Simulate, then the nights, each from landing files to its release."""
    simulation = asked.out / "simulation"
    _simulate(asked, simulation, say)
    if not (lake.exists("cell_to_county") and lake.exists("subscribers")):
        for kind in ("cells", "subscribers"):
            say(f"loading {kind}")
            load_reference(lake, kind, simulation / "reference" / f"{kind}.parquet", as_of=asked.first)
    for date in _left(asked, lake):
        _night(asked, lake, date, say)


def _night(asked: ScenarioRun, lake: Lake, date: dt.date, say: Progress) -> None:
    place = f"night {(date - asked.first).days + 1} of {asked.days}, {date}"
    landing, mnos = str(asked.out / "simulation" / "landing"), tuple(lake.contracts.mno_bits())
    nightly(lake, Night(date, landing, mnos, sample=True, on_progress=lambda stage: say(f"{place}: {stage}")))


def _simulate(asked: ScenarioRun, simulation: Path, say: Progress) -> None:
    """The simulation, unless it is there whole; one that broke off is made anew."""
    if (asked.out / SIMULATED).exists():
        return
    shutil.rmtree(simulation, ignore_errors=True)
    said = asked.scenario.simulate(simulation, lambda parts: say(f"simulating, {parts}"))
    (asked.out / SIMULATED).write_text(f"{said}\n", encoding="utf-8")


def _left(asked: ScenarioRun, lake: Lake) -> list[dt.date]:
    """Dates whose night has not ended: those after the last release; the first date has none and ends in a state."""
    through = released_through(lake) or (asked.first if lake.partitions("presence_hourly") else asked.first - ONE_DAY)
    return [date for date in asked.dates if date > through]


def _by_counts(asked: ScenarioRun, lake: Lake, say: Progress) -> None:
    """Draw each date's flows and publish them; the first date too, since it is drawn with its origins."""
    if not lake.exists("cell_to_county"):
        say("placing cells")
        _load_cells(asked, lake)
    through = released_through(lake) or asked.first - ONE_DAY
    mnos = tuple(lake.contracts.mno_bits())
    drawn = counts(asked.first, asked.days, asked.seed, asked.scale, national=asked.national)
    for number, (date, flows) in enumerate(drawn, start=1):
        if date <= through:
            continue
        say(f"date {number} of {asked.days}, {date}: exact flows")
        lake.replace("flows_exact", flows, date=date)
        lake.replace("deliveries", lake.frame("deliveries", _drawn(flows, date, mnos)), delivery_date=date)
        say(f"date {number} of {asked.days}, {date}: gate, auditor, publication")
        run = Run(f"counts-{asked.seed}-{date}", input_fingerprint(lake, date), mnos)
        commit(lake, protected(lake, lake.contracts.headline, date, mnos), run)


def _load_cells(asked: ScenarioRun, lake: Lake) -> None:
    """The cells of the three MNOs, so that gate and auditor know which counties can hold anybody."""
    places, reference = shipped_places(), asked.out / "simulation"
    cells = place_cells(places, Troubles(), asked.seed)
    write_cells(reference, places, cells, cell_table(cells, asked.first, asked.seed))
    load_counties(lake, None)
    load_reference(lake, "cells", reference / "reference" / "cells.parquet", None)


def _drawn(flows: pa.Table, date: dt.date, mnos: tuple[str, ...]) -> pd.DataFrame:
    """Rows of `deliveries` that name what was drawn in place of files, for the release's fingerprint."""
    print_ = hashlib.sha256()
    for column in ("origin_county", "destination_county", "persons"):
        for buffer in flows[column].combine_chunks().buffers():
            print_.update(buffer or b"")
    one = {"delivery_id": f"counts-{date:%Y%m%d}", "delivery_date": date, "file": "drawn counts", "area": "",
           "sha256": print_.hexdigest(), "rows": flows.num_rows, "status": "accepted",
           "taken_in_at_utc": dt.datetime.now(dt.UTC)}  # fmt: skip
    return pd.DataFrame([{"mno": mno, **one} for mno in mnos])

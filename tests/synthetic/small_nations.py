"""What the tests of the synthetic nation read with plain tools: nations on disk and one date in memory."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from popflow.synthetic.cells import Cells, place_cells
from popflow.synthetic.journeys import Positions, positions
from popflow.synthetic.nation import SimulationSummary, simulate
from popflow.synthetic.people import Sims, sims_of_part
from popflow.synthetic.places import Places
from popflow.synthetic.randomness import stream
from popflow.synthetic.records import Outages, Records, records
from popflow.synthetic.troubles import Troubles

FIRST, DAYS, PERSONS, SEED = dt.date(2020, 1, 21), 2, 4000, 7


@dataclass(frozen=True)
class Simulated:
    """A simulated nation on disk."""

    out: Path
    summary: SimulationSummary

    def manifests(self) -> dict[Path, dict]:
        return {
            path.parent: json.loads(path.read_text()) for path in sorted(self.out.glob("landing/*/*/*/manifest.json"))
        }

    def truth(self, sql: str) -> pd.DataFrame:
        """A query over truth and reference; {out} stands for the folder."""
        with duckdb.connect() as connection:
            return connection.sql(sql.format(out=self.out)).df()

    def rows(self, mno: str) -> pd.DataFrame:
        """Readable records of an MNO: sim_token, local time, cell_id."""
        read = {"mobile": _mobile, "unicom": _unicom, "telecom": _telecom}[mno]
        files = sorted(self.out.glob(f"landing/{mno}/*/*/{mno}*"))
        return pd.concat([read(path) for path in files], ignore_index=True)


def _mobile(path: Path) -> pd.DataFrame:
    lines = [line.split("|") for line in gzip.decompress(path.read_bytes()).decode().split("\r\n")[:-1]]
    good = [line for line in lines if line[0] and len(line[1]) == 14]
    times = pd.to_datetime([line[1] for line in good], format="%Y%m%d%H%M%S")
    cells = [f"460-00-{line[2]}-{line[3]}" for line in good]
    return pd.DataFrame({"sim_token": [line[0] for line in good], "time": times, "cell_id": cells})


def _unicom(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path).dropna()
    times = frame["event_time_utc"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
    return pd.DataFrame({"sim_token": frame["sim"], "time": times, "cell_id": frame["cgi"]})


def _telecom(path: Path) -> pd.DataFrame:
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    good = [row for row in rows if row["sim"] and row["ts"]]
    times = pd.to_datetime([row["ts"] for row in good], unit="ms") + pd.Timedelta(hours=8)
    return pd.DataFrame({"sim_token": [r["sim"] for r in good], "time": times, "cell_id": [r["cell"] for r in good]})


def simulated(folder: Path, troubles: Troubles) -> Simulated:
    """A small nation below the folder."""
    return Simulated(folder, simulate(folder, FIRST, DAYS, PERSONS, SEED, troubles))


@dataclass(frozen=True)
class DayOfRecords:
    """One date of 3,000 persons of Wuhan, 1,000 of whom travel to Changsha, in memory."""

    sims: Sims
    where: Positions
    made: Records
    cells: Cells
    outages: Outages

    @property
    def slot(self) -> np.ndarray:
        """Slot of each record."""
        return self.made.second // 900

    def heard_county(self) -> np.ndarray:
        """County of each record's cell."""
        return self.cells.county[self.made.cell]

    def true_county(self) -> np.ndarray:
        """County of each record's person at its time."""
        return self.where.county(self.sims.person[self.made.sim], self.slot)


def day_of_records(places: Places, troubles: Troubles) -> DayOfRecords:
    """The records of one date under the given troubles."""
    wuhan, changsha = np.searchsorted(places.county_codes, ["420102", "430102"])
    start = np.full(3000, wuhan)
    cells = place_cells(places, troubles, SEED)
    sims = sims_of_part(0, start, places, troubles, SEED)
    draw, movers = stream(SEED, "test"), np.arange(1000)
    where = positions(places, start, movers, np.full(1000, changsha), FIRST, troubles, draw)
    outages = Outages.of(places, troubles, 0, SEED)
    made = records(places, cells, sims, where, outages, troubles, draw)
    return DayOfRecords(sims, where, made, cells, outages)

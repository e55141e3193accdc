"""The truth beside the deliveries, and the reference files that an operator would hand over.

The true county of a person at a quarter-hour is that of the journey; the true day end is the county of the last
quarter-hour. Most journeys end by 23:00, so that this is also the day end by definition (METHODS.md) of somebody who is
seen all day; not where the trouble `late_arrivals` is on. Who is in a train at midnight (`midnight_trains`) is still
where the journey began. Who is abroad has no position, but stays in flows and day ends, at the county that they left.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from popflow.synthetic.cells import Cells
from popflow.synthetic.journeys import Positions
from popflow.synthetic.moves import DayMoves
from popflow.synthetic.people import LINE_KINDS, MNOS, parts_of, person_tokens, sims_of_part
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.troubles import Troubles

POSITIONS = pa.schema(
    [
        ("person", pa.int64()),
        ("date", pa.date32()),
        ("first_slot", pa.int16()),
        ("slots", pa.int16()),
        ("county", pa.dictionary(pa.int32(), pa.string())),
    ]
)
CELLS = pa.schema(
    [
        ("mno", pa.string()),
        ("cell_id", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("radius_m", pa.float64()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
    ]
)


def write_cells(out: Path, places: Places, cells: Cells, table: pd.DataFrame) -> None:
    """reference/cells.parquet by its contract; truth/cells.parquet: the county where each stands, new ones too."""
    _write(out / "reference" / "cells.parquet", pa.Table.from_pandas(table, CELLS, preserve_index=False))
    county = {"mno": np.array(MNOS)[cells.mno], "cell_id": cells.ids, "county": places.county_codes[cells.county]}
    _write(out / "truth" / "cells.parquet", pa.table({name: values.tolist() for name, values in county.items()}))


def write_people(out: Path, places: Places, home: Ints, troubles: Troubles, seed: int) -> int:
    """reference/subscribers.parquet and truth/persons.parquet, truth/sims.parquet; the number of SIMs.

    persons: person (a number), person_token, home_county. sims: person, mno, sim_token, line_kind, registered.
    """
    sims = 0
    writers: dict[Path, pq.ParquetWriter] = {}
    for part, persons in enumerate(parts_of(len(home))):
        for path, table in _people_of_part(out, places, home[persons], part, persons.start, troubles, seed).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path not in writers:
                writers[path] = pq.ParquetWriter(path, table.schema, compression="zstd")
            writers[path].write_table(table)
            sims += table.num_rows if path.stem == "sims" else 0
    for writer in writers.values():
        writer.close()
    return sims


def _people_of_part(
    out: Path, places: Places, home: Ints, part: int, first: int, troubles: Troubles, seed: int
) -> dict[Path, pa.Table]:
    sims = sims_of_part(part, home, places, troubles, seed)
    tokens = person_tokens(part, len(home), seed)
    owner = pa.array(sims.person)
    register = pa.table(
        {
            "mno": pa.array(MNOS).take(pa.array(sims.mno)),
            "sim_token": sims.token,
            "person_token": tokens.take(owner),
            "line_kind": pa.array(LINE_KINDS).take(pa.array(sims.kind)),
        }
    )
    of_truth = register.drop_columns(["person_token"])
    of_truth = of_truth.append_column("person", pa.array(sims.person + first))
    persons = {
        "person": pa.array(np.arange(len(home)) + first),
        "person_token": tokens,
        "home_county": pa.array(places.county_codes.tolist()).take(pa.array(home)),
    }
    return {
        out / "reference" / "subscribers.parquet": register.filter(pa.array(sims.registered)),
        out / "truth" / "sims.parquet": of_truth.append_column("registered", pa.array(sims.registered)),
        out / "truth" / "persons.parquet": pa.table(persons),
    }


def write_day(out: Path, places: Places, move: DayMoves) -> None:
    """truth/flows: persons by county at the end of the day before and of the date; truth/population: at its end."""
    n = len(places)
    pair, persons = np.unique(move.start * n + move.end, return_counts=True)
    flows = pd.DataFrame(
        {
            "date": move.date,
            "origin_county": places.county_codes[pair // n],
            "destination_county": places.county_codes[pair % n],
            "persons": persons,
        }
    )
    ended = flows.rename(columns={"destination_county": "county"})
    population = ended.groupby(["date", "county"])["persons"].sum().reset_index()
    for name, frame in (("flows", flows), ("population", population)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        _write(out / "truth" / name / f"{move.date.isoformat()}.parquet", table)


class PositionsFile:
    """truth/positions/<date>/<part>.parquet: runs of person, date, first_slot, slots, county."""

    def __init__(self, out: Path, places: Places, date: dt.date, part: int) -> None:
        self.path = out / "truth" / "positions" / date.isoformat() / f"{part:04}.parquet"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.codes, self.date = pa.array(places.county_codes.tolist()), date
        self.writer = pq.ParquetWriter(self.path, POSITIONS, compression="zstd")

    def __enter__(self) -> PositionsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def write(self, first_person: int, where: Positions, abroad: Ints) -> None:
        """Append a chunk, who is abroad left out; first_person: the number of its first person."""
        runs = where.runs()
        here = ~np.isin(runs[0], abroad)
        person, first_slot, slots, county = (column[here] for column in runs)
        columns = [
            pa.array(person + first_person),
            pa.repeat(pa.scalar(self.date, pa.date32()), len(person)),
            pa.array(first_slot.astype(np.int16)),
            pa.array(slots.astype(np.int16)),
            pa.DictionaryArray.from_arrays(pa.array(county.astype(np.int32)), self.codes),
        ]
        self.writer.write_table(pa.table(columns, schema=POSITIONS))


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")

"""The truth by hour and by day: how many persons each county holds, and where each person lives, sleeps and works.

Made from the same positions as truth/positions, chunk by chunk, so that no process holds more than a chunk of persons
and one count by hour and county. Whose phone is silent is counted where they are; who is abroad is counted nowhere.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from popflow.synthetic.journeys import Positions
from popflow.synthetic.legs import SLOTS
from popflow.synthetic.places import Ints, Places

HOURS, SLOTS_AN_HOUR = 24, 4
WORKING_DAY = slice(40, 64)  # slots from 10:00 to 16:00
COUNTY = pa.dictionary(pa.int32(), pa.string())
DAYS = pa.schema(
    [
        ("person", pa.int64()),
        ("date", pa.date32()),
        ("home_county", COUNTY),
        ("night_county", COUNTY),
        ("day_county", COUNTY),
    ]
)


def hourly_presence(where: Positions, abroad: Ints, counties: int) -> Ints:
    """Persons of a chunk by full hour and county (24 x counties), who is abroad left out."""
    here = np.ones(len(where.start), bool)
    here[abroad] = False
    still = np.bincount(where.start[here & (where.row < 0)], minlength=counties)
    travelling = where.moving[where.row[here & (where.row >= 0)], ::SLOTS_AN_HOUR]
    cell = np.arange(HOURS) * counties + travelling
    return still + np.bincount(cell.ravel(), minlength=HOURS * counties).reshape(HOURS, counties)


def day_counties(where: Positions) -> Ints:
    """The county in which each person of a chunk spends most quarter-hours from 10:00 to 16:00, ties to the smaller."""
    counties = where.start.copy()
    travellers = np.flatnonzero(where.row >= 0)
    spent = np.sort(where.moving[where.row[travellers], WORKING_DAY].astype(int), axis=1)
    last = np.ones(spent.shape, bool)  # of each county's quarter-hours in a row
    last[:, :-1] = spent[:, 1:] != spent[:, :-1]
    row, slot = np.nonzero(last)
    before = np.where(np.diff(row, prepend=-1) > 0, -1, np.append(-1, slot[:-1]))
    order = np.lexsort((spent[row, slot], before - slot, row))  # most quarter-hours first, then the smaller county
    first = np.unique(row[order], return_index=True)[1]
    counties[travellers] = spent[row, slot][order][first]
    return counties


class DaysFile:
    """truth/days/<date>/<part>.parquet: person, date, home_county, night_county, day_county.

    home: where the person lived on the nation's first morning. night: the county of the last quarter-hour, where the
    midnight at the date's end finds them. day: as `day_counties` has it. Of who is abroad, night and day are null.
    """

    def __init__(self, out: Path, places: Places, date: dt.date, part: int) -> None:
        path = out / "truth" / "days" / date.isoformat() / f"{part:04}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.codes, self.date = pa.array(places.county_codes.tolist()), date
        self.writer = pq.ParquetWriter(path, DAYS, compression="zstd")

    def __enter__(self) -> DaysFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def write(self, first_person: int, home: Ints, where: Positions, abroad: Ints) -> None:
        """Append a chunk; first_person: the number of its first person."""
        person = np.arange(len(home))
        nowhere = np.zeros(len(home), bool)
        nowhere[abroad] = True
        night = where.county(person, np.full(len(home), SLOTS - 1))
        columns = [
            pa.array(person + first_person),
            pa.repeat(pa.scalar(self.date, pa.date32()), len(person)),
            self._named(home),
            self._named(night, nowhere),
            self._named(day_counties(where), nowhere),
        ]
        self.writer.write_table(pa.table(columns, schema=DAYS))

    def _named(self, county: Ints, nowhere: np.ndarray | None = None) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(county.astype(np.int32), mask=nowhere), self.codes)


class PresenceFiles:
    """truth/presence/<date>.parquet: date, hour (0 to 23), county, persons; written once a date has all its parts."""

    def __init__(self, out: Path, places: Places, parts: int) -> None:
        self.folder, self.codes, self.parts = out / "truth" / "presence", places.county_codes, parts
        self.waiting: dict[dt.date, tuple[int, Ints]] = {}

    def add(self, date: dt.date, presence: Ints) -> None:
        """Count a part's persons by hour and county."""
        parts, before = self.waiting.pop(date, (0, np.zeros_like(presence)))
        if parts + 1 < self.parts:
            self.waiting[date] = parts + 1, before + presence
        else:
            self._write(date, before + presence)

    def _write(self, date: dt.date, presence: Ints) -> None:
        hour, county = np.nonzero(presence)
        columns = {
            "date": pa.repeat(pa.scalar(date, pa.date32()), len(hour)),
            "hour": pa.array(hour.astype(np.int8)),
            "county": pa.array(self.codes[county].tolist(), pa.string()),
            "persons": pa.array(presence[hour, county].astype(np.int64)),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), self.folder / f"{date.isoformat()}.parquet", compression="zstd")

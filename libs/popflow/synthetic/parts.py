"""Writes one part of the nation on one date: its landing files and its true positions, chunk by chunk."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popflow.synthetic import landing, truth
from popflow.synthetic.absences import NO_ABSENCES, Absences
from popflow.synthetic.cells import UNKNOWN_CELLS, Cells
from popflow.synthetic.commuters import working_today, workplaces
from popflow.synthetic.journeys import NO_TRAINS, Trains, positions
from popflow.synthetic.landing import DeliveredFile, Delivery
from popflow.synthetic.people import MNOS, PART_PERSONS, Sims, sims_of_part
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.records import DAY_SECONDS, WRONG_CLOCK_DAYS, Outages, Records, is_evening, late_files, records
from popflow.synthetic.troubles import Troubles
from popflow.synthetic.whereabouts import HOURS, DaysFile, hourly_presence

CHUNK_PERSONS = 25_000  # what a process holds at once: about 0.6 million records

FileOf = tuple[Delivery, DeliveredFile]


@dataclass(frozen=True)
class Nation:
    """What every process needs to know."""

    places: Places
    cells: Cells
    troubles: Troubles
    seed: int
    out: Path


@dataclass(frozen=True)
class Task:
    """One part of the nation on one date: persons and movers counted from the part's first.

    last: whether it is the nation's last date.
    """

    day: int
    date: dt.date
    last: bool
    part: int
    home: Ints
    start: Ints
    movers: Ints
    destination: Ints
    arriving: Trains = NO_TRAINS
    boarding: Trains = NO_TRAINS
    away: Absences = NO_ABSENCES

    def moves_of(self, low: int, high: int) -> tuple[Ints, Ints]:
        """Movers among persons low..high-1, counted from low, and their destinations."""
        inside = slice(*np.searchsorted(self.movers, [low, high]))
        return self.movers[inside] - low, self.destination[inside]


@dataclass(frozen=True)
class Written:
    """What is known of a part once it is written: its landing files, and its persons by hour and county (24 x n)."""

    date: dt.date
    files: list[FileOf]
    presence: Ints


def write_part(nation: Nation, task: Task) -> Written:
    """Write the landing files of one part on one date, and the truth of its persons."""
    sims = sims_of_part(task.part, task.home, nation.places, nation.troubles, nation.seed)
    outages = Outages.of(nation.places, nation.troubles, task.day, nation.seed)
    workplace = workplaces(nation.places, task.home, task.part, nation.troubles, nation.seed)
    files = PartFiles(nation, task)
    about = nation.out, nation.places, task.date, task.part
    presence = np.zeros((HOURS, len(nation.places)), int)
    with truth.PositionsFile(*about) as true_positions, DaysFile(*about) as true_days:
        for chunk, low in enumerate(range(0, len(task.home), CHUNK_PERSONS)):
            high = min(low + CHUNK_PERSONS, len(task.home))
            draw = stream(nation.seed, "day", task.day, task.part, chunk)
            movers, destination = task.moves_of(low, high)
            start = task.start[low:high]
            night = task.arriving.of(low, high), task.boarding.of(low, high)
            work = working_today(nation.places, workplace[low:high], task.home[low:high], start, task.date)
            where = positions(nation.places, start, movers, destination, task.date, nation.troubles, draw, *night, work)
            of_chunk, away = sims.of_persons(low, high), task.away.of(low, high)
            abroad, first = away.abroad_on(task.day), task.part * PART_PERSONS + low
            true_positions.write(first, where, abroad)
            true_days.write(first, task.home[low:high], where, abroad)
            presence += hourly_presence(where, abroad, len(nation.places))
            made = records(nation.places, nation.cells, of_chunk, where, outages, nation.troubles, draw)
            silent = away.silent(of_chunk.person[made.sim], task.day + made.second // DAY_SECONDS)
            files.write(made.take(~silent), of_chunk, draw)
    return Written(task.date, files.close(), presence)


def _order(group: Ints, second: Ints) -> Ints:
    """The order by group and time, ties as they come: one key a record, so that any sorting gives the same order."""
    bits = max(len(group).bit_length(), 1)
    key = ((group << 21 | (second + WRONG_CLOCK_DAYS * DAY_SECONDS)) << bits) | np.arange(len(group))
    return np.sort(key) & ((1 << bits) - 1)


class PartFiles:
    """The open files of one part on one date: one by MNO and area, and one more where a late file holds the evening."""

    def __init__(self, nation: Nation, task: Task) -> None:
        self.nation, self.task = nation, task
        self.formats = landing.writer_formats(nation.cells, task.date, nation.troubles.free_text)
        self.late = late_files(len(landing.AREAS), nation.troubles, task.day, nation.seed)
        province_area = landing.area_of_provinces(nation.places)
        unknown = np.zeros(len(MNOS) * UNKNOWN_CELLS, int)  # heard in Hubei
        self.area_of_cell = np.concatenate([province_area[nation.places.province[nation.cells.county]], unknown])
        self.open: dict[tuple[int, int, bool], landing.LandingFile] = {}

    def write(self, made: Records, sims: Sims, draw: Stream) -> None:
        """Append a chunk's records, each to its file, in the order of time."""
        mno, area = sims.mno[made.sim], self.area_of_cell[made.cell]
        late = self.late[mno, area] & is_evening(made.second)
        group = (mno * len(landing.AREAS) + area) * 2 + late
        order = _order(group, made.second)
        made, group = made.take(order), group[order]
        bounds = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
        for low, high in itertools.pairwise(bounds):
            pair, is_late = divmod(int(group[low]), 2)
            file = self._file(*divmod(pair, len(landing.AREAS)), bool(is_late))
            file.write(made.take(slice(low, high)), sims, draw)

    def close(self) -> list[FileOf]:
        """Finish all files."""
        return [(self._delivery(mno, late), file.close()) for (mno, _, late), file in self.open.items()]

    def _file(self, mno: int, area: int, late: bool) -> landing.LandingFile:
        key = (mno, area, late)
        if key not in self.open:
            name = f"{MNOS[mno]}_{self.task.date:%Y%m%d}_{landing.AREAS[area]}_{self.task.part:04}{'_late' * late}"
            path = self._delivery(mno, late).folder(self.nation.out) / f"{name}.{landing.SUFFIXES[mno]}"
            self.open[key] = landing.new_file(path, landing.AREAS[area], self.formats[mno])
        return self.open[key]

    def _delivery(self, mno: int, late: bool) -> Delivery:
        """A late file comes with the next date's delivery; on the last date, in a second one of its own."""
        if late and self.task.last:
            return Delivery(mno, self.task.date, 2)
        return Delivery(mno, self.task.date + dt.timedelta(days=int(late)))

"""Simulates the nation: reference files, the three MNOs' deliveries, and the truth beside them.

The plan of who moves is drawn day after day in one process; the records of each day and part of the nation follow from
the seed alone and are written by parallel processes, chunk by chunk. The same seed gives the same bytes, whatever the
number of processes.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from popflow.errors import PopflowError
from popflow.synthetic import landing, truth
from popflow.synthetic.cells import Cells, cell_table, place_cells
from popflow.synthetic.demand import HUBEI, HUBEI_MOVERS_A_DAY, Demand
from popflow.synthetic.journeys import positions
from popflow.synthetic.landing import DeliveredFile
from popflow.synthetic.moves import DayMoves, needed_persons, plan
from popflow.synthetic.people import MNOS, PART_PERSONS, homes, parts_of, sims_of_part
from popflow.synthetic.places import Ints, Places, shipped_places
from popflow.synthetic.randomness import stream
from popflow.synthetic.records import DAY_SECONDS, WRONG_CLOCK_DAYS, Outages, Records, is_evening, late_files, records
from popflow.synthetic.troubles import Troubles

CHUNK_PERSONS = 25_000
USUAL_MOVER_SHARE = 0.3  # movers a day over persons, where the caller does not say
LARGEST_NEEDED_SHARE = 0.9  # of the persons that may have to live where the movers leave
TINY = 20_000  # person-days below which starting processes takes longer than the work

Progress = Callable[[int, int], None]
FileOf = tuple[int, dt.date, DeliveredFile]  # MNO, date of the delivery, file


@dataclass
class SimulationSummary:
    """What a simulation has made: persons, SIMs, movers out of Hubei's prefectures by date, records and bytes by MNO."""

    persons: int
    sims: int = 0
    scale: float = 0.0
    movers: dict[dt.date, int] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    files: int = 0
    unmet: int = 0


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
    """The records of one part of the nation on one date."""

    day: int
    date: dt.date
    last: bool
    part: int
    home: Ints
    start: Ints
    movers: Ints
    destination: Ints


def simulate(
    out: Path,
    first: dt.date,
    days: int,
    persons: int,
    seed: int,
    troubles: Troubles | None = None,
    on_progress: Progress | None = None,
    movers: int | None = None,
    processes: int | None = None,
) -> SimulationSummary:
    """Simulate `persons` people over `days` dates from `first` and write landing, reference and truth below `out`.

    movers: persons who leave one of Hubei's prefectures for another prefecture on an average day of 10-24 January 2020
    (the scale is 5 million over that); every one of them is simulated. By default three in ten persons, or as many as
    the persons can supply. Beyond those whom the movers need, persons are a sample of the residents of all counties.
    on_progress: told the units done and the units in all. Raises PopflowError where `out` is not empty or the persons
    are too few for the movers.
    """
    _refuse(out, days, persons)
    troubles = troubles or Troubles()
    places = shipped_places()
    demand = Demand.of(places)
    scale, needed = _scaled(places, demand, first, days, persons, movers)
    home = homes(places, persons, needed, seed)
    nation = Nation(places, place_cells(places, troubles, seed), troubles, seed, out)
    summary = SimulationSummary(persons, scale=scale)
    summary.sims = _write_reference(nation, home, first)
    moves = plan(places, demand, scale, home, first, days, troubles, seed)
    tasks = _tasks(nation, home, moves, days, summary)
    workers = 1 if persons * days < TINY else processes or os.cpu_count() or 1
    _deliver(nation, tasks, first, days, len(parts_of(persons)), workers, on_progress, summary)
    return summary


def _refuse(out: Path, days: int, persons: int) -> None:
    if out.exists() and any(out.iterdir()):
        raise PopflowError(f"{out} is not empty; give a new folder for the simulation")
    for name, value in (("days", days), ("persons", persons)):
        if value < 1:
            raise PopflowError(f"{name} = {value}: at least 1")


def _scaled(
    places: Places, demand: Demand, first: dt.date, days: int, persons: int, movers: int | None
) -> tuple[float, np.ndarray]:
    """The scale, and the persons that each prefecture must hold for it."""
    at_full_size = needed_persons(places, demand, 1.0, first, days)
    most = LARGEST_NEEDED_SHARE * (persons - len(at_full_size)) / at_full_size.sum() * HUBEI_MOVERS_A_DAY
    wanted = min(USUAL_MOVER_SHARE * persons, most) if movers is None else movers
    if wanted > most:
        least = int(persons * wanted / most) + 1 if most > 0 else 10 * len(at_full_size)
        raise PopflowError(f"persons = {persons} cannot supply {movers} movers a day over {days} days; at least {least}")
    scale = HUBEI_MOVERS_A_DAY / max(wanted, 1e-9)
    return scale, at_full_size / scale


def _write_reference(nation: Nation, home: Ints, first: dt.date) -> int:
    table = cell_table(nation.cells, first, nation.seed)
    truth.write_cells(nation.out, nation.places, nation.cells, table)
    return truth.write_people(nation.out, nation.places, home, nation.troubles, nation.seed)


def _tasks(nation: Nation, home: Ints, moves: Iterator[DayMoves], days: int, summary: SimulationSummary) -> Iterator[Task]:
    hubei = nation.places.in_province(HUBEI)
    for day, move in enumerate(moves):
        truth.write_day(nation.out, nation.places, move)
        left = nation.places.prefecture[move.start[move.movers]]
        summary.movers[move.date] = int(hubei[left].sum())
        summary.unmet += move.unmet
        for part, persons in enumerate(parts_of(len(home))):
            inside = slice(*np.searchsorted(move.movers, [persons.start, persons.stop]))
            yield Task(
                day,
                move.date,
                day == days - 1,
                part,
                home[persons],
                move.start[persons],
                move.movers[inside] - part * PART_PERSONS,
                move.destination[inside],
            )


def _deliver(
    nation: Nation,
    tasks: Iterator[Task],
    first: dt.date,
    days: int,
    parts: int,
    workers: int,
    on_progress: Progress | None,
    summary: SimulationSummary,
) -> None:
    """Run the tasks, and write each delivery's manifest once the date's files and the late ones before it are there."""
    files: dict[tuple[int, dt.date], list[DeliveredFile]] = {}
    open_tasks = Counter({first + dt.timedelta(days=day): parts for day in range(days)})
    done = 0
    for date, delivered in _results(nation, tasks, workers):
        for mno, of_date, file in delivered:
            files.setdefault((mno, of_date), []).append(file)
            summary.records[MNOS[mno]] += file.rows
            summary.bytes[MNOS[mno]] += file.bytes
            summary.files += 1
        open_tasks[date] -= 1
        done += 1
        if on_progress:
            on_progress(done, days * parts)
    for (mno, of_date), listed in sorted(files.items()):
        landing.write_manifest(landing.delivery_folder(nation.out, mno, of_date), mno, of_date, listed)


def _results(nation: Nation, tasks: Iterator[Task], workers: int) -> Iterator[tuple[dt.date, list[FileOf]]]:
    """The files of each task, in whatever order they are done; at most two tasks a worker wait in memory."""
    if workers == 1:
        for task in tasks:
            yield task.date, write_part(nation, task)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of Arrow's threads
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(replace(nation, places=nation.places.without_polygons()),)) as pool:
        waiting: dict[Future[list[FileOf]], dt.date] = {}
        for task in tasks:
            waiting[pool.submit(_run, task)] = task.date
            while len(waiting) >= 2 * workers:
                yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)


def _finished(waiting: dict[Future[list[FileOf]], dt.date]) -> Iterator[tuple[dt.date, list[FileOf]]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()


_nation: Nation | None = None  # of this worker process


def _start(nation: Nation) -> None:
    global _nation
    _nation = nation


def _run(task: Task) -> list[FileOf]:
    assert _nation is not None
    return write_part(_nation, task)


def write_part(nation: Nation, task: Task) -> list[FileOf]:
    """Write the landing files and true positions of one part on one date."""
    sims = sims_of_part(task.part, task.home, nation.places, nation.troubles, nation.seed)
    outages = Outages.of(nation.places, nation.troubles, task.day, nation.seed)
    files = PartFiles(nation, task)
    with truth.PositionsFile(nation.out, nation.places, task.date, task.part) as true_positions:
        for chunk, low in enumerate(range(0, len(task.home), CHUNK_PERSONS)):
            high = min(low + CHUNK_PERSONS, len(task.home))
            draw = stream(nation.seed, "day", task.day, task.part, chunk)
            inside = slice(*np.searchsorted(task.movers, [low, high]))
            where = positions(
                nation.places,
                task.start[low:high],
                task.movers[inside] - low,
                task.destination[inside],
                task.date,
                nation.troubles,
                draw,
            )
            true_positions.write(task.part * PART_PERSONS + low, where)
            of_chunk = sims.of_persons(low, high)
            made = records(nation.places, nation.cells, of_chunk, where, outages, nation.troubles, draw)
            files.write(made, of_chunk, draw)
    return files.close()


def _order(group: Ints, second: Ints) -> Ints:
    """The order by group and time, ties as they come: one key a record, so that any sorting gives the same order."""
    bits = max(int(len(group)).bit_length(), 1)
    key = ((group << 21 | (second + WRONG_CLOCK_DAYS * DAY_SECONDS)) << bits) | np.arange(len(group))
    return np.sort(key) & ((1 << bits) - 1)


class PartFiles:
    """The open files of one part on one date: one by MNO and area, and one more where a late file holds the evening."""

    def __init__(self, nation: Nation, task: Task) -> None:
        self.nation, self.task = nation, task
        self.formats = landing.writer_formats(nation.cells, task.date, nation.troubles.free_text)
        self.late = late_files(len(landing.AREAS), nation.troubles, task.day, nation.seed)
        province_area = landing.area_of_provinces(nation.places)
        unknown = np.zeros(10_000, int)
        self.area_of_cell = np.concatenate([province_area[nation.places.province[nation.cells.county]], unknown])
        self.open: dict[tuple[int, int, bool], landing.LandingFile] = {}

    def write(self, made: Records, sims, draw) -> None:  # type: ignore[no-untyped-def]
        """Append a chunk's records, each to its file, in the order of time."""
        mno, area = sims.mno[made.sim], self.area_of_cell[made.cell]
        late = self.late[mno, area] & is_evening(made.second)
        group = (mno * len(landing.AREAS) + area) * 2 + late
        order = _order(group, made.second)
        made, group = made.take(order), group[order]
        bounds = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
        for low, high in zip(bounds[:-1], bounds[1:], strict=True):
            key = int(group[low])
            file = self._file(key // 2 // len(landing.AREAS), key // 2 % len(landing.AREAS), bool(key % 2))
            file.write(made.take(slice(low, high)), sims, draw)

    def close(self) -> list[FileOf]:
        """Finish all files."""
        return [(mno, self._delivery(late), file.close()) for (mno, _, late), file in sorted(self.open.items(), key=lambda item: item[0])]

    def _file(self, mno: int, area: int, late: bool) -> landing.LandingFile:
        key = (mno, area, late)
        if key not in self.open:
            name = f"{MNOS[mno]}_{self.task.date:%Y%m%d}_{landing.AREAS[area]}_{self.task.part:04}{'_late' * late}"
            folder = landing.delivery_folder(self.nation.out, mno, self._delivery(late))
            path = folder / f"{name}.{landing.SUFFIXES[mno]}"
            self.open[key] = landing.new_file(path, landing.AREAS[area], self.formats[mno])
        return self.open[key]

    def _delivery(self, late: bool) -> dt.date:
        return self.task.date + dt.timedelta(days=1) if late else self.task.date

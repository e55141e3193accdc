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
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from popflow.errors import PopflowError
from popflow.progress import Progress, silent
from popflow.synthetic import landing, truth
from popflow.synthetic.absences import Absences, absences
from popflow.synthetic.cells import cell_table, place_cells
from popflow.synthetic.demand import HUBEI, Demand
from popflow.synthetic.journeys import NO_TRAINS, Trains, trains
from popflow.synthetic.landing import DeliveredFile, Delivery
from popflow.synthetic.moves import DayMoves, Movement, needed_persons, plan
from popflow.synthetic.national import NationalDemand
from popflow.synthetic.parts import Nation, Task, Written, write_part
from popflow.synthetic.people import MNOS, PART_PERSONS, homes, parts_of
from popflow.synthetic.places import Floats, Ints, Places, shipped_places
from popflow.synthetic.randomness import stream
from popflow.synthetic.troubles import Troubles
from popflow.synthetic.whereabouts import PresenceFiles

USUAL_MOVER_SHARE = 0.3  # movers a day over persons, where the caller does not say
LARGEST_NEEDED_SHARE = 0.9  # of the persons that may have to live where the movers leave
TINY = 20_000  # person-days below which starting processes takes longer than the work


@dataclass
class SimulationSummary:
    """What a simulation has made.

    scale: persons of the real nation that a mover stands for. movers: persons by date who left a prefecture for
    another, one of Hubei's or, where it is national, any. records, bytes: by MNO. unmet: moves for which no person was
    there, on all dates.
    """

    persons: int
    sims: int = 0
    scale: float = 0.0
    movers: dict[dt.date, int] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    files: int = 0
    unmet: int = 0
    national: bool = False

    def __str__(self) -> str:
        records = ", ".join(f"{mno} {self.records[mno]:,}" for mno in MNOS)
        movers = ", ".join(f"{date}: {count:,}" for date, count in self.movers.items())
        whose = "all" if self.national else "Hubei's"
        return (
            f"{self.persons:,} persons with {self.sims:,} SIMs; {self.records.total():,} records ({records}) "
            f"in {self.files:,} files; movers out of {whose} prefectures {movers}"
        )


def simulate(
    out: Path,
    first: dt.date,
    days: int,
    persons: int,
    seed: int,
    troubles: Troubles | None = None,
    on_progress: Progress = silent,
    movers: int | None = None,
    processes: int | None = None,
    *,
    national: bool = False,
) -> SimulationSummary:
    """Simulate `persons` people over `days` dates from `first` and write landing, reference and truth below `out`.

    movers: persons who leave one of Hubei's prefectures for another prefecture on an average day of 10-24 January 2020
    (the scale is 5 million over that); every one of them is simulated. national: of all prefectures, not Hubei's alone
    (100 million over that), see `popflow.synthetic.national`. By default three in ten persons, or as many as the
    persons can supply. Beyond those whom the movers need, persons are a sample of the residents of all counties.
    on_progress is told how many parts are done. Raises PopflowError where `out` is not empty or the persons are too few
    for the movers.
    """
    _refuse(out, days, persons)
    troubles = troubles or Troubles()
    places = shipped_places()
    demand: Movement = NationalDemand.of(places) if national else Demand.of(places)
    scale, needed = _scaled(places, demand, first, days, persons, movers)
    home = homes(places, persons, needed, seed)
    nation = Nation(places, place_cells(places, troubles, seed), troubles, seed, out)
    summary = SimulationSummary(persons, scale=scale, national=national)
    summary.sims = _write_reference(nation, home, first)
    away = absences(persons, days, troubles, seed)
    moves = plan(places, demand, scale, home, first, days, troubles, seed, away)
    tasks = _tasks(nation, home, moves, away, days, summary)
    workers = processes or (1 if persons * days < TINY else os.cpu_count() or 1)
    _deliver(nation, tasks, days, len(parts_of(persons)), workers, on_progress, summary)
    return summary


def _refuse(out: Path, days: int, persons: int) -> None:
    if out.exists() and any(out.iterdir()):
        raise PopflowError(f"{out} is not empty; give a new folder for the simulation")
    for name, value in (("days", days), ("persons", persons)):
        if value < 1:
            raise PopflowError(f"{name} = {value}: at least 1")


def _scaled(
    places: Places, demand: Movement, first: dt.date, days: int, persons: int, movers: int | None
) -> tuple[float, Floats]:
    """The scale, and the persons that each prefecture must hold for it."""
    at_full_size = needed_persons(places, demand, 1.0, first, days)
    most = LARGEST_NEEDED_SHARE * (persons - len(at_full_size)) / at_full_size.sum() * demand.movers_a_day
    wanted = min(USUAL_MOVER_SHARE * persons, most) if movers is None else movers
    if wanted > most:
        least = int(persons * wanted / most) + 1 if most > 0 else 10 * len(at_full_size)
        raise PopflowError(
            f"persons = {persons} cannot supply {movers} movers a day over {days} days; at least {least}"
        )
    scale = demand.movers_a_day / max(wanted, 1e-9)
    return scale, at_full_size / scale


def _write_reference(nation: Nation, home: Ints, first: dt.date) -> int:
    table = cell_table(nation.cells, first, nation.seed)
    truth.write_cells(nation.out, nation.places, nation.cells, table)
    return truth.write_people(nation.out, nation.places, home, nation.troubles, nation.seed)


def _tasks(
    nation: Nation, home: Ints, moves: Iterator[DayMoves], away: Absences, days: int, summary: SimulationSummary
) -> Iterator[Task]:
    of = nation.places.in_province(HUBEI) | summary.national
    for day, (move, arriving, boarding) in enumerate(_with_trains(nation, moves)):
        truth.write_day(nation.out, nation.places, move)
        left, reached = nation.places.prefecture[move.start[move.movers]], nation.places.prefecture[move.destination]
        summary.movers[move.date] = int((of[left] & (left != reached)).sum())
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
                arriving.of(persons.start, persons.stop),
                boarding.of(persons.start, persons.stop),
                away.of(persons.start, persons.stop),
            )


def _with_trains(nation: Nation, moves: Iterator[DayMoves]) -> Iterator[tuple[DayMoves, Trains, Trains]]:
    """Each date with who is on the way at the midnight before it, and at the one after it."""
    move, arriving = next(moves), NO_TRAINS
    for day, following in enumerate(moves, start=1):
        draw = stream(nation.seed, "trains", day)
        about = following.start, following.movers, following.destination, move.movers
        boarding = trains(nation.places, *about, nation.troubles, draw)
        yield move, arriving, boarding
        move, arriving = following, boarding
    yield move, arriving, NO_TRAINS


def _deliver(
    nation: Nation,
    tasks: Iterator[Task],
    days: int,
    parts: int,
    workers: int,
    on_progress: Progress,
    summary: SimulationSummary,
) -> None:
    """Run the tasks; write the manifests at the end, when the late files are in their deliveries too."""
    files: dict[Delivery, list[DeliveredFile]] = {}
    presence = PresenceFiles(nation.out, nation.places, parts)
    for done, written in enumerate(_results(nation, tasks, workers), start=1):
        presence.add(written.date, written.presence)
        for delivery, file in written.files:
            files.setdefault(delivery, []).append(file)
            summary.records[MNOS[delivery.mno]] += file.rows
            summary.bytes[MNOS[delivery.mno]] += file.bytes
            summary.files += 1
        on_progress(f"{done} of {days * parts} parts")
    for delivery, listed in files.items():
        landing.write_manifest(nation.out, delivery, listed)


def _results(nation: Nation, tasks: Iterator[Task], workers: int) -> Iterator[Written]:
    """What each task has written, in whatever order they are done; at most two tasks a worker wait in memory."""
    if workers == 1:
        yield from (write_part(nation, task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of Arrow's threads
    light = replace(nation, places=nation.places.without_polygons())
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(light,)) as pool:
        waiting: set[Future[Written]] = set()
        for task in tasks:
            waiting.add(pool.submit(_run, task))
            if len(waiting) >= 2 * workers:
                yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)


def _finished(waiting: set[Future[Written]]) -> Iterator[Written]:
    done = wait(waiting, return_when=FIRST_COMPLETED).done
    waiting -= done
    yield from (future.result() for future in done)


_nation: Nation | None = None  # of this worker process


def _start(nation: Nation) -> None:
    global _nation
    _nation = nation


def _run(task: Task) -> Written:
    assert _nation is not None
    return write_part(_nation, task)

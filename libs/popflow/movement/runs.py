"""What the slots of a day add up to: day end, stays, and the county of each hour. numpy, many persons at once.

In: the 97 x persons matrix of popflow.movement.slots (row 0: the run in which the person came into the day).
METHODS.md sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.movement.definition import MIN_RUN_SLOTS, MIN_STAY_SLOTS, SLOTS_A_DAY, SLOTS_AN_HOUR
from popflow.movement.slots import Before, Bools, Ints

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Maximal runs of one value, person after person, in order of time."""

    person: Longs
    start: Longs  # row of the matrix
    value: Ints

    def last_of_each_person(self) -> Longs:
        """Index of each person's last run."""
        return np.append(np.flatnonzero(np.diff(self.person)), len(self.person) - 1)

    def where(self, keep: Bools) -> Runs:
        """The runs for which keep holds."""
        return Runs(self.person[keep], self.start[keep], self.value[keep])


@dataclass(frozen=True)
class Stays:
    """The stays of a batch, and the run that is open at midnight."""

    person: Longs  # one entry per person and prefecture with a stay, in order of both
    prefecture: Longs
    trailing_county: Ints  # one entry per person from here on: county of the last observation
    trailing_slots: Longs  # slots of the run in its prefecture, silence at its end not counted
    silent_slots: Longs  # slots after the last observation


def runs_of(matrix: Ints) -> tuple[Runs, Longs]:
    """All runs of a (rows x persons) matrix, empty ones (value 0) too, and the rows that each lasts."""
    rows = len(matrix)
    flat = np.ascontiguousarray(matrix.T).ravel()
    begins = np.append(True, flat[1:] != flat[:-1])
    begins[::rows] = True
    at = np.flatnonzero(begins)
    return Runs(at // rows, at % rows, flat[at]), np.diff(np.append(at, flat.size))


def day_ends(counties: Ints) -> Ints:
    """County in which each person ends the day.

    The last run of at least 4 slots of the day; without one, the longest run, ties to the later. The day's slots count,
    not those before midnight; the last run lasts to midnight.
    """
    runs, length = runs_of(counties[1:])
    score = np.where(length >= MIN_RUN_SLOTS, SLOTS_A_DAY**2 + runs.start, length * SLOTS_A_DAY + runs.start)
    score = np.where(runs.value > 0, score, -1)
    best = np.maximum.reduceat(score, np.flatnonzero(np.append(True, np.diff(runs.person) > 0)))
    return runs.value[score == best[runs.person]]


def stays(counties: Ints, observed: Bools, before: Before) -> Stays:
    """Stays of the day and the run open at midnight.

    A stay is a run of at least 4 h in one prefecture, whichever of its counties, from its first to its last
    observation; what the run had lasted before midnight counts, silence at its end does not.
    """
    all_runs, _ = runs_of(counties // 100)
    rows = len(counties)
    seen_row = np.zeros((observed.shape[1], rows), np.int16)
    seen_row[:, 1:] = np.where(observed, np.arange(1, rows, dtype=np.int16)[:, None], 0).T
    last_seen = np.maximum.reduceat(seen_row.ravel(), all_runs.person * rows + all_runs.start).astype(np.int64)
    placed = (all_runs.value > 0) & (last_seen > 0)  # a run that came into the day and was not seen in it is over
    runs, last_seen = all_runs.where(placed), last_seen[placed]
    carried = (before.stay_slots + before.silent_slots - 1)[runs.person]  # row 0 is no slot of the day
    slots = last_seen - runs.start + 1 + np.where(runs.start == 0, carried, 0)
    stay = np.unique(runs.person[slots >= MIN_STAY_SLOTS] * 10_000 + runs.value[slots >= MIN_STAY_SLOTS])
    last = runs.last_of_each_person()
    return Stays(stay // 10_000, stay % 10_000 * 100, counties[-1], slots[last], SLOTS_A_DAY - last_seen[last])


def hours(counties: Ints) -> Runs:
    """The county from each hour on at which it changes, by the hour's first slot; value 0: not placed from then on."""
    runs, _ = runs_of(counties[1::SLOTS_AN_HOUR])
    return runs.where((runs.value > 0) | (runs.start > 0))

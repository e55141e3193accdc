"""What the slots of a day add up to: the day end, and the county of each hour. numpy, many persons at once.

In: the 97 x persons matrix of popflow.movement.slots (row 0: the run in which the person came into the day).
METHODS.md sections 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.movement.definition import MIN_RUN_SLOTS, SLOTS_A_DAY, SLOTS_AN_HOUR
from popflow.movement.slots import Bools, Ints

Longs = NDArray[np.int64]
COUNTIES_A_PREFECTURE = 100  # the last two digits of a GB/T 2260 code


@dataclass(frozen=True)
class Runs:
    """Maximal runs of one value, person after person, in order of time."""

    person: Longs
    start: Longs  # row of the matrix
    value: Ints

    def where(self, keep: Bools) -> Runs:
        """The runs for which keep holds."""
        return Runs(self.person[keep], self.start[keep], self.value[keep])


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

    The prefecture is that of the last run of at least 4 slots of the day; without one, of the longest run, ties to the
    later. The county is that of the day's last run in this prefecture, however short. The day's slots count, not those
    before midnight; the last run lasts to midnight.
    """
    runs, length = runs_of(counties[1:])
    lasting = np.where(length >= MIN_RUN_SLOTS, SLOTS_A_DAY**2 + runs.start, length * SLOTS_A_DAY + runs.start)
    stayed = _greatest(runs, lasting, runs.value > 0)
    inside = runs.value // COUNTIES_A_PREFECTURE == (runs.value[stayed] // COUNTIES_A_PREFECTURE)[runs.person]
    return runs.value[_greatest(runs, runs.start, inside)]


def _greatest(runs: Runs, score: Longs, among: Bools) -> Bools:
    """Which run of each person has the greatest score of those that count; each person has one that does."""
    of_those = np.where(among, score, -1)
    best = np.maximum.reduceat(of_those, np.flatnonzero(np.append(True, np.diff(runs.person) > 0)))
    return of_those == best[runs.person]


def hours(counties: Ints) -> Runs:
    """The county from each hour on at which it changes, by the hour's first slot; value 0: not placed from then on."""
    runs, _ = runs_of(counties[1::SLOTS_AN_HOUR])
    return runs.where((runs.value > 0) | (runs.start > 0))

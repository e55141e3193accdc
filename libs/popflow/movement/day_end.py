"""What the slots of a day add up to: the day end, and the county of each hour. numpy, many persons at once.

In: the 97 x persons matrix of popflow.movement.slots (row 0: the run in which the person came into the day).
METHODS.md sections 4 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.geography.codes import COUNTIES_A_PREFECTURE
from popflow.movement.definition import MIN_RUN_SLOTS, SLOTS_A_DAY, SLOTS_AN_HOUR
from popflow.movement.slots import Bools, Ints

Longs = NDArray[np.int64]
Rule = Callable[[Ints], Ints]  # from the matrix to the county of each person's day end


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
    """County in which each person ends the day: definition `day-end-2`.

    The prefecture is that of the day end by `day-end-1`. The county is that of the day's last run inside this
    prefecture, however short.
    """
    runs, length = runs_of(counties[1:])
    prefecture = _prefecture(_last_long(runs, length))
    inside = (runs.value > 0) & (_prefecture(runs.value) == prefecture[runs.person])
    return runs.value[_best(runs, np.where(inside, runs.start, -1))]


def day_ends_1(counties: Ints) -> Ints:
    """County in which each person ends the day by `day-end-1`.

    The last run of at least 4 slots of the day; without one, the longest run, ties to the later. The day's slots count,
    not those before midnight; the last run lasts to midnight.
    """
    return _last_long(*runs_of(counties[1:]))


def _last_long(runs: Runs, length: Longs) -> Ints:
    score = np.where(length >= MIN_RUN_SLOTS, SLOTS_A_DAY**2 + runs.start, length * SLOTS_A_DAY + runs.start)
    return runs.value[_best(runs, np.where(runs.value > 0, score, -1))]


def _best(runs: Runs, score: Longs) -> Bools:
    """Of each person's runs the one with the highest score; no two that can win have the same."""
    best = np.maximum.reduceat(score, np.flatnonzero(np.append(True, np.diff(runs.person) > 0)))
    return score == best[runs.person]


def _prefecture(counties: Ints) -> Ints:
    return counties // COUNTIES_A_PREFECTURE


DEFINITIONS: Mapping[str, Rule] = {"day-end-1": day_ends_1, "day-end-2": day_ends}


def hours(counties: Ints) -> Runs:
    """The county from each hour on at which it changes, by the hour's first slot; value 0: not placed from then on."""
    runs, _ = runs_of(counties[1::SLOTS_AN_HOUR])
    return runs.where((runs.value > 0) | (runs.start > 0))

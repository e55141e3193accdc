"""Why a date is either corrected or has its arrivals told: both together tell single persons, and neither does alone.

A rest of three counties, groups of 1 to 4 small. A figure bounds what a county hides. A second release tells how the
rest changed; those who joined and who left each cell are nobody or at least 5, so whoever left a cell was in it.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from popflow.contracts import Contracts
from popflow.disclosure.public_test import Hidden, told

K = 5
Cells = tuple[int, int, int]


def shares(total: int) -> list[Cells]:
    return [(a, b, total - a - b) for a in range(total + 1) for b in range(total - a + 1)]


@functools.cache
def left(cells: Cells) -> frozenset[int]:
    """How many can have left in all, cell by cell nobody or at least K."""
    return frozenset(map(sum, itertools.product(*((0, *range(K, n + 1)) for n in cells))))


def fits_change(cells: Cells, change: int) -> bool:
    """Whether a second release with such a change of the rest can follow."""
    return change == 0 or any(gone + change == 0 or gone + change >= K for gone in left(cells) if gone >= -change)


def knows(worlds: list[Cells]) -> bool:
    """Whether some small group has one size in all worlds."""
    array = np.array(worlds)
    groups = (array[:, list(some)].sum(axis=1) for many in (1, 2, 3) for some in itertools.combinations(range(3), many))
    return any(sizes.min() == sizes.max() and 1 <= sizes[0] < K for sizes in groups)


def passes(cells: Cells, bounds: Cells) -> bool:
    """Whether the public test lets figures with such bounds stand."""
    row, county = np.zeros(3, int), np.arange(3)
    return not told(Hidden(row, county, np.array(cells), np.zeros(1, bool), np.array(bounds)), K).any()


def test_neither_alone_tells_of_a_small_group_and_both_together_do():
    together, cases = [], 0
    for total in range(K, 11):
        for bounds in itertools.combinations_with_replacement(range(total + 1), 3):
            alone = [one for one in shares(total) if all(n <= most for n, most in zip(one, bounds, strict=True))]
            if not alone or not passes(alone[0], bounds):
                continue
            assert not knows(alone)
            for change in range(K - total, 0):  # the rest can still be shown
                cases += 1
                corrected = [one for one in shares(total) if fits_change(one, change)]
                both = [one for one in alone if one in corrected]
                if both and knows(both) and not knows(corrected):
                    together.append((total, bounds, change, both))
    assert cases > 500
    assert (7, (1, 1, 6), -1, [(0, 1, 6), (1, 0, 6)]) in together  # six left the third: one of the others has one


def test_so_a_night_tells_them_only_where_dates_are_never_corrected(contracts: Contracts):
    assert contracts.disclosure.corrections
    assert "arrivals" not in contracts.told
    never = contracts.disclosure.model_copy(update={"corrections": False})
    assert "arrivals" in contracts.model_copy(update={"disclosure": never}).told


@pytest.mark.parametrize("cells", [(0, 1, 6), (1, 0, 6)])
def test_the_counterexample_passes_the_test_of_its_date(cells):
    assert passes(cells, (1, 1, 6))

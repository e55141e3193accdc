"""A3 and A4: what somebody who knows all rules can say about each child that a rest hides, for rests of every size.

The reader knows the rest's figure, how many children it hides, which, and the figures of the children shown beside it.
The rules add: a child was withheld because it is small (below k), or because it joined, as the smallest of those that
were not, a rest that was too small or held too few; so it is not larger than any child shown, and a rest of more than
the least number of children holds one that joined for the size of the rest, or none. An MNO knows besides how many of
each child's persons have a SIM of its own, and searches the others.

A child is exposed when these rules leave one figure for it, in 1..k-1 (for an MNO 1..floor-1). Of several together this
asks nothing more: were what is left beside a child with one figure so small, nobody need have joined. That a child was
withheld for another MNO's sake, or joined because somebody was exposed, would only make more figures possible, and is
left out, so that no more is called safe than is.

The last rule is that such a rest grows until some table fits it and exposes nobody. So where a rest holds a child that
its size does not need, some table must fit for every knower: a rest that none fits is one that these rules never give,
and whoever knows them sees that it stopped growing too early.

All rests of a step are judged at once: the ways in which one child joined differ in two numbers alone, so the least and
the greatest figure of a child over all of them follow from the two best of its siblings. The cost is that of sorting.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BEYOND = np.int64(2**40)  # larger than any count: a cell that no rule bounds from above
NEVER = -BEYOND


@dataclass(frozen=True)
class Rests:
    """The rests of one step as one knower sees them; arrays over withheld children, one rest's after another's.

    rest: the child's rest, numbered from 0; small: below it a child is not publishable, BEYOND for one that is never
    shown alone; joined: the greatest figure with which the child comes before the smallest one shown; own: registered
    persons of the child whom the knower knows. Arrays over rests: total: what the knower does not know of it;
    children: how many it hides; grown: whether it holds a child that its size does not need.
    """

    rest: np.ndarray
    small: np.ndarray
    joined: np.ndarray
    own: np.ndarray
    total: np.ndarray
    children: np.ndarray
    grown: np.ndarray
    k: int
    floor: int  # 0 for a reader

    @property
    def limit(self) -> int:
        """Figures below it are small groups."""
        return self.floor or self.k


@dataclass(frozen=True)
class Figures:
    """For each withheld child the least and the greatest figure that the rules allow; none where least > greatest."""

    least: np.ndarray
    greatest: np.ndarray

    @property
    def fits(self) -> np.ndarray:
        """Whether some table fits."""
        return self.least <= self.greatest

    @property
    def one(self) -> np.ndarray:
        """Whether the rules leave one figure."""
        return self.least == self.greatest


def feasible(rests: Rests, rest_children: int) -> Figures:
    """The figures that the rules leave possible."""
    n, least, greatest = len(rests.rest), np.full(len(rests.rest), BEYOND), np.full(len(rests.rest), NEVER)
    _widen(least, greatest, *_nobody_joined(rests), np.ones(n, dtype=bool))
    _widen(least, greatest, *_one_joined(rests), rests.children[rests.rest] > rest_children)
    for low, high, where in _some_joined(rests, rest_children):
        _widen(least, greatest, low, high, where)
    return Figures(least, greatest)


def exposed(rests: Rests, figures: Figures) -> np.ndarray:
    """Children whose one figure is a small group."""
    return figures.one & (figures.least > 0) & (figures.least < rests.limit)


def stopped_early(rests: Rests, figures: Figures) -> np.ndarray:
    """Rests that hold a child which their size does not need, though no table fits them."""
    return rests.grown & (sums_of(rests, figures.fits.astype(np.int64)) == 0)


def _widen(least: np.ndarray, greatest: np.ndarray, low: np.ndarray, high: np.ndarray, where: np.ndarray) -> None:
    where = where & (low <= high)
    np.minimum(least, low, out=least, where=where)
    np.maximum(greatest, high, out=greatest, where=where)


def _nobody_joined(rests: Rests) -> tuple[np.ndarray, np.ndarray]:
    """Every child is small."""
    total, room = rests.total[rests.rest], sums_of(rests, rests.small - 1)[rests.rest]
    low = np.maximum(0, total - (room - (rests.small - 1)))
    return np.where(total <= room, low, BEYOND), np.minimum(rests.small - 1, total)


def _one_joined(rests: Rests) -> tuple[np.ndarray, np.ndarray]:
    """One child joined what the others made, which was too small a rest; seen from it, and from each of the others."""
    total, most = rests.total[rests.rest], rests.small - 1
    room = sums_of(rests, most)[rests.rest] - most  # of the others
    known = sums_of(rests, rests.own)[rests.rest] - rests.own
    too_few = np.maximum(rests.k - 1 - known, rests.floor - 1) if rests.floor else rests.k - 1
    others_most = np.minimum(np.minimum(room, too_few), total - rests.small)
    others_least = np.maximum(0, total - np.minimum(rests.joined, total))
    possible = (others_least <= others_most) & (rests.small < BEYOND)
    # What the others have together, [least, most], bounds each of them by what the other others can hold.
    spare = _greatest_of_siblings(rests, np.where(possible, room - others_least, NEVER))
    upper = _greatest_of_siblings(rests, np.where(possible, others_most, NEVER))
    mine_low, mine_high = (
        np.where(possible, total - others_most, BEYOND),
        np.where(possible, total - others_least, NEVER),
    )
    some = spare > NEVER
    other_low = np.where(some, np.maximum(0, most - spare), BEYOND)
    other_high = np.where(some, np.minimum(most, upper), NEVER)
    return np.minimum(mine_low, other_low), np.maximum(mine_high, other_high)


def _some_joined(rests: Rests, rest_children: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """A rest of as few children as a rest may hold: any of them joined, but not all."""
    these = np.flatnonzero(rests.children[rests.rest] == rest_children)
    where = np.isin(np.arange(len(rests.rest)), these)
    shape = (-1, rest_children)
    small, joined = rests.small[these].reshape(shape), rests.joined[these].reshape(shape)
    total = rests.total[rests.rest[these]].reshape(shape)
    for kind in itertools.product((False, True), repeat=rest_children):
        if all(kind) or not any(kind):
            continue
        low = np.where(kind, small, 0)
        high = np.where(kind, np.where(small < BEYOND, joined, NEVER), small - 1)
        fits = (low <= high).all(axis=1) & (low.sum(axis=1) <= total[:, 0]) & (total[:, 0] <= high.sum(axis=1))
        least = np.maximum(low, total - (high.sum(axis=1, keepdims=True) - high))
        greatest = np.minimum(high, total - (low.sum(axis=1, keepdims=True) - low))
        wide_low, wide_high = np.full(len(where), BEYOND), np.full(len(where), NEVER)
        wide_low[these] = np.where(fits[:, None], least, BEYOND).ravel()
        wide_high[these] = np.where(fits[:, None], greatest, NEVER).ravel()
        yield wide_low, wide_high, where


def _greatest_of_siblings(rests: Rests, values: np.ndarray) -> np.ndarray:
    """For each child the greatest value of the other children of its rest; NEVER where there is none."""
    order = np.lexsort((-values, rests.rest))
    start = np.searchsorted(rests.rest[order], np.arange(len(rests.total)))
    best = order[start]
    second = np.where(rests.children > 1, values[order[np.minimum(start + 1, len(order) - 1)]], NEVER)
    is_best = best[rests.rest] == np.arange(len(values))
    return np.where(is_best, second[rests.rest], values[best][rests.rest])


def sums_of(rests: Rests, values: np.ndarray) -> np.ndarray:
    total = np.zeros(len(rests.total), dtype=np.int64)
    np.add.at(total, rests.rest, values)
    return total

"""Small worlds of one prefecture, all of them: what its trees hide, and what figures stand beside them.

Everything is scaled down: groups of 1 to 4 are small, for an MNO of 1 to 2 without it; figures go by tens from 20 on;
an own part has at least 5 persons, 3 without each MNO, and some more in secret. There are two MNOs, and everybody has
a SIM of one or of both. A world is the persons of each kind in each hidden cell, and of each county the own part and
the offset; those of one county do not hang together with another's, so worlds are counted as the product and gone
through county by county. Any share of a rest's sum can lie in any cell. The gate's own functions decide what is folded,
rounded and told; a class is all worlds that a viewer cannot tell apart, and a group is known that has one size in it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from popflow.disclosure.feasibility import Determined
from popflow.disclosure.hundreds import rounded_off
from popflow.disclosure.public_test import UNBOUNDED, Hidden, on_a_cycle, told
from popflow.disclosure.rules import Rules
from popflow.disclosure.suppression import fold

K, FLOOR, UNIT, LEAST_FIGURE = 5, 3, 10, 20
RULES = Rules(k=K, floor=FLOOR, rest_children=3)
OWN = range(60)  # of an own part, one MNO's or all; large ones bind nothing
ABSENT = 0  # the figure of a county without a row
Cells = tuple[int, ...]  # hidden persons whom the viewer does not know, by county


@dataclass(frozen=True)
class Tree:
    """What a viewer knows of a prefecture's rests: of whom they do not know the sum of each, and what rows show.

    shown: by county, persons in rows of its own; known: hidden or own persons whom an MNO knows, 0 for a reader.
    """

    sums: tuple[int, ...]
    shown: tuple[int, ...]
    known: tuple[int, ...] = (0, 0, 0)
    least: int = K  # of an own part, and from where on a group is not small


Worlds = dict[Tree, list[tuple[Cells, ...]]]
Test = Callable[[Tree, tuple[int, ...]], bool]  # whether figures may stand, from what the viewer knows


def rests(most: int, sibling: tuple[int, int]) -> list[tuple[Cells, Cells]]:
    """Customers of an MNO, and all others, in three counties that the gate really folds into one rest beside a sibling.

    most: persons of a rest; every way in which the cells can have them is gone through, by whether they have a SIM of
    the one MNO, of the other, or of both. An MNO knows its customers, not whose they are too; so a cell may always be
    withheld for the other's sake, as far as it can tell.
    """
    kinds = np.array([(a, b, c) for a in range(most + 1) for b in range(most - a + 1) for c in range(most - a - b + 1)])
    size = kinds.sum(axis=1)
    pairs = np.array([(p, q) for p, q in itertools.product(range(len(kinds)), repeat=2) if size[p] + size[q] <= most])
    third = [np.flatnonzero(size <= most - total) for total in range(most + 1)]
    totals = size[pairs].sum(axis=1)
    three = np.concatenate([
        np.column_stack([np.repeat(pairs[totals == total], len(third[total]), axis=0),
                         np.tile(third[total], int((totals == total).sum()))])
        for total in range(most + 1)
    ])  # fmt: skip
    beside = np.broadcast_to(np.array([*sibling, 0]), (len(three), 1, 3))
    by_kind = np.concatenate([kinds[three], beside], axis=1).reshape(-1, 3)
    persons = by_kind.sum(axis=1)
    counts = np.stack([persons, persons, by_kind[:, 1], by_kind[:, 0]], axis=1)  # without the one have the other alone
    family = np.repeat(np.arange(len(three)), 4)
    every = np.ones(len(three), bool)
    folded = fold(family, counts, np.zeros(len(counts), bool), every, RULES, Determined(RULES))
    there = folded.in_rest.reshape(-1, 4)[:, :3].all(axis=1) & folded.shown.reshape(-1, 4)[:, 3]
    found = by_kind.reshape(-1, 4, 3)[there, :3]
    customers, others = found[:, :, 0] + found[:, :, 2], found[:, :, 1]
    both = np.unique(np.concatenate([customers, others], axis=1), axis=0)
    return [(tuple(one[:3]), tuple(one[3:])) for one in both.tolist()]


@functools.cache
def ways(figure: int, total: int, least: int, room: bool) -> int:
    """In how many ways, by own part, its secret least and offset, a county publishes a figure, or none.

    total: shown, hidden and known persons. room: by the rule of an earlier design, which looks at what it hides.
    """
    own, offsets = np.repeat(np.array(OWN), UNIT), np.tile(np.arange(UNIT), len(OWN))
    made = rounded_off((own + total)[:, None], offsets, UNIT)[:, 0]
    found = 0
    for more in range(least):
        stands = (made >= LEAST_FIGURE) & (own >= least + more)
        if room:
            stands = (made >= LEAST_FIGURE) & ((own - least) + (made + UNIT - 1 - own - total) >= 1)
        found += int(((made == figure) & stands).sum() if figure else (~stands).sum())
    return found


@functools.cache
def public_test(tree: Tree, figures: tuple[int, ...], cells_alone: bool = False) -> bool:
    """The gate's test on what a viewer knows, by any hidden cells that fit; True where nothing does fit."""
    bound = tuple(f + UNIT - 1 - s - n - tree.least if f else int(UNBOUNDED)
                  for f, s, n in zip(figures, tree.shown, tree.known, strict=True))  # fmt: skip
    fitting = _any_that_fits(tree.sums, bound)
    if fitting is None:
        return True
    row, county = (one.ravel() for one in np.indices((len(tree.sums), 3)))
    hidden = Hidden(row, county, np.array(fitting).ravel(), np.zeros(len(tree.sums), bool), np.array(bound, np.int64))
    if cells_alone:
        return not _cells_told(hidden, tree.least)
    return not told(hidden, tree.least).any()


def _cells_told(hidden: Hidden, least: int) -> bool:
    """The test of an earlier design: cells alone, and no county's bound."""
    counties, rows = len(hidden.bound), len(hidden.open)
    begin = np.concatenate([hidden.row, np.arange(counties) + rows])
    end = np.concatenate([hidden.county + rows, np.full(counties, rows + counties)])
    forth = np.concatenate([np.ones(len(hidden.row), bool), hidden.of_county < hidden.bound])
    back = np.concatenate([hidden.persons > 0, hidden.of_county > 0])
    fixed = ~on_a_cycle(begin, end, forth, back, rows + counties + 1)[: len(hidden.row)]
    return bool((fixed & (hidden.persons >= 1) & (hidden.persons < least)).any())


@functools.cache
def _any_that_fits(sums: tuple[int, ...], bound: tuple[int, ...]) -> tuple[Cells, ...] | None:
    """Cells that have the sums and keep to the bounds, None where none do."""
    if not sums:
        return ()
    for cells in _shares(sums[0]):
        left = tuple(b - n for b, n in zip(bound, cells, strict=True))
        rest = _any_that_fits(sums[1:], left) if min(left) >= 0 else None
        if rest is not None:
            return (cells, *rest)
    return None


@functools.cache
def _shares(total: int) -> tuple[Cells, ...]:
    return tuple((a, b, total - a - b) for a in range(total + 1) for b in range(total - a + 1))


@dataclass
class Outcome:
    """What an enumeration found: worlds gone through, classes of equal publications, small groups that are known."""

    worlds: int = 0
    classes: int = 0
    known: int = 0
    example: str = ""


def enumerate_worlds(worlds: Worlds, test: Test | None, *, room: bool = False, withheld: bool = False) -> Outcome:
    """Go through all worlds, class by class.

    test: which figures may stand; None: all. withheld: figures that may not are left out together, instead of being
    drawn again, as in an earlier design; that is a class of its own.
    """
    out = Outcome()
    for tree, of_tree in worlds.items():
        cells = np.array(sorted(set(of_tree)))  # worlds x rests x counties
        hidden = cells.sum(axis=1)
        left_out = np.zeros(len(cells), bool)
        for figures in itertools.product(*(_figures(tree, hidden, county) for county in range(3))):
            made = _ways(tree, figures, hidden, room)
            fits = (made > 0).all(axis=1)
            if not fits.any():
                continue
            out.worlds += int(made[fits].astype(object).prod(axis=1).sum())
            if test is not None and not test(tree, figures):
                left_out |= fits
                continue
            out.classes += 1
            _look(tree, figures, cells[fits], out)
        if withheld and left_out.any():
            out.classes += 1
            _look(tree, (), cells[left_out], out)
    return out


def _ways(tree: Tree, figures: tuple[int, ...], hidden: np.ndarray, room: bool) -> np.ndarray:
    columns = []
    for county, figure in enumerate(figures):
        beside = tree.shown[county] + tree.known[county]
        of = {int(n): ways(figure, beside + int(n), tree.least, room) for n in set(hidden[:, county].tolist())}
        columns.append([of[n] for n in hidden[:, county].tolist()])
    return np.array(columns).T


def _figures(tree: Tree, hidden: np.ndarray, county: int) -> list[int]:
    """No row, every figure that binds what a county can hide, and one that does not."""
    most = tree.shown[county] + tree.known[county] + int(hidden[:, county].max()) + tree.least + UNIT
    return [ABSENT, *range(LEAST_FIGURE, max(LEAST_FIGURE, most // UNIT * UNIT) + UNIT, UNIT)]


def _look(tree: Tree, figures: tuple[int, ...], cells: np.ndarray, out: Outcome) -> None:
    """Count a class in which a small group has one size: of any counties, from any one rest or from all together."""
    parts = [*(cells[:, rest] for rest in range(cells.shape[1])), cells.sum(axis=1)]
    sizes = np.stack([part[:, list(some)].sum(axis=1) for part in parts for some in _subsets()])
    known = (sizes.min(axis=1) == sizes.max(axis=1)) & (sizes[:, 0] >= 1) & (sizes[:, 0] < tree.least)
    if known.any():
        out.known += 1
        out.example = out.example or f"{tree} {figures} {cells.tolist()[:4]}"


def _subsets() -> Iterator[tuple[int, ...]]:
    return (some for many in range(1, 4) for some in itertools.combinations(range(3), many))

"""Blocks beside days: whoever adds up a cell's 14 days and takes the block away sees the repeated departures.

S is the sum of a cell's shown days, D the block's persons. Each person of the block left on at least one of its days,
so S - D counts the departures that were not a person's last, and where days are withheld, D - S is the least that they
hold together. Both must be large, or tell nothing of any single day.

Whoever left on the last day is in the block in the same cell, so D less the last day counts those whose last departure
was earlier; and at the root, which holds everybody, D less any day counts those who left on other days alone. These are
groups of persons like any other: nobody, or publishable.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.disclosure.chain import Nodes, Tree
from popflow.disclosure.correction import key_of
from popflow.disclosure.exact import ENDS, cells_between, counts_width
from popflow.disclosure.fold import Folded, Siblings
from popflow.disclosure.rules import (
    PERSONS,
    REGISTERED,
    WITHOUT,
    Bools,
    Ints,
    Rules,
    nobody_or_publishable,
    publishable,
)
from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of

BLOCK_ANCHOR = dt.date(2020, 1, 9)  # first day of a block, for ever
BLOCK_DAYS = 14
MOST_CHOICES = 64  # ways to combine the releases of a block's days that are looked at


@dataclass(frozen=True)
class ReleasedDay:
    """One release of a day of the block: its rows, contract `flows`, and its atoms, contract `atoms`.

    covered_counties: as that release had them, None where they were the block's. A prefecture without a cell on a day
    is known to have had nobody.
    """

    date: dt.date
    rows: pd.DataFrame
    atoms: pd.DataFrame
    covered_counties: Collection[str] | None = None


@dataclass(frozen=True)
class Days:
    """For each node of a step its counts on each day of the block, and whether that day shows it."""

    counts: Ints  # day, node, column of counts
    shown: Bools  # day, node; a node in which nobody can have been is known, and counts as shown
    last: int | None  # which of the days is the block's last; None where that has no release


def refuse_other_days(date: dt.date, days: Sequence[ReleasedDay]) -> None:
    """Raise PopflowError unless the date ends a block and the days are days of it."""
    if (date - BLOCK_ANCHOR).days % BLOCK_DAYS != BLOCK_DAYS - 1 or date < BLOCK_ANCHOR:
        raise PopflowError(f"{date} is not the last day of a block; they end every 14 days from 2020-01-22 on")
    first = date - dt.timedelta(days=BLOCK_DAYS - 1)
    if not all(first <= day.date <= date for day in days):
        raise PopflowError(f"days: the block of {date} takes its days from {first} on, and no others")


def refuse_closed(date: dt.date, released_blocks: Iterable[dt.date]) -> None:
    """Raise PopflowError where a date lies in a block that is released: its days and the block would tell of few."""
    for last in released_blocks:
        if last - dt.timedelta(days=BLOCK_DAYS - 1) <= date <= last:
            raise PopflowError(f"{date} lies in the block of {last}, which is released; its dates are closed")


def choices(days: Sequence[ReleasedDay] | None) -> Iterator[tuple[ReleasedDay, ...]]:
    """Every way to take one release of each day, as a reader might; none where there is no block."""
    if days is None:
        return iter(())
    releases: dict[dt.date, list[ReleasedDay]] = {}
    for day in days:
        releases.setdefault(day.date, []).append(day)
    if math.prod(map(len, releases.values())) > MOST_CHOICES:
        raise PopflowError("days: too many of the block's days were corrected to look at all their releases together")
    return itertools.product(*releases.values())


def days_of(tree: Tree, days: Sequence[ReleasedDay], mnos: Sequence[str], end: dt.date) -> list[Days]:
    """The days as the steps of the tree of the block that ends on a date see them."""
    seen = [set(key_of(_of_steps(tree, day.rows))) for day in days]
    cells = [_cells(tree, day, mnos) for day in days]
    possible = [_possible(tree, day) for day in days]
    last = next((place for place, day in enumerate(days) if day.date == end), None)
    return [_days_of(nodes, cells, seen, possible, counts_width(mnos), last) for nodes in tree.steps]


def _of_steps(tree: Tree, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that can be nodes of the tree: most of a day's are of its counties, which a block does not have."""
    ends = {end: {getattr(nodes.step, end)[0] for nodes in tree.steps} for end in ("origin", "destination")}
    return rows[rows["origin_level"].isin(ends["origin"]) & rows["destination_level"].isin(ends["destination"])]


def _days_of(
    nodes: Nodes,
    cells: Sequence[Ints],
    seen: Sequence[set[str]],
    possible: Sequence[Bools],
    width: int,
    last: int | None,
) -> Days:
    counts = np.zeros((len(cells), len(nodes.codes), width), dtype=np.int64)
    shown = np.zeros((len(cells), len(nodes.codes)), dtype=bool)
    keys = key_of(nodes.codes)
    for day, (of_cell, rows, can_be) in enumerate(zip(cells, seen, possible, strict=True)):
        counts[day] = nodes.counts(of_cell)
        nobody = np.bincount(nodes.of_cell[can_be], minlength=len(keys)) == 0
        shown[day] = keys.isin(rows).to_numpy() | nobody
    return Days(counts, shown, last)


def _possible(tree: Tree, day: ReleasedDay) -> Bools:
    """For each finest cell whether somebody can have been in it on a day: both its ends had a cell."""
    if day.covered_counties is None:
        return np.ones(len(tree.cells), dtype=bool)
    places = {prefecture_of(county) for county in day.covered_counties}
    ends = [tree.cells.get_level_values(end).isin(places) for end in ENDS]
    return np.asarray(ends[0] & ends[1], dtype=bool)


def _cells(tree: Tree, day: ReleasedDay, mnos: Sequence[str]) -> Ints:
    every = (day.atoms["change"] == "all").to_numpy()
    own = cells_between(day.atoms if every.all() else day.atoms[every], prefecture_of, mnos)
    tree.refuse_uncovered(own)
    return tree.counts(own, mnos)


def unsafe_root(block: Ints, days: Days, rules: Rules) -> Bools:
    """Whether a chain's whole block may not stand beside its days: few left on other days than some day that is shown.

    Whoever left on a day is in the root of the block, whatever the cell of the last departure.
    """
    others = block - days.counts
    small: Bools = days.shown & ~nobody_or_publishable(others, rules)
    return np.asarray(small.any(axis=0))


def consistent(block: Ints, days: Days, rules: Rules) -> Bools:
    """Whether cells of a block may stand beside their days. block: cell, column of counts."""
    withheld = BLOCK_DAYS - days.shown.sum(axis=0)
    total = (days.counts * days.shown[..., None]).sum(axis=0)
    repeated = total - block
    whole = publishable(repeated, rules) & (repeated[:, PERSONS] >= rules.k)
    partly = _each_can_be_empty(-repeated, withheld, rules)
    if len(days.counts) <= BLOCK_DAYS - 2:  # of two days without a release each can hold any number
        partly[:] = True
    return np.where(withheld == 0, whole, partly) & ~few_before_the_last_day(block, days, rules)


def _each_can_be_empty(missing: Ints, withheld: Ints, rules: Rules) -> Bools:
    """Whether what a block has more than its shown days fits into all but any one of the withheld days."""
    unregistered = np.maximum(missing[:, PERSONS] - missing[:, REGISTERED], 0)
    parts = [(missing[:, PERSONS], rules.k)]
    parts += [(missing[:, mno] + unregistered, rules.floor) for mno in range(WITHOUT, missing.shape[1])]
    fits = np.ones(len(missing), dtype=bool)
    for least, threshold in parts:
        fits &= (least <= 0) | (least <= (withheld - 1) * (threshold - 1))
    return fits


def few_before_the_last_day(block: Ints, days: Days, rules: Rules) -> Bools:
    """For each cell whether those whose last departure was before the last day are a small group that it shows."""
    if days.last is None:
        return np.zeros(len(block), dtype=bool)
    earlier = block - days.counts[days.last]
    return days.shown[days.last] & ~nobody_or_publishable(earlier, rules)


@dataclass(frozen=True)
class RestBesideDays:
    """The objection to a rest of the block that may not stand beside the days, where parent minus children is it."""

    block: Ints
    days: Days
    above: Days
    rules: Rules

    def __call__(self, siblings: Siblings, families: Ints, withheld: Ints, grown: bool) -> Bools:
        """For each of the families, whether its rest must grow."""
        bad = [self._objects(siblings, int(f), int(n)) for f, n in zip(families, withheld, strict=True)]
        return np.array(bad, dtype=bool)

    def _objects(self, siblings: Siblings, family: int, withheld: int) -> bool:
        first = siblings.start[family]
        members = siblings.node[first : first + siblings.size[family]]
        rest, shown = members[:withheld], members[withheld:]
        hidden = ~self.days.shown
        # A day tells of the rest what its own rest does not mix with the block's shown children.
        apart = ~(hidden[:, rest].any(axis=1) & hidden[:, shown].any(axis=1))
        known = self.above.shown[:, siblings.parent[family]] & apart
        return not consistent(*_together(self.block, self.days, rest, known), self.rules)[0]


@dataclass(frozen=True)
class UnionsBesideDays:
    """The veto on parents of whose children some group adds up in the block and on every day, or on the last one."""

    tree: Tree
    block: list[Ints]
    days: list[Days]
    rules: Rules

    def __call__(self, step: int, folded: Folded) -> Bools:
        """For each parent of a step whether its children may not be shown in the block."""
        days, above = self.days[step], self.days[step - 1]
        bad = np.zeros(above.shown.shape[1], dtype=bool)
        if len(above.shown) == BLOCK_DAYS:
            bad |= self._vetoed(step, folded, slice(None), lambda block, own: ~consistent(block, own, self.rules))
        if days.last is not None:
            last = slice(days.last, days.last + 1)
            bad |= self._vetoed(step, folded, last, lambda block, own: few_before_the_last_day(block, own, self.rules))
        return bad

    def _vetoed(self, step: int, folded: Folded, which: slice, is_bad: Callable[[Ints, Days], Bools]) -> Bools:
        """Parents that some days all show, of whose children a group that they and the block add up to is bad."""
        nodes, days, above = self.tree.steps[step], self.days[step], self.days[step - 1]
        shown_all = above.shown[which].all(axis=0)
        every_day = np.ones(len(days.shown), dtype=bool)
        bad = np.zeros(shown_all.size, dtype=bool)
        for parent in np.flatnonzero(shown_all):
            members = np.flatnonzero((nodes.parent == parent) & (folded.shown | folded.in_rest))
            for group in _groups(members, folded, days.shown[which]):
                bad[parent] |= is_bad(*_together(self.block[step], days, group, every_day))[0]
        return bad


def _groups(members: Ints, folded: Folded, shown: Bools) -> list[Ints]:
    """The smallest groups of children that are sums of what the block shows and of what each of the days shows."""
    rests = [~of_day[members] for of_day in shown] + [folded.in_rest[members]]
    group = np.arange(members.size)
    for rest in (rest for rest in rests if rest.any()):
        group[np.isin(group, group[rest])] = group[rest].min()
    return [members[group == one] for one in np.unique(group)]


def _together(block: Ints, days: Days, group: Ints, known: Bools) -> tuple[Ints, Days]:
    """A group of cells as one; known: on which days its sum is."""
    each_day = days.counts[:, group].sum(axis=1, keepdims=True)
    return block[group].sum(axis=0, keepdims=True), Days(each_day, known[:, None], days.last)

"""Blocks beside days: whoever adds up a cell's 14 days and takes the block away sees the repeated departures.

S is the sum of a cell's shown days, D the block's persons. Each person of the block left on at least one of its days,
so S - D counts the departures that were not a person's last, and where days are withheld, D - S is the least that they
hold together. Both must be large, or tell nothing of any single day.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.disclosure.chain import Nodes, Tree
from popflow.disclosure.correction import key_of
from popflow.disclosure.exact import ENDS, counts_width, finest_cells, of_codes
from popflow.disclosure.fold import Folded, Siblings
from popflow.disclosure.rules import PERSONS, REGISTERED, WITHOUT, Bools, Ints, Rules, publishable
from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of

BLOCK_ANCHOR = dt.date(2020, 1, 9)  # first day of a block, for ever
BLOCK_DAYS = 14
MOST_CHOICES = 64  # ways to combine the releases of a block's days that are looked at


@dataclass(frozen=True)
class ReleasedDay:
    """One release of a day of the block: its rows, contract `flows`, and its atoms, contract `atoms`."""

    date: dt.date
    rows: pd.DataFrame
    atoms: pd.DataFrame


@dataclass(frozen=True)
class Days:
    """For each node of a step its counts on each day of the block, and whether that day shows it."""

    counts: Ints  # day, node, column of counts
    shown: Bools  # day, node


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


def days_of(tree: Tree, days: Sequence[ReleasedDay], mnos: Sequence[str]) -> list[Days]:
    """The days as the steps of the block's tree see them."""
    seen = [set(key_of(day.rows)) for day in days]
    cells = [_cells(tree, day, mnos) for day in days]
    return [_days_of(nodes, cells, seen, width=counts_width(mnos)) for nodes in tree.steps]


def _days_of(nodes: Nodes, cells: Sequence[Ints], seen: Sequence[set[str]], width: int) -> Days:
    counts = np.zeros((len(cells), len(nodes.codes), width), dtype=np.int64)
    shown = np.zeros((len(cells), len(nodes.codes)), dtype=bool)
    for day, (of_cell, keys) in enumerate(zip(cells, seen, strict=True)):
        counts[day] = nodes.counts(of_cell)
        shown[day] = key_of(nodes.codes).isin(keys)
    return Days(counts, shown)


def _cells(tree: Tree, day: ReleasedDay, mnos: Sequence[str]) -> Ints:
    own = day.atoms[day.atoms["change"] == "all"]
    own = own.assign(**{end: of_codes(own[end], prefecture_of) for end in ENDS})
    tree.refuse_uncovered(own)
    return tree.counts(finest_cells(own, mnos), mnos)


def consistent(block: Ints, days: Ints, shown: Bools, rules: Rules) -> Bools:
    """Whether cells of a block may stand beside their days.

    block: cell, column of counts. days: day, cell, column. shown: day, cell.
    """
    total = (days * shown[..., None]).sum(axis=0)
    withheld = BLOCK_DAYS - shown.sum(axis=0)
    repeated = total - block
    whole = publishable(repeated, rules) & (repeated[:, PERSONS] >= rules.k)
    missing = -repeated
    unregistered = np.maximum(missing[:, PERSONS] - missing[:, REGISTERED], 0)
    parts = [(missing[:, PERSONS], rules.k)]
    parts += [(missing[:, mno] + unregistered, rules.floor) for mno in range(WITHOUT, block.shape[1])]
    partly = np.ones(len(block), dtype=bool)
    if len(days) > BLOCK_DAYS - 2:  # of two days without a release each can hold any number
        for least, threshold in parts:
            partly &= (least <= 0) | (least <= (withheld - 1) * (threshold - 1))
    return np.where(withheld == 0, whole, partly)


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
        known = self.above.shown[:, siblings.parent[family]] & self.days.shown[:, shown].all(axis=1)
        return not _group_is_consistent(self.block, self.days, rest, known, self.rules)


@dataclass(frozen=True)
class UnionsBesideDays:
    """The veto on parents shown on all days of whose children some group adds up in the block and on every day."""

    tree: Tree
    block: list[Ints]
    days: list[Days]
    rules: Rules

    def __call__(self, step: int, folded: Folded) -> Bools:
        """For each parent of a step whether its children may not be shown in the block."""
        nodes, days, above = self.tree.steps[step], self.days[step], self.days[step - 1]
        always = above.shown.sum(axis=0) == BLOCK_DAYS
        bad = np.zeros(always.size, dtype=bool)
        for parent in np.flatnonzero(always):
            members = np.flatnonzero((nodes.parent == parent) & (folded.shown | folded.in_rest))
            for group in _groups(members, folded, days):
                every_day = np.ones(BLOCK_DAYS, dtype=bool)
                bad[parent] |= not _group_is_consistent(self.block[step], days, group, every_day, self.rules)
        return bad


def _groups(members: Ints, folded: Folded, days: Days) -> list[Ints]:
    """The smallest groups of children that are sums of what the block shows and of what every day shows."""
    rests = [~shown[members] for shown in days.shown] + [folded.in_rest[members]]
    group = np.arange(members.size)
    for rest in (rest for rest in rests if rest.any()):
        group[np.isin(group, group[rest])] = group[rest].min()
    return [members[group == one] for one in np.unique(group)]


def _group_is_consistent(block: Ints, days: Days, group: Ints, known: Bools, rules: Rules) -> bool:
    together = block[group].sum(axis=0, keepdims=True)
    each_day = days.counts[:, group].sum(axis=1, keepdims=True)
    return bool(consistent(together, each_day, known[:, None], rules)[0])

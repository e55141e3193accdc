"""A5 over days: what a block of 14 days gives away beside the days it is made of.

S is the sum of a cell's days (journeys), D the block's figure (persons, each at the last departure). Exact attacks:
- S - D on everything that both the block and every day show: the journeys that were not the last.
- D less the last day, since who left on the last day is in D: those whose last departure was earlier.
- The whole block less the whole of any day, since everybody who left on a day is in the block: those who left on
  others alone.
- Where some days are withheld, D - S is at most what those days hold: each of them must be able to be 0.
All are done on the smallest cells that sums of rows can isolate, so parents less their children are among them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from popflow.audit.differences import MOST_EACH, Limits, too_small
from popflow.audit.lattice import Tree
from popflow.audit.leaves import NOWHERE, leaf_label, leaves
from popflow.audit.verdict import Finding

ANCHOR = dt.date(2020, 1, 9)  # first day of the first block, for ever
BLOCK_DAYS = 14
STEP = "prefecture"  # blocks stop there


def is_block_end(date: dt.date) -> bool:
    """Whether a date is the last of a block."""
    return (date - ANCHOR).days % BLOCK_DAYS == BLOCK_DAYS - 1


def days_of(end: dt.date) -> list[dt.date]:
    """The dates of the block that ends on a date."""
    return [end - dt.timedelta(days=back) for back in reversed(range(BLOCK_DAYS))]


@dataclass(frozen=True)
class Layer:
    """One release's prefecture cells on the block's axes, flat.

    leaf: which row holds each cell; a cell that the release does not know holds nobody, and is a row of its own.
    """

    leaf: np.ndarray
    values: np.ndarray


def block_findings(
    block: Tree, days: Mapping[dt.date, Sequence[Tree]], end: dt.date, limits: Limits, where: str
) -> Iterator[Finding]:
    """All that a block gives away beside its days; days: every release of each, the newest last, none where none is."""
    dates = days_of(end)
    trees = [tree for date in dates for tree in days.get(date, ())]
    axes = _axes([block, *trees])
    mine = _layer(block, axes)
    layers = {date: [_layer(tree, axes) for tree in days.get(date, ())] for date in dates}
    shown = [d for d in dates if layers[d]]
    newest = {d: layers[d][-1] for d in shown}
    for variant in _variants(layers, newest):
        yield from _whole_block(block, mine, variant, dates, limits, where)
        yield from _last_day(block, mine, variant, end, limits, where)
        yield from _everybody(block, mine, variant, limits, where)
        yield from _withheld_days(block, mine, variant, dates, limits, where)


def _variants(layers: Mapping[dt.date, list[Layer]], newest: dict[dt.date, Layer]) -> Iterator[dict[dt.date, Layer]]:
    """The newest release of each day, and each older one in its turn beside the newest of the others."""
    yield newest
    for date, releases in layers.items():
        for older in releases[:-1]:
            yield newest | {date: older}


def _axes(trees: Sequence[Tree]) -> tuple[list[str], list[str]]:
    grids = [tree.grid(STEP) for tree in trees]
    origins = sorted({code for grid in grids for code in grid.origins})
    return origins, sorted({code for grid in grids for code in grid.destinations})


def _layer(tree: Tree, axes: tuple[list[str], list[str]]) -> Layer:
    grid, labels = tree.grid(STEP), leaves(tree, STEP)
    row, column = {c: i for i, c in enumerate(axes[0])}, {c: i for i, c in enumerate(axes[1])}
    places = np.ix_([row[c] for c in grid.origins], [column[c] for c in grid.destinations])
    size = len(axes[0]) * len(axes[1])
    # Where nobody can be, the count is known to be 0: a row of its own, with a number that no other has.
    leaf = (-2 - np.arange(size)).reshape(len(axes[0]), len(axes[1]))
    leaf[places] = np.where(grid.is_cell, labels, leaf[places])
    values = np.zeros((len(grid.values), *leaf.shape), dtype=np.int64)
    values[:, places[0], places[1]] = grid.values
    return Layer(leaf.ravel(), values.reshape(len(values), -1))


def _common(layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """The smallest sets of cells that every layer gives by sums: each cell's set, and whether all layers show it."""
    size, edges, offset = len(layers[0].leaf), [], len(layers[0].leaf)
    for layer in layers:
        distinct, group = np.unique(layer.leaf, return_inverse=True)
        edges.append(np.column_stack([np.arange(size), offset + group]))
        offset += len(distinct)
    pairs = np.vstack(edges)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(offset, offset))
    _, component = connected_components(graph, directed=False)
    _, group = np.unique(component[:size], return_inverse=True)
    hidden = np.zeros(group.max() + 1, dtype=bool)
    for layer in layers:
        hidden[group[layer.leaf == NOWHERE]] = True
    return group, ~hidden


def _total(group: np.ndarray, size: int, values: np.ndarray) -> np.ndarray:
    total = np.zeros((len(values), size), dtype=np.int64)
    for measure, into in zip(values, total, strict=True):
        np.add.at(into, group, measure)
    return total


def _measured(layers: Sequence[Layer]) -> int:
    """How many measures the layers share: nights without an MNO have other ones."""
    lengths = {len(layer.values) for layer in layers}
    return lengths.pop() if len(lengths) == 1 else 2


def _whole_block(
    block: Tree, mine: Layer, days: Mapping[dt.date, Layer], dates: Sequence[dt.date], limits: Limits, where: str
) -> Iterator[Finding]:
    if len(days) < len(dates):
        return
    layers = [mine, *(days[date] for date in dates)]
    group, shown = _common(layers)
    measures = _measured(layers)
    trips = sum(_total(group, len(shown), days[d].values[:measures]) for d in dates)
    persons = _total(group, len(shown), mine.values[:measures])
    text = "S - D = {first} journeys of the {days} days - {second} of the block = {difference} that were not the last"
    yield from _differences(block, mine, group, shown, np.asarray(trips), persons, limits, where, text)


def _last_day(
    block: Tree, mine: Layer, days: Mapping[dt.date, Layer], end: dt.date, limits: Limits, where: str
) -> Iterator[Finding]:
    if end not in days:
        return
    group, shown = _common([mine, days[end]])
    measures = _measured([mine, days[end]])
    persons = _total(group, len(shown), mine.values[:measures])
    last = _total(group, len(shown), days[end].values[:measures])
    text = "{first} of the block - {second} on its last day = {difference} whose last departure was earlier"
    yield from _differences(block, mine, group, shown, persons, last, limits, where, text)


def _everybody(
    block: Tree, mine: Layer, days: Mapping[dt.date, Layer], limits: Limits, where: str
) -> Iterator[Finding]:
    label = block.grids[0].label(0, 0)
    for date, day in days.items():
        if NOWHERE in mine.leaf or NOWHERE in day.leaf:
            continue
        measures = _measured([mine, day])
        whole, of_day = mine.values[:measures].sum(axis=1), day.values[:measures].sum(axis=1)
        reader, mno = too_small(whole - of_day, limits)
        if reader or mno.any():
            left = whole - of_day
            keeps = [f"; {m} keeps {left[2 + i]}" for i, m in enumerate(block.mnos) if i < len(mno) and mno[i]]
            text = f"{whole[0]} of the block - {of_day[0]} on {date} = {left[0]} who left on other days alone"
            yield Finding("A5", where, (label,), f"{label}: {text}{''.join(keeps)}")


def _differences(
    block: Tree,
    mine: Layer,
    group: np.ndarray,
    shown: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    limits: Limits,
    where: str,
    text: str,
) -> Iterator[Finding]:
    reader, mno = too_small(first - second, limits)
    known_to_be_empty = _total(group, len(shown), (mine.leaf[None] >= 0).astype(np.int64))[0] == 0
    for at in np.flatnonzero((reader | mno.any(axis=0)) & shown & ~known_to_be_empty)[:MOST_EACH]:
        label = _set_label(block, mine, group == at)
        numbers = text.format(
            first=first[0, at], second=second[0, at], days=BLOCK_DAYS, difference=first[0, at] - second[0, at]
        )
        registered = f", {first[1, at] - second[1, at]} of them registered" if reader[at] else ""
        keeps = [
            f"{m} keeps {first[2 + i, at] - second[2 + i, at]}" for i, m in enumerate(block.mnos) if _in(mno, i, at)
        ]
        yield Finding("A5", where, (label,), "; ".join([f"{label}: {numbers}{registered}", *keeps]))


def _in(which: np.ndarray, i: int, at: int) -> bool:
    return i < len(which) and bool(which[i, at])


def _withheld_days(
    block: Tree, mine: Layer, days: Mapping[dt.date, Layer], dates: Sequence[dt.date], limits: Limits, where: str
) -> Iterator[Finding]:
    """Each row of the block: shown days, and at most how much each withheld one can hold."""
    rows = np.unique(mine.leaf[mine.leaf >= 0])
    if not len(rows):
        return
    group = np.searchsorted(rows, mine.leaf)
    group = np.where(mine.leaf >= 0, group, len(rows))
    size = len(rows) + 1
    persons = _total(group, size, mine.values[:1])[0]
    least_known, most, hidden = np.zeros(size, np.int64), [], []
    for date in dates:
        day = days.get(date)
        if day is None:
            most.append(np.full(size, np.int64(2**40)))
            hidden.append(np.ones(size, dtype=bool))
            continue
        covers, unbounded, exact = _cover(day, group, size)
        least_known += np.where(exact, covers, 0)
        most.append(np.where(unbounded, np.int64(2**40), covers))
        hidden.append(~exact)
    most_withheld = np.array(most) * np.array(hidden)
    rest_of_days = most_withheld.sum(axis=0) - most_withheld
    forced = np.array(hidden) & (persons - least_known - rest_of_days > 0)
    forced[:, -1] = False
    for at, row in list(zip(*np.nonzero(forced), strict=True))[:MOST_EACH]:
        label = leaf_label(block, int(rows[row]))
        least = persons[row] - least_known[row] - rest_of_days[at, row]
        equation = (
            f"{label}: {persons[row]} of the block - {least_known[row]} of its shown days - at most "
            f"{rest_of_days[at, row]} of the other withheld days: {dates[at]}, withheld, holds at least {least}"
        )
        yield Finding("A5", where, (label,), equation)


def _cover(day: Layer, group: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row of the block: persons in the day's rows that touch it, whether some cell has none, whether exact."""
    seen, place = np.unique(day.leaf, return_inverse=True)
    totals = _total(place, len(seen), day.values[:1])[0]
    pairs = np.unique(np.column_stack([group, place]), axis=0)
    covers = np.zeros(size, dtype=np.int64)
    np.add.at(covers, pairs[:, 0], totals[pairs[:, 1]])
    unbounded = np.zeros(size, dtype=bool)
    unbounded[pairs[seen[pairs[:, 1]] == NOWHERE, 0]] = True
    rows_of_leaf = np.bincount(pairs[:, 1], minlength=len(seen))
    exact = ~unbounded
    exact[pairs[rows_of_leaf[pairs[:, 1]] > 1, 0]] = False
    return covers, unbounded, exact


def _set_label(block: Tree, mine: Layer, cells: np.ndarray) -> str:
    rows = [leaf for leaf in np.unique(mine.leaf[cells]) if leaf >= 0]
    more = f" and {len(rows) - 3} more rows" if len(rows) > 3 else ""
    return " + ".join(leaf_label(block, int(leaf)) for leaf in rows[:3]) + more

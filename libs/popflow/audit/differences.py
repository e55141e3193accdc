"""A1, A2 and the shape of a chain: what every published row, every rest and every difference of them holds.

Why this suffices on a chain: where the children shown and their rest make up their parent exactly, all that anyone can
compute from the rows is a sum of rows that have no rows below them. These do not overlap; so when each of them is
large enough, every group that a sum or difference of rows can single out is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from popflow.audit.sensitive import shows_alone
from popflow.audit.tree import NOT_SHOWN, Grid, Tree
from popflow.audit.verdict import Finding
from popflow.contracts import Disclosure
from popflow.indicators import Thresholds

TERMS = 12  # of an equation that are written out; the others are given as one sum
MOST_EACH = 20  # findings of one kind that are written out per release; all are counted


@dataclass(frozen=True)
class Limits:
    """The promise in numbers: k, floor, children of a rest; and the counties that are never shown alone."""

    k: int
    floor: int
    rest_children: int
    sensitive: frozenset[str]

    @classmethod
    def of(cls, rules: Disclosure) -> Limits:
        """Limits of disclosure.yaml."""
        return cls(rules.k, rules.floor, rules.rest_children, frozenset(rules.sensitive_counties))

    def raised(self, own: Thresholds) -> Limits:
        """Limits with an indicator's own thresholds where they are higher."""
        return replace(self, k=max(self.k, own.k), floor=max(self.floor, own.floor))


def too_small(values: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Which groups hold somebody and protect too few: for a reader, and for each MNO. values: [measure, ...].

    Registered persons are what counts: a SIM without an entry may be the second of a person who is counted already.
    With a single MNO there is nobody to subtract.
    """
    somebody = values[0] > 0
    reader = somebody & (values[1] < limits.k)
    alone = len(values) <= 3
    mno = np.zeros_like(values[2:], dtype=bool) if alone else somebody & (values[2:] < limits.floor)
    return reader, mno


def small_group(name: str, values: np.ndarray, mnos: Sequence[str], limits: Limits) -> Iterator[tuple[str, str]]:
    """(A1 or A2, what is wrong) for one group's values, nothing where it is large enough."""
    reader, mno = too_small(values, limits)
    unregistered = values[0] - values[1]
    if reader:
        minus = f", of whom {unregistered} have no entry in the register" if unregistered else ""
        yield "A1", f"{name} = {values[0]} persons{minus}; a group of 1 to {limits.k - 1}"
    for i in map(int, np.flatnonzero(mno)):
        yield (
            "A2",
            f"{name} = {values[0]} persons; {mnos[i]} takes off {values[1] - values[2 + i]} of its own"
            f"{f' and {unregistered} without an entry' if unregistered else ''} and keeps {values[2 + i]}; "
            f"a group below {limits.floor}",
        )


def chain_findings(tree: Tree, limits: Limits, where: str) -> Iterator[Finding]:
    """All that is wrong with one chain of one release, from the root down."""
    before: Grid | None = None
    for grid, alone in zip(tree.grids, shows_alone(tree, limits.sensitive), strict=True):
        yield from _row_findings(tree, grid, limits, where)
        for i, j in _some(alone & (grid.shown != NOT_SHOWN)):
            label = grid.label(i, j)
            yield Finding("A6", where, (label,), f"{label}: a sensitive county is shown alone")
        if before is not None:
            yield from _family_findings(tree, before, grid, limits, where)
        before = grid


def _row_findings(tree: Tree, grid: Grid, limits: Limits, where: str) -> Iterator[Finding]:
    shown = grid.shown != NOT_SHOWN
    wrong = shown & (grid.shown != grid.values[0])
    for i, j in _some(wrong):
        label = grid.label(i, j)
        yield Finding(
            "A6", where, (label,), f"{label} is published as {grid.shown[i, j]}, base_cells {grid.values[0, i, j]}"
        )
    for i, j in _some(shown & (grid.values[0] == 0)):
        label = grid.label(i, j)
        yield Finding("A6", where, (label,), f"{label} is published and nobody is in it")
    reader, mno = too_small(grid.values, limits)
    for i, j in _some(shown & (reader | mno.any(axis=0))):
        label = grid.label(i, j)
        for code, text in small_group(label, grid.values[:, i, j], tree.mnos, limits):
            yield Finding(code, where, (label,), text)


@dataclass(frozen=True)
class Family:
    """Children of every cell of a grid, counted: all, shown and withheld ones, and what the shown ones leave over."""

    children: np.ndarray
    shown: np.ndarray
    left: np.ndarray

    @property
    def withheld(self) -> np.ndarray:
        """Children that no row of their own shows."""
        return self.children - self.shown


def family_of(before: Grid, grid: Grid) -> Family:
    """The family below each cell of `before`, flat."""
    parent, size = grid.parents(), before.shown.size
    shown = (grid.shown != NOT_SHOWN).ravel()
    flat = grid.values.reshape(len(grid.values), -1)
    taken = np.zeros((len(flat), size), dtype=np.int64)
    for measure, total in zip(flat, taken, strict=True):
        np.add.at(total, parent[shown], measure[shown])
    return Family(
        np.bincount(parent[grid.is_cell.ravel()], minlength=size),
        np.bincount(parent[shown], minlength=size),
        before.values.reshape(len(flat), -1) - taken,
    )


def _family_findings(tree: Tree, before: Grid, grid: Grid, limits: Limits, where: str) -> Iterator[Finding]:
    family, rest = family_of(before, grid), grid.rest.ravel()
    has_rest, parent_shown = rest != NOT_SHOWN, (before.shown != NOT_SHOWN).ravel()
    partly = (family.shown > 0) & (family.withheld > 0)

    def findings(code: str, which: np.ndarray, text: str) -> Iterator[Finding]:
        for place in np.flatnonzero(which)[:MOST_EACH]:
            names = _names(before, grid, place)
            numbers = {"withheld": family.withheld[place], "rest": rest[place], "left": family.left[0, place]}
            yield Finding(code, where, (names["rest_row"],), text.format(**names, **numbers))

    orphans = ~parent_shown & ((family.shown > 0) | has_rest)
    yield from findings("A6", orphans, "rows stand below {parent}, which is not shown")
    yield from findings("A6", has_rest & (family.shown == 0), "{rest_row} stands alone: no child of {parent} is shown")
    few = has_rest & (family.withheld < limits.rest_children)
    yield from findings("A6", few, "{rest_row} holds {withheld} withheld children, too few")
    untrue = has_rest & (rest != family.left[0])
    yield from findings("A6", untrue, "{rest_row} is published as {rest}; {parent} less its shown children is {left}")
    uneven = (family.shown > 0) & (family.withheld == 0) & (family.left[0] != 0) & parent_shown
    yield from findings("A6", uneven, "{parent} is not the sum of its children, all of them shown; {left} are left")
    yield from findings("A6", partly & ~has_rest, "{withheld} children of {parent} are in no row and no rest")
    yield from _rest_findings(tree, before, grid, family, partly | has_rest, limits, where)


def _rest_findings(
    tree: Tree, before: Grid, grid: Grid, family: Family, which: np.ndarray, limits: Limits, where: str
) -> Iterator[Finding]:
    reader, mno = too_small(family.left, limits)
    for place in np.flatnonzero(which & (reader | mno.any(axis=0)))[:MOST_EACH]:
        equation = subtraction(before, grid, place)
        for code, text in small_group(equation, family.left[:, place], tree.mnos, limits):
            yield Finding(code, where, (_names(before, grid, place)["rest_row"],), text)


def subtraction(before: Grid, grid: Grid, place: int) -> str:
    """A parent less its shown children, as a person would write it."""
    i, j = divmod(int(place), before.shown.shape[1])
    shown = np.flatnonzero((grid.parents() == place) & (grid.shown != NOT_SHOWN).ravel())
    cells = [divmod(int(child), grid.shown.shape[1]) for child in shown]
    terms = [f"{grid.values[0, a, b]} {grid.label(a, b)}" for a, b in cells[:TERMS]]
    if more := cells[TERMS:]:
        terms.append(f"{sum(int(grid.values[0, a, b]) for a, b in more)} ({len(more)} further rows of this step)")
    return " - ".join([f"{before.values[0, i, j]} {before.label(i, j)}", *terms])


def _names(before: Grid, grid: Grid, place: int) -> dict[str, str]:
    i, j = divmod(int(place), before.shown.shape[1])
    return {"parent": before.label(i, j), "rest_row": grid.rest_label(before, i, j)}


def _some(which: np.ndarray) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in np.argwhere(which)[:MOST_EACH]]

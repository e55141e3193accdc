"""A3 and A4 on the rests of a chain: what of it each knower sees, and what `feasible` makes of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from popflow.audit.differences import Limits, too_small
from popflow.audit.feasible import BEYOND, Figures, Rests, exposed, feasible, stopped_early
from popflow.audit.sensitive import shows_alone
from popflow.audit.tree import NOT_SHOWN, Grid, Tree, not_shown_by
from popflow.audit.verdict import Finding

READER = -1


def feasibility_findings(
    tree: Tree, limits: Limits, where: str, counts: dict[str, int], earlier: Sequence[Tree] = ()
) -> Iterator[Finding]:
    """A3 and A4 on every rest of one chain of one release; adds what it counted to counts.

    earlier: the chain in the earlier releases of the date; what these did not show is never shown later. Of a tree
    without MNOs, which its base cells are gone from, a reader's part alone can be said.
    """
    knowers = [READER, *(range(len(tree.mnos)) if len(tree.mnos) > 1 else ())]
    sensitive = shows_alone(tree, limits.sensitive)
    for place, (before, grid) in enumerate(zip(tree.grids, tree.grids[1:], strict=False), start=1):
        if not (grid.rest != NOT_SHOWN).any():
            continue
        closed = [sensitive[place], *(not_shown_by(one.grids[place], grid) for one in earlier)]
        hidden = _hidden(before, grid, np.any(closed, axis=0).ravel(), limits)
        counts["withheld_cells"] = counts.get("withheld_cells", 0) + len(hidden.cell)
        for mno in knowers:
            rests = _as_seen(grid, hidden, mno, bool(tree.mnos), limits)
            figures = feasible(rests, limits.rest_children)
            _count_narrow(grid, hidden, mno, rests, figures, counts)
            yield from _told(tree, before, grid, hidden, mno, rests, figures, where)


@dataclass(frozen=True)
class Hidden:
    """Withheld children of one step's rests, sorted by rest, and the flat place of each rest's parent."""

    cell: np.ndarray
    rest: np.ndarray
    parent: np.ndarray
    closed: np.ndarray
    grown: np.ndarray


def _hidden(before: Grid, grid: Grid, closed: np.ndarray, limits: Limits) -> Hidden:
    parent, has_rest = grid.parents(), grid.rest.ravel() != NOT_SHOWN
    cells = np.flatnonzero(grid.is_cell.ravel() & (grid.shown.ravel() == NOT_SHOWN) & has_rest[parent])
    cells = cells[np.argsort(parent[cells], kind="stable")]
    parents, rest = np.unique(parent[cells], return_inverse=True)
    return Hidden(cells, rest, parents, closed[cells], _grown(grid, cells, rest, len(parents), closed[cells], limits))


def _grown(
    grid: Grid, cells: np.ndarray, rest: np.ndarray, rests: int, closed: np.ndarray, limits: Limits
) -> np.ndarray:
    """Rests that would be large enough without the last child that joined them."""
    values = grid.values.reshape(len(grid.values), -1)[:, cells]
    joined = ~closed & (values[0] > 0) & _large(values, limits)
    key = np.where(joined, (values[0] << 20) + _code_order(grid)[cells], -1)
    last = np.full(rests, -1, dtype=np.int64)
    np.maximum.at(last, rest, key)
    others = joined & (key == last[rest])
    without = np.zeros((len(values), rests), dtype=np.int64)
    for measure, into in zip(values, without, strict=True):
        np.add.at(into, rest[~others], measure[~others])
    children = np.bincount(rest, minlength=rests)
    grown: np.ndarray = (last >= 0) & (children > limits.rest_children) & (without[0] > 0) & _large(without, limits)
    return grown


def _large(values: np.ndarray, limits: Limits) -> np.ndarray:
    reader, mno = too_small(values, limits)
    return ~reader & ~mno.any(axis=0)


def _as_seen(grid: Grid, hidden: Hidden, mno: int, with_base_cells: bool, limits: Limits) -> Rests:
    flat = grid.values.reshape(len(grid.values), -1)[:, hidden.cell]
    nothing = np.zeros(len(hidden.cell), dtype=np.int64)
    known = nothing if mno == READER else flat[0] - flat[2 + mno]
    own = nothing if mno == READER else flat[1] - flat[2 + mno]
    total = np.zeros(len(hidden.parent), dtype=np.int64)
    if mno == READER:
        total = grid.rest.ravel()[hidden.parent]
    else:
        np.add.at(total, hidden.rest, flat[2 + mno])
    small = np.full(len(own), limits.k) if mno == READER else np.maximum(limits.k - own, limits.floor)
    value, code = _smallest_shown(grid)
    at = hidden.parent[hidden.rest]
    joined = value[at] - known - (_code_order(grid)[hidden.cell] > code[at])
    return Rests(
        rest=hidden.rest,
        small=np.where(hidden.closed, BEYOND, small),
        joined=joined,
        own=own,
        total=total,
        children=np.bincount(hidden.rest, minlength=len(hidden.parent)),
        grown=hidden.grown if with_base_cells else np.zeros(len(hidden.parent), dtype=bool),
        k=limits.k,
        floor=0 if mno == READER else limits.floor,
    )


def _code_order(grid: Grid) -> np.ndarray:
    i, j = np.indices(grid.shown.shape)
    return (i if grid.rest_on == "origin" else j).ravel()


def _smallest_shown(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Figure and code order of the smallest child shown below each parent; BEYOND where none is."""
    shown = np.flatnonzero((grid.shown != NOT_SHOWN).ravel())
    key = (grid.shown.ravel()[shown] << 20) + _code_order(grid)[shown]
    smallest = np.full(grid.rest.size, BEYOND << 20, dtype=np.int64)
    np.minimum.at(smallest, grid.parents()[shown], key)
    return smallest >> 20, smallest & ((1 << 20) - 1)


def _count_narrow(grid: Grid, hidden: Hidden, mno: int, rests: Rests, figures: Figures, counts: dict[str, int]) -> None:
    flat = grid.values.reshape(len(grid.values), -1)[:, hidden.cell]
    unknown = flat[0] if mno == READER else flat[2 + mno]
    narrow = (unknown > 0) & (unknown < rests.limit) & figures.fits
    narrow &= figures.greatest - figures.least + 1 < rests.k / 2
    name = "narrow_ranges" if mno == READER else "narrow_ranges_for_an_mno"
    counts[name] = counts.get(name, 0) + int(narrow.sum())


def _told(
    tree: Tree, before: Grid, grid: Grid, hidden: Hidden, mno: int, rests: Rests, figures: Figures, where: str
) -> Iterator[Finding]:
    code = "A3" if mno == READER else "A4"
    knower = "a reader" if mno == READER else f"{tree.mnos[mno]}, which knows its own part,"
    for place in np.flatnonzero(exposed(rests, figures)):
        label = grid.label(*divmod(int(hidden.cell[place]), grid.shown.shape[1]))
        text = f"the rules leave {knower} one figure for {label}: {figures.least[place]}"
        yield Finding(
            code, where, (label,), f"{_rest_text(before, grid, hidden, rests, int(rests.rest[place]))}; {text}"
        )
    for rest in np.flatnonzero(stopped_early(rests, figures)):
        text = f"it holds a child that its size does not need, and no table that the rules allow fits it for {knower}"
        yield Finding(code, where, (), f"{_rest_text(before, grid, hidden, rests, int(rest))}; {text}")


def _rest_text(before: Grid, grid: Grid, hidden: Hidden, rests: Rests, rest: int) -> str:
    parent = int(hidden.parent[rest])
    i, j = divmod(parent, before.shown.shape[1])
    value, code = _smallest_shown(grid)
    codes = grid.origins if grid.rest_on == "origin" else grid.destinations
    beside = f"{value[parent]} ({codes[code[parent]]})" if value[parent] < BEYOND else "none"
    return (
        f"{grid.rest_label(before, i, j)} = {grid.rest[i, j]} hides {rests.children[rest]} children; "
        f"beside it the smallest shown is {beside}"
    )

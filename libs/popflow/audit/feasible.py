"""A3 and A4: what somebody who knows all rules can say about each child that a rest hides.

The reader knows the rest's figure, how many children it hides, which, and the figures of the children shown beside it.
The rules add: a child was withheld because it is small (below k), or because it joined, as the smallest of those that
were not, a rest that was too small or held too few; so it is not larger than any child shown, and a rest of four or
more holds at most one that joined. An MNO knows besides how many of each child's persons have a SIM of its own, and
searches the others. That a child may be withheld for the sake of another MNO would only make more figures possible; it
is left out, so that no more is called safe than is.

A child is exposed when these rules leave one figure for it, in 1..k-1 (for an MNO 1..floor-1), and hold for the true
table; where they do not, another MNO having been in the way, who trusts them is wrong. First bounds for all rests of a
step at once; those that the bounds do not clear are enumerated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from popflow.audit.differences import Limits
from popflow.audit.enumerate import Group, feasible_values, follows
from popflow.audit.lattice import NOT_SHOWN, Grid, Tree
from popflow.audit.verdict import Finding

BEYOND = np.int64(2**40)  # larger than any count: a cell that no rule bounds from above


@dataclass(frozen=True)
class Hidden:
    """Withheld children of one step's rests as seen by one knower, one row each, sorted by rest.

    own: persons of the child whom the knower knows; unknown: the true count of the others; small: below it the child
    is not publishable; joined: at most so many if it joined the rest, less than `small` where it cannot have.
    """

    rest: np.ndarray
    cell: np.ndarray
    own: np.ndarray
    unknown: np.ndarray
    small: np.ndarray
    joined: np.ndarray


def feasibility_findings(tree: Tree, limits: Limits, where: str, counts: dict[str, int]) -> Iterator[Finding]:
    """A3 and A4 on every rest of one chain of one release; adds what it counted to counts."""
    knowers = [-1, *(range(len(tree.mnos)) if len(tree.mnos) > 1 else ())]
    for before, grid in zip(tree.grids, tree.grids[1:], strict=False):
        if not (grid.rest != NOT_SHOWN).any():
            continue
        for mno in knowers:
            limit = limits.k if mno < 0 else limits.floor
            hidden = _hidden(before, grid, mno, limits)
            low, high = _bounds(hidden)
            small = (hidden.unknown > 0) & (hidden.unknown < limit)
            narrow = small & (high - low + 1 < limits.k / 2)
            name = "narrow_ranges" if mno < 0 else "narrow_ranges_for_an_mno"
            counts["withheld_cells"] = counts.get("withheld_cells", 0) + (len(small) if mno < 0 else 0)
            counts[name] = counts.get(name, 0) + int(narrow.sum())
            suspect = small & ((high - low < 1) | (low >= hidden.small - 1))
            for rest in np.unique(hidden.rest[suspect]):
                yield from _enumerated(tree, before, grid, hidden, int(rest), mno, limits, where)


def _hidden(before: Grid, grid: Grid, mno: int, limits: Limits) -> Hidden:
    parent = grid.parents()
    has_rest = grid.rest.ravel() != NOT_SHOWN
    cells = np.flatnonzero(grid.is_cell.ravel() & (grid.shown.ravel() == NOT_SHOWN) & has_rest[parent])
    cells = cells[np.argsort(parent[cells], kind="stable")]
    flat = grid.values.reshape(len(grid.values), -1)
    persons = flat[0, cells]
    unknown = persons if mno < 0 else flat[2 + mno, cells]
    own = persons - unknown
    small = np.full(len(cells), limits.k) if mno < 0 else np.maximum(limits.k - own, limits.floor)
    small = np.where(_never_alone(grid, limits)[cells], BEYOND, small)
    value, code = _smallest_shown(grid)
    joined = value[parent[cells]] - own - (_code_order(grid)[cells] > code[parent[cells]])
    return Hidden(parent[cells], cells, own, unknown, small, joined)


def _code_order(grid: Grid) -> np.ndarray:
    i, j = np.indices(grid.shown.shape)
    return (i if grid.rest_on == "origin" else j).ravel()


def _never_alone(grid: Grid, limits: Limits) -> np.ndarray:
    codes, level = (
        (grid.origins, grid.origin_level) if grid.rest_on == "origin" else (grid.destinations, grid.destination_level)
    )
    listed = np.array([level == "county" and code in limits.sensitive for code in codes], dtype=bool)
    shape = grid.shown.shape
    return np.broadcast_to(listed[:, None] if grid.rest_on == "origin" else listed, shape).ravel()


def _smallest_shown(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Figure and code order of the smallest child shown below each parent; BEYOND where none is."""
    shown = np.flatnonzero((grid.shown != NOT_SHOWN).ravel())
    key = (grid.shown.ravel()[shown] << 20) + _code_order(grid)[shown]
    smallest = np.full(grid.rest.size, BEYOND << 20, dtype=np.int64)
    np.minimum.at(smallest, grid.parents()[shown], key)
    return smallest >> 20, smallest & ((1 << 20) - 1)


def _bounds(hidden: Hidden) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest figure that the rules certainly allow each child; low > high where that is not known.

    Of a rest of three, all figures between the bounds up to the smallest publishable one are possible, whoever joined.
    Of a larger rest: those where nobody joined, which the enumeration widens.
    """
    _, group, size = np.unique(hidden.rest, return_inverse=True, return_counts=True)
    most = np.where(size[group] == 3, np.maximum(hidden.small - 1, hidden.joined), hidden.small - 1)
    total, room = _sums(group, hidden.unknown, len(size)), _sums(group, most, len(size))
    low = np.maximum(total[group] - (room[group] - most), 0)
    return low, np.minimum(most, total[group])


def _sums(group: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, group, values)
    return total


def _enumerated(
    tree: Tree, before: Grid, grid: Grid, hidden: Hidden, rest: int, mno: int, limits: Limits, where: str
) -> Iterator[Finding]:
    here = np.flatnonzero(hidden.rest == rest)
    limit = limits.k if mno < 0 else limits.floor
    group = Group(
        own=tuple(hidden.own[here].tolist()),
        small=tuple(hidden.small[here].tolist()),
        joined=tuple(hidden.joined[here].tolist()),
        total=int(hidden.unknown[here].sum()),
        k=limits.k,
        floor=0 if mno < 0 else limits.floor,
    )
    if not follows(group, tuple(hidden.unknown[here].tolist())):
        return
    possible = feasible_values(group)
    i, j = divmod(rest, before.shown.shape[1])
    for place, values in zip(here, possible, strict=True):
        true = int(hidden.unknown[place])
        if values != {true} or not 0 < true < limit:
            continue
        a, b = divmod(int(hidden.cell[place]), grid.shown.shape[1])
        knower = "a reader" if mno < 0 else f"{tree.mnos[mno]}, which knows its own part,"
        equation = (
            f"{grid.rest_label(before, i, j)} = {grid.rest[i, j]} hides {len(here)} children; beside it the smallest "
            f"shown is {_shown_text(grid, rest)}; the rules leave {knower} one figure for {grid.label(a, b)}: {true}"
        )
        yield Finding("A3" if mno < 0 else "A4", where, (grid.label(a, b),), equation)


def _shown_text(grid: Grid, rest: int) -> str:
    value, code = _smallest_shown(grid)
    codes = grid.origins if grid.rest_on == "origin" else grid.destinations
    return f"{value[rest]} ({codes[code[rest]]})" if value[rest] < BEYOND else "none"

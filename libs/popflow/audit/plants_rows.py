"""Leaks within the rows of one chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from popflow.audit.differences import family_of
from popflow.audit.history import Part
from popflow.audit.tree import NOT_SHOWN, Tree
from popflow.audit.tree_edits import (
    any_finest_row,
    children,
    copied,
    counts_on_tree,
    families,
    lower,
    prune,
    rebuilt,
    rows_of,
)

Result = tuple[Part, str] | str  # a copy with the leak and where it is, or why there is no place for it
Wanted = Callable[[Tree, int, np.ndarray], np.ndarray]


def _any_family(part: Part, rng: np.random.Generator, wanted: Wanted) -> tuple[Tree, int, int] | None:
    """A rest of a kind that is wanted: a copy of the tree, the place of a grid, and a flat place on the one before."""
    tree = copied(part.tree)
    found = [(at, int(place)) for at, rests in families(tree) for place in wanted(tree, at, rests)]
    return (tree, *found[int(rng.integers(len(found)))]) if found else None


def naive_threshold(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """Every child of at least k is shown and the rest left out: the parent less its children is what was hidden."""

    def hides_a_small_group(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        grid = tree.grids[at]
        flat = grid.values.reshape(len(grid.values), -1)
        hidden = grid.is_cell.ravel() & (flat[0] < k)
        small = np.bincount(grid.parents()[hidden], weights=flat[1][hidden], minlength=grid.rest.size)
        return rests[(small[rests] > 0) & (small[rests] < k)]

    found = _any_family(part, rng, hides_a_small_group)
    if found is None:
        return "no parent hides 1 to k-1 persons in cells below k"
    tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    persons = grid.values[0].ravel()[cells]
    grid.shown.ravel()[cells[persons >= k]] = persons[persons >= k]
    grid.rest.ravel()[place] = NOT_SHOWN
    prune(tree)
    return part.planted(rows_of(part, tree)), f"{part.where} {grid.step}"


def orphan_rest(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A rest whose shown siblings are gone."""
    found = _any_family(part, rng, lambda _tree, _at, rests: rests)
    if found is None:
        return "no rest is shown"
    tree, at, place = found
    grid = tree.grids[at]
    grid.shown.ravel()[children(grid, place)] = NOT_SHOWN
    prune(tree)
    return part.planted(rows_of(part, tree)), f"{part.where} {grid.step}"


def rest_of_two(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """All but two of the withheld children are shown."""

    def leaves_somebody(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        withheld = family_of(tree.grids[at - 1], tree.grids[at]).withheld[rests]
        return rests[(withheld >= 3) & (withheld <= 6)]

    found = _any_family(part, rng, leaves_somebody)
    if found is None:
        return "no rest of three to six children"
    tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    hidden = cells[grid.shown.ravel()[cells] == NOT_SHOWN]
    persons = grid.values[0].ravel()
    out = rng.permutation(hidden)[2:]
    grid.shown.ravel()[out] = persons[out]
    grid.rest.ravel()[place] -= persons[out].sum()
    return part.planted(rows_of(part, tree)), f"{part.where} {grid.step}"


def published_zero(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A child that nobody went to is shown with 0."""

    def with_an_empty_child(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        grid = tree.grids[at]
        empty = grid.is_cell.ravel() & (grid.values[0].ravel() == 0)
        return rests[np.isin(rests, grid.parents()[empty])]

    found = _any_family(part, rng, with_an_empty_child)
    if found is None:
        return "no withheld child is empty"
    tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    empty = cells[grid.values[0].ravel()[cells] == 0]
    grid.shown.ravel()[int(rng.choice(empty))] = 0
    return part.planted(rows_of(part, tree)), f"{part.where} {grid.step}"


def mno_by_any_sim(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A row whose persons nearly all have a SIM of one MNO, some of them a second one."""
    if len(part.mnos) < 2:
        return "no release with two MNOs"
    return _lowered(part, rng, 2 + int(rng.integers(len(part.mnos))), int(rng.integers(1, floor)))


def unregistered_counted(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A row of k persons and more, fewer than k of them in the register."""
    return _lowered(part, rng, 1, int(rng.integers(1, k)))


def _lowered(part: Part, rng: np.random.Generator, measure: int, target: int) -> Result:
    cells = any_finest_row(part.tree, rng)
    if cells is None:
        return "no row is shown"
    counts = counts_on_tree(part.tree)
    lower(counts, measure, cells, target)
    return part.planted(part.rows, counts), part.where


def rest_at_its_corner(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A rest of k-1 persons in each child, which nobody else can have joined: its figure tells each of them."""

    def tells_each(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        grid = tree.grids[at]
        shown = np.flatnonzero((grid.shown != NOT_SHOWN).ravel())
        smallest = np.full(grid.rest.size, np.iinfo(np.int64).max)
        np.minimum.at(smallest, grid.parents()[shown], grid.shown.ravel()[shown])
        withheld = family_of(tree.grids[at - 1], grid).withheld
        return rests[(withheld[rests] > 3) & (smallest[rests] < (k - 1) * (withheld[rests] - 1))]

    found = _any_family(part, rng, tells_each)
    if found is None:
        return "no rest of four and more beside a child that is small enough"
    tree, at, place = found
    grid, counts = tree.grids[at], counts_on_tree(tree)
    cells = children(grid, place)
    for child in cells[grid.shown.ravel()[cells] == NOT_SHOWN]:
        origin, destination = divmod(int(child), grid.shown.shape[1])
        inside = np.argwhere(np.outer(*(_within(tree, at, axis, i) for axis, i in enumerate((origin, destination)))))
        inside = inside[tree.grids[-1].is_cell[inside[:, 0], inside[:, 1]]]
        counts.values[:, inside[:, 0], inside[:, 1]] = 0
        counts.values[:, *inside[int(rng.integers(len(inside)))]] = k - 1
    return part.planted(rows_of(part, rebuilt(tree, counts, part)), counts), f"{part.where} {grid.step}"


def _within(tree: Tree, at: int, axis: int, code: int) -> np.ndarray:
    """Which codes of the last grid's axis lie in one of a grid before."""
    last = tree.grids[-1]
    places = np.arange(last.shown.shape[axis])
    for grid in reversed(tree.grids[at + 1 :]):
        places = (grid.up_origin, grid.up_destination)[axis][places]
    return places == code


def retired_indicator(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """The date's whole once more, as a window of days that ends on it."""
    name = f"{part.key[0]}_of_14_days"
    rows = part.rows.iloc[:1].assign(indicator=name)
    return replace(part.planted(rows), key=(name, *part.key[1:])), part.where


def changed_code(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A county's row bears a code of another edition."""
    rows = part.rows.reset_index(drop=True)
    counties = (rows["destination_level"] == "county") & rows["destination_code"].str.fullmatch(r"\d{6}")
    if not counties.any():
        return "no county is shown"
    at = int(rng.choice(np.flatnonzero(counties)))
    code = rows["destination_code"].iloc[at]
    free = [f"{code[:4]}{n:02d}" for n in range(1, 100) if f"{code[:4]}{n:02d}" not in part.covered]
    rows.loc[at, "destination_code"] = free[int(rng.integers(len(free)))]
    return part.planted(rows), f"{part.where} county"


def wrong_level(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A county's figure under its code as a prefecture's, as 441900 is both."""
    tree = part.tree
    if not tree.has("prefecture", "county"):
        return "the chain has no step to counties"
    prefecture, county = tree.at("prefecture", "prefecture"), tree.at("prefecture", "county")
    # A prefecture that is its own county and is withheld: its county is shown alone. Else any withheld county.
    both = [d for d, code in enumerate(county.destinations) if code in prefecture.destinations]
    lone = [(p, d) for d in both for p in np.flatnonzero(county.shown[:, d] == NOT_SHOWN) if county.values[0, p, d]]
    hidden = np.argwhere(county.is_cell & (county.shown == NOT_SHOWN) & (county.values[0] > 0)).tolist()
    if not lone and not hidden:
        return "no county is withheld"
    level, cells = ("county", lone) if lone else ("prefecture", hidden)
    p, d = cells[int(rng.integers(len(cells)))]
    stray = (county.origin_level, county.origins[p], level, county.destinations[d], int(county.values[0, p, d]))
    return part.planted(rows_of(part, tree, [stray])), f"{part.where} {level}"

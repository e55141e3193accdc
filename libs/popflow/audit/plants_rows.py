"""Leaks within one release."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from popflow.audit.differences import family_of
from popflow.audit.history import History, Release
from popflow.audit.lattice import NOT_SHOWN, Tree
from popflow.audit.surgery import any_leaf, children, copied, counts_on_tree, families, lower, prune, rows_of

Trees = Callable[[Release], list[Tree]]
Result = tuple[History, str] | str


def any_release(history: History, rng: np.random.Generator, indicator: str | None = None) -> Release | None:
    """A release with rows, drawn at random."""
    keys = [k for k, r in history.releases.items() if len(r.rows) and indicator in (None, k[0])]
    return history.releases[keys[int(rng.integers(len(keys)))]] if keys else None


def _any_family(
    history: History, trees: Trees, rng: np.random.Generator, wanted: Callable[[Tree, int, np.ndarray], np.ndarray]
) -> tuple[Release, list[Tree], Tree, int, int] | None:
    """A rest of a kind that is wanted, drawn from a release drawn at random, with copies of its trees."""
    release = any_release(history, rng)
    if release is None:
        return None
    mine = copied(trees(release))
    found = [(tree, at, int(p)) for tree, at, rests in families(mine) for p in wanted(tree, at, rests)]
    if not found:
        return None
    tree, at, place = found[int(rng.integers(len(found)))]
    return release, mine, tree, at, place


def naive_threshold(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """Every child of at least k is shown and the rest left out: the parent less its children is what was hidden."""

    def hides_a_small_group(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        grid = tree.grids[at]
        flat = grid.values.reshape(len(grid.values), -1)
        hidden = grid.is_cell.ravel() & (flat[0] < k)
        small = np.bincount(grid.parents()[hidden], weights=flat[1][hidden], minlength=grid.rest.size)
        return rests[(small[rests] > 0) & (small[rests] < k)]

    found = _any_family(history, trees, rng, hides_a_small_group)
    if found is None:
        return "no parent hides 1 to k-1 persons in cells below k"
    release, mine, tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    persons = grid.values[0].ravel()[cells]
    grid.shown.ravel()[cells[persons >= k]] = persons[persons >= k]
    grid.rest.ravel()[place] = NOT_SHOWN
    prune(tree)
    return history.with_(release.planted(rows_of(release, mine))), f"{release.where} {grid.step}"


def orphan_rest(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A rest whose shown siblings are gone."""
    found = _any_family(history, trees, rng, lambda _tree, _at, rests: rests)
    if found is None:
        return "no rest is shown"
    release, mine, tree, at, place = found
    grid = tree.grids[at]
    grid.shown.ravel()[children(grid, place)] = NOT_SHOWN
    prune(tree)
    return history.with_(release.planted(rows_of(release, mine))), f"{release.where} {grid.step}"


def rest_of_two(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """All but two of the withheld children are shown."""

    def leaves_somebody(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        withheld = family_of(tree.grids[at - 1], tree.grids[at]).withheld[rests]
        return rests[(withheld >= 3) & (withheld <= 6)]

    found = _any_family(history, trees, rng, leaves_somebody)
    if found is None:
        return "no rest of three to six children"
    release, mine, tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    hidden = cells[grid.shown.ravel()[cells] == NOT_SHOWN]
    persons = grid.values[0].ravel()
    out = rng.permutation(hidden)[2:]
    grid.shown.ravel()[out] = persons[out]
    grid.rest.ravel()[place] -= persons[out].sum()
    return history.with_(release.planted(rows_of(release, mine))), f"{release.where} {grid.step}"


def published_zero(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A child that nobody went to is shown with 0."""

    def with_an_empty_child(tree: Tree, at: int, rests: np.ndarray) -> np.ndarray:
        grid = tree.grids[at]
        empty = grid.is_cell.ravel() & (grid.values[0].ravel() == 0)
        return rests[np.isin(rests, grid.parents()[empty])]

    found = _any_family(history, trees, rng, with_an_empty_child)
    if found is None:
        return "no withheld child is empty"
    release, mine, tree, at, place = found
    grid = tree.grids[at]
    cells = children(grid, place)
    empty = cells[grid.values[0].ravel()[cells] == 0]
    grid.shown.ravel()[int(rng.choice(empty))] = 0
    return history.with_(release.planted(rows_of(release, mine))), f"{release.where} {grid.step}"


def mno_by_any_sim(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A row whose persons nearly all have a SIM of one MNO, some of them a second one."""
    release = any_release(history, rng)
    if release is None or len(release.mnos) < 2:
        return "no release with two MNOs"
    measure = 2 + int(rng.integers(len(release.mnos)))
    return _lowered(history, release, trees, rng, measure, int(rng.integers(1, floor)))


def unregistered_counted(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A row of k persons and more, fewer than k of them in the register."""
    release = any_release(history, rng)
    if release is None:
        return "nothing is published"
    return _lowered(history, release, trees, rng, 1, int(rng.integers(1, k)))


def _lowered(
    history: History, release: Release, trees: Trees, rng: np.random.Generator, measure: int, target: int
) -> Result:
    tree = trees(release)[0]
    cells = any_leaf(tree, rng)
    if cells is None:
        return "no row is shown"
    counts = counts_on_tree(tree)
    lower(counts, measure, cells, target)
    return history.with_(release.planted(release.rows, counts)), f"{release.where}"


def changed_code(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A county's row bears a code of another edition."""
    release = any_release(history, rng)
    if release is None:
        return "nothing is published"
    rows = release.rows.reset_index(drop=True)
    counties = (rows["destination_level"] == "county") & rows["destination_code"].str.fullmatch(r"\d{6}")
    if not counties.any():
        return "no county is shown"
    at = int(rng.choice(np.flatnonzero(counties)))
    code = rows["destination_code"].iloc[at]
    free = [f"{code[:4]}{n:02d}" for n in range(1, 100) if f"{code[:4]}{n:02d}" not in release.covered]
    rows.loc[at, "destination_code"] = free[int(rng.integers(len(free)))]
    return history.with_(release.planted(rows)), f"{release.where} county"


def wrong_level(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A county's figure under its code as a prefecture's, as 441900 is both."""
    release = any_release(history, rng)
    if release is None:
        return "nothing is published"
    mine = copied(trees(release))
    tree = mine[int(rng.integers(len(mine)))]
    if not {"prefecture", "county"} <= {grid.step for grid in tree.grids}:
        return "the release drawn has no counties"
    prefecture, county = tree.grid("prefecture"), tree.grid("county")
    # A prefecture that is its own county and is withheld: its county is shown alone. Else any withheld county.
    both = [d for d, code in enumerate(county.destinations) if code in prefecture.destinations]
    lone = [(p, d) for d in both for p in np.flatnonzero(county.shown[:, d] == NOT_SHOWN) if county.values[0, p, d]]
    if lone:
        p, d = lone[int(rng.integers(len(lone)))]
        stray = (county.origin_level, county.origins[p], "county", county.destinations[d], int(county.values[0, p, d]))
        return history.with_(release.planted(rows_of(release, mine, [stray]))), f"{release.where} county"
    hidden = np.argwhere(county.is_cell & (county.shown == NOT_SHOWN) & (county.values[0] > 0))
    if not len(hidden):
        return "no county is withheld"
    p, d = hidden[int(rng.integers(len(hidden)))]
    stray = (county.origin_level, county.origins[p], "prefecture", county.destinations[d], int(county.values[0, p, d]))
    return history.with_(release.planted(rows_of(release, mine, [stray]))), f"{release.where} prefecture"

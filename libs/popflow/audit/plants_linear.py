"""The leak that only all rows together give away: 100 - 60 - 60 + 25 = 5."""

from __future__ import annotations

import numpy as np

from popflow.audit.history import Part
from popflow.audit.plants_rows import Result
from popflow.audit.tree import NOT_SHOWN, Grid, Tree
from popflow.audit.tree_edits import Stray, copied, counts_on_tree, lower, rebuilt, rows_of


def linear_program_only(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A margin of another grouping, from one county to a prefecture, beside that prefecture, its county and the pair.

    The others' journeys to the other counties remain: a small group as the history has it, or made one.
    """
    if not part.tree.has("county", "county"):
        return "the chain has no step from county to county"
    for wanted, made in ((k, False), (2**40, True)):
        found = _corners(part.tree, k, wanted)
        if len(found):
            i, j = found[int(rng.integers(len(found)))]
            return _planted(part, int(i), int(j), rng, k, made)
    return "no row between counties lies in a prefecture with others"


def _corners(tree: Tree, k: int, limit: int) -> np.ndarray:
    """Pairs (o, c) for which all others from o's prefecture to the others of c's hold 1 to limit - 1 persons."""
    prefecture, county, pair = tree.at("prefecture", "prefecture"), tree.at("prefecture", "county"), _pair(tree)
    p, y = pair.up_origin, county.up_destination[pair.up_destination]
    margin = _onto_prefectures(tree)[:, y]
    whole, column = prefecture.values[0][p][:, y], county.values[0][p][:, pair.up_destination]
    left = whole - column - margin + pair.values[0]
    shown = (county.shown[p][:, pair.up_destination] != NOT_SHOWN) & (prefecture.shown[p][:, y] != NOT_SHOWN)
    large = (pair.values[0] >= k) & (margin - pair.values[0] >= k)
    return np.argwhere(pair.is_cell & shown & large & (left > 0) & (left < limit))


def _pair(tree: Tree) -> Grid:
    return tree.at("county", "county")


def _without_pairs(tree: Tree, origins: np.ndarray, destinations: np.ndarray) -> None:
    """Nothing shown from county to county there: else the others' journeys would stand in rows of their own."""
    grid = _pair(tree)
    grid.shown[np.ix_(origins, destinations)] = NOT_SHOWN
    grid.rest[np.ix_(np.unique(grid.up_origin[origins]), destinations)] = NOT_SHOWN


def _onto_prefectures(tree: Tree) -> np.ndarray:
    county, pair = tree.at("prefecture", "county"), _pair(tree)
    y = county.up_destination[pair.up_destination]
    margin = np.zeros((len(tree.at("prefecture", "prefecture").destinations), len(pair.origins)), dtype=np.int64)
    np.add.at(margin, y, pair.values[0].T)
    return margin.T


def _planted(part: Part, i: int, j: int, rng: np.random.Generator, k: int, made: bool) -> Result:
    tree = copied(part.tree)
    pair, county = _pair(tree), tree.at("prefecture", "county")
    y = county.up_destination[pair.up_destination]
    counts = counts_on_tree(tree)
    if made:
        others = (pair.up_origin == pair.up_origin[i]) & (np.arange(len(pair.origins)) != i)
        elsewhere = (y == y[j]) & (np.arange(len(pair.destinations)) != j)
        cells = np.argwhere(others[:, None] & elsewhere)
        target = int(rng.integers(1, k))
        for measure in (0, 1):
            lower(counts, measure, cells, target)
        _without_pairs(tree, pair.up_origin == pair.up_origin[i], elsewhere)
        tree = rebuilt(tree, counts, part)
    pair, home = _pair(tree), tree.at("prefecture", "prefecture").destinations[y[j]]
    strays: list[Stray] = [("county", pair.origins[i], "prefecture", home, int(pair.values[0, i, y == y[j]].sum()))]
    if pair.shown[i, j] == NOT_SHOWN:
        label = ("county", pair.origins[i], "county", pair.destinations[j])
        strays.append((*label, int(pair.values[0, i, j])))
    return part.planted(rows_of(part, tree, strays), counts if made else None), f"{part.where} pair"

"""Cutting into a copy of a release: its chains with rows in place, changed at will, and written as rows again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from popflow.audit.chains import REST
from popflow.audit.counts import Counts
from popflow.audit.differences import family_of
from popflow.audit.finest_rows import NOWHERE, finest, finest_rows
from popflow.audit.history import PLACE, Part
from popflow.audit.tree import NOT_SHOWN, Grid, Tree, build_tree

Stray = tuple[str, str, str, str, int]  # a row's place and its persons


def copied(tree: Tree) -> Tree:
    """A tree whose rows can be changed."""
    return replace(tree, grids=[_copied(grid) for grid in tree.grids])


def _copied(grid: Grid) -> Grid:
    return replace(grid, shown=grid.shown.copy(), rest=grid.rest.copy())


def rows_of(part: Part, tree: Tree, strays: Sequence[Stray] = ()) -> pd.DataFrame:
    """All that a tree shows, and rows that it has no place for, as rows of the part."""
    frames = [*_frames(tree), *(pd.DataFrame([stray], columns=[*PLACE, "persons"]) for stray in strays)]
    indicator, date, number = part.key
    rows = pd.concat(frames, ignore_index=True)
    definition = part.rows["definition"].iloc[0] if len(part.rows) else "planted"
    return rows.assign(indicator=indicator, date=date, release=number, definition=definition)


def _frames(tree: Tree) -> Iterator[pd.DataFrame]:
    for before, grid in zip([tree.grids[0], *tree.grids[:-1]], tree.grids, strict=True):
        i, j = np.nonzero(grid.shown != NOT_SHOWN)
        yield _frame(grid, np.array(grid.origins, object)[i], np.array(grid.destinations, object)[j], grid.shown[i, j])
        if grid.rest_on:
            i, j = np.nonzero(grid.rest != NOT_SHOWN)
            origins, destinations = np.array(before.origins, object)[i], np.array(before.destinations, object)[j]
            origins = REST + origins if grid.rest_on == "origin" else origins
            destinations = REST + destinations if grid.rest_on == "destination" else destinations
            yield _frame(grid, origins, destinations, grid.rest[i, j])


def _frame(grid: Grid, origins: np.ndarray, destinations: np.ndarray, persons: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin_level": pd.Series([grid.origin_level] * len(origins), dtype=object),
            "origin_code": origins,
            "destination_level": pd.Series([grid.destination_level] * len(origins), dtype=object),
            "destination_code": destinations,
            "persons": persons,
        }
    )


def prune(tree: Tree) -> None:
    """Take away what stands below rows that are not shown."""
    for before, grid in zip(tree.grids, tree.grids[1:], strict=False):
        parent_shown = before.shown.ravel() != NOT_SHOWN
        grid.shown.ravel()[~parent_shown[grid.parents()]] = NOT_SHOWN
        grid.rest.ravel()[~parent_shown] = NOT_SHOWN


def refresh(tree: Tree) -> None:
    """Write the true figures into every row that is shown."""
    before: Grid | None = None
    for grid in tree.grids:
        grid.shown = np.where(grid.shown != NOT_SHOWN, grid.values[0], NOT_SHOWN)
        if before is not None:
            left = family_of(before, grid).left[0].reshape(grid.rest.shape)
            grid.rest = np.where(grid.rest != NOT_SHOWN, left, NOT_SHOWN)
        before = grid


def families(tree: Tree) -> Iterator[tuple[int, np.ndarray]]:
    """Places of the grids that show rests, with the flat places of these."""
    for at in range(1, len(tree.grids)):
        rests = np.flatnonzero(tree.grids[at].rest.ravel() != NOT_SHOWN)
        if len(rests):
            yield at, rests


def children(grid: Grid, place: int) -> np.ndarray:
    """Flat places of the children of a cell of the grid before."""
    return np.flatnonzero((grid.parents() == place) & grid.is_cell.ravel())


def any_finest_row(tree: Tree, rng: np.random.Generator) -> np.ndarray | None:
    """The finest cells of one row that is shown without rows below it, drawn at random."""
    labels = finest_rows(tree, finest(tree).step)
    found = np.unique(labels[(labels != NOWHERE) & finest(tree).is_cell])
    return np.argwhere((labels == rng.choice(found)) & finest(tree).is_cell) if len(found) else None


def counts_on_tree(tree: Tree) -> Counts:
    """The counts of a tree, to be changed."""
    return Counts(tree.origins, tree.destinations, tree.mnos, tree.values.copy())


def lower(counts: Counts, measure: int, cells: np.ndarray, target: int) -> None:
    """Bring one measure of some cells down to a total, and what is part of it along."""
    left = target
    for i, j in cells:
        keep = min(int(counts.values[measure, i, j]), left)
        left -= keep
        counts.values[measure, i, j] = keep
        for part in range(measure + 1, len(counts.values)) if measure < 2 else ():
            counts.values[part, i, j] = min(int(counts.values[part, i, j]), keep)


def rebuilt(tree: Tree, counts: Counts, part: Part) -> Tree:
    """A tree that shows the rows of another, with new figures."""
    new = build_tree(tree.chain, counts, part.covered, part.covered_before)
    for old_grid, grid in zip(tree.grids, new.grids, strict=True):
        grid.shown, grid.rest = old_grid.shown.copy(), old_grid.rest.copy()
    refresh(new)
    return new

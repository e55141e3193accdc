"""Which published row, without rows below it, holds each cell: the finest that a release gives away by sums."""

from __future__ import annotations

import numpy as np

from popflow.audit.tree import NOT_SHOWN, Grid, Tree

NOWHERE = -1


def finest_rows(tree: Tree, step: str) -> np.ndarray:
    """For every cell of a step's grid, the number of the row or rest that it lies in; NOWHERE without one.

    Two cells with the same number cannot be told apart by the release; `row_label` names a number.
    """
    current = np.where(tree.grids[0].shown != NOT_SHOWN, 0, NOWHERE).ravel()
    offset = 1
    for grid in tree.grids[1:] if step != tree.grids[0].step else []:
        parent, shown = grid.parents(), (grid.shown != NOT_SHOWN).ravel()
        below = np.zeros(grid.rest.size, dtype=bool)
        below[parent[shown]] = True
        leftover = offset + grid.shown.size + np.arange(grid.rest.size)
        inherited = np.where(below, np.where(current == NOWHERE, NOWHERE, leftover), current)
        current = np.where(shown, offset + np.arange(grid.shown.size), inherited[parent])
        offset += grid.shown.size + grid.rest.size
        if grid.step == step:
            break
    return current.reshape(tree.grid(step).shown.shape)


def row_label(tree: Tree, number: int) -> str:
    """The row that a number of `finest_rows` stands for."""
    before, offset = tree.grids[0], 1
    if number == 0:
        return before.label(0, 0)
    for grid in tree.grids[1:]:
        if number < offset + grid.shown.size:
            return grid.label(*divmod(number - offset, grid.shown.shape[1]))
        if number < offset + grid.shown.size + grid.rest.size:
            return grid.rest_label(before, *divmod(number - offset - grid.shown.size, grid.rest.shape[1]))
        offset += grid.shown.size + grid.rest.size
        before = grid
    return "no row"


def finest(tree: Tree) -> Grid:
    """The last grid of a tree."""
    return tree.grids[-1]


def sums_by(labels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct labels, and the sum of each measure over the cells that bear them; cells in NOWHERE are left out."""
    flat, cells = labels.ravel(), values.reshape(len(values), -1)
    kept = flat != NOWHERE
    distinct, group = np.unique(flat[kept], return_inverse=True)
    total = np.zeros((len(values), len(distinct)), dtype=np.int64)
    for measure, into in zip(cells, total, strict=True):
        np.add.at(into, group, measure[kept])
    return distinct, total

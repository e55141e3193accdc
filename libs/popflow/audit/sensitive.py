"""Cells that tell of a sensitive county alone, whatever their level: nobody in them came from, or went, elsewhere."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from popflow.audit.tree import Tree, gather


def shows_alone(tree: Tree, sensitive: Collection[str]) -> list[np.ndarray]:
    """For each grid of a chain which cells hold moves from, or to, one county only, and that is sensitive."""
    if not sensitive:
        return [np.zeros(grid.shown.shape, dtype=bool) for grid in tree.grids]
    origin, destination = (np.isin(codes, list(sensitive)) for codes in (tree.origins, tree.destinations))
    is_cell = tree.grids[-1].is_cell.astype(np.int64)
    rows, columns = np.arange(len(origin)), np.arange(len(destination))
    found = []
    for grid in reversed(tree.grids):
        height, width = grid.shown.shape
        into = gather(is_cell, rows, height, 0) > 0  # from a cell's origins to each county
        out_of = gather(is_cell, columns, width, 1) > 0  # from each county to a cell's destinations
        ends = (gather(part.astype(np.int64), columns, width, 1) == 1 for part in (into, into & destination))
        starts = (gather(part.astype(np.int64), rows, height, 0) == 1 for part in (out_of, out_of & origin[:, None]))
        found.append(np.logical_and(*ends) | np.logical_and(*starts))
        rows, columns = grid.up_origin[rows], grid.up_destination[columns]
    return found[::-1]

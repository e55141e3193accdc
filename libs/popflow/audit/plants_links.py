"""Leaks between releases of a date, and between its rows and rows of another grouping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from popflow.audit.counts import Counts
from popflow.audit.finest_rows import NOWHERE, finest, finest_rows
from popflow.audit.history import Part
from popflow.audit.plants_rows import Result
from popflow.audit.tree import NOT_SHOWN, Tree
from popflow.audit.tree_edits import counts_on_tree, rebuilt, rows_of

_LEVELS = ("province", "prefecture", "county")


def one_late_record(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """The date once more, with one person that a late record brought."""
    tree = part.tree
    cells = np.argwhere((finest_rows(tree, finest(tree).step) != NOWHERE) & finest(tree).is_cell)
    if not len(cells):
        return "the chain drawn shows nothing"
    i, j = cells[int(rng.integers(len(cells)))]
    person = _one_person(tree, int(i), int(j), rng)
    counts = _plus(counts_on_tree(tree), person)
    nobody = Counts(person.origins, person.destinations, person.mnos, np.zeros_like(person.values))
    changes = {number: (_plus(joined, person), left) for number, (joined, left) in part.changes.items()}
    changes[part.key[2]] = (person, nobody)
    key = (*part.key[:2], part.key[2] + 1)
    again = replace(part, key=key, earlier=(*part.earlier, part))
    return again.planted(rows_of(again, rebuilt(tree, counts, part)), counts, changes), again.where


def _one_person(tree: Tree, i: int, j: int, rng: np.random.Generator) -> Counts:
    values = np.zeros((len(tree.values), 1, 1), dtype=np.int64)
    values[:, 0, 0] = 1
    values[2 + int(rng.integers(len(tree.mnos))), 0, 0] = 0
    return Counts((tree.origins[i],), (tree.destinations[j],), tree.mnos, values)


def _plus(first: Counts, second: Counts) -> Counts:
    origins = sorted({*first.origins, *second.origins})
    destinations = sorted({*first.destinations, *second.destinations})
    values = first.on(origins, destinations) + second.on(origins, destinations)
    return Counts(tuple(origins), tuple(destinations), first.mnos, values)


def views_of_two_areas(part: Part, rng: np.random.Generator, k: int, floor: int) -> Result:
    """What all of the province sent to a place beside the shown rows of its prefectures."""
    tree = part.tree
    steps = [
        grid.step for grid in tree.grids if grid.origin_level == "prefecture" and grid.destination_level in _LEVELS
    ]
    found = [(step, int(d)) for step in steps for d in _totals_that_tell(tree, step, k)]
    if not found:
        return "no total over origins leaves 1 to k-1 persons"
    step, d = found[int(rng.integers(len(found)))]
    grid = tree.grid(step)
    stray = ("area", tree.chain.name, grid.destination_level, grid.destinations[d], int(grid.values[0, :, d].sum()))
    return part.planted(rows_of(part, tree, [stray])), f"{part.where} {step}"


def _totals_that_tell(tree: Tree, step: str, k: int) -> np.ndarray:
    grid = tree.grid(step)
    hidden = grid.is_cell & (grid.shown == NOT_SHOWN)
    left = (grid.values[:2] * hidden).sum(axis=1)
    some_shown = (grid.shown != NOT_SHOWN).any(axis=0)
    return np.flatnonzero(some_shown & (left[0] > 0) & (left[1] < k))

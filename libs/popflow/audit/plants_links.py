"""Leaks between releases, days, blocks, stock and views."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from popflow.audit.blocks import days_of, is_block_end
from popflow.audit.counts import Counts
from popflow.audit.history import History, Release
from popflow.audit.lattice import NOT_SHOWN, SPECS, Tree, build_tree
from popflow.audit.leaves import NOWHERE, finest, leaves
from popflow.audit.plants_rows import Result, Trees, any_release
from popflow.audit.surgery import copied, counts_on_tree, refresh, rows_of


def rolling_window(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A window of days that ends on any date."""
    last = any_release(history, rng, "outflow")
    if last is None:
        return "no outflow is published"
    days = [date for date in days_of(last.key[1]) if history.of("outflow", date)]
    end = last.key[1] + dt.timedelta(days=int(is_block_end(last.key[1])))
    newest = [history.of("outflow", date)[-1] for date in days]
    window = _new_release(("outflow_block", end, 1), newest, trees, _summed(newest, trees))
    if not len(window.rows):
        return "the days drawn show nothing"
    return history.with_(window), window.where


def block_beside_days(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """A block whose persons are a few fewer than the journeys of its days."""
    ends = [end for end in {key[1] for key in history.releases} if is_block_end(end) and _complete(history, end)]
    if not ends:
        return "no block of 14 published days"
    end = sorted(ends)[int(rng.integers(len(ends)))]
    newest = [history.of("outflow", date)[-1] for date in days_of(end)]
    counts = _summed(newest, trees)
    shortfall = int(rng.integers(1, k))
    _take(counts, shortfall, rng)
    number = len(history.of("outflow_block", end)) and history.of("outflow_block", end)[-1].key[2]
    block = _new_release(("outflow_block", end, max(number, 1)), newest, trees, counts)
    return (history.with_(block), f"{block.where}, {shortfall} short") if len(block.rows) else "nothing to show"


def _complete(history: History, end: dt.date) -> bool:
    return all(history.of("outflow", d) and len(history.of("outflow", d)[-1].rows) for d in days_of(end))


def _new_release(key: tuple[str, dt.date, int], days: Sequence[Release], trees: Trees, counts: Counts) -> Release:
    """A block of which only the root and the border are shown, where they are large."""
    covered = frozenset().union(*(day.covered for day in days))
    fresh = Release(key, days[-1].rows.iloc[:1], counts.mnos, covered, pd.DataFrame, (counts, {}))
    chains = [tree.chain for tree in trees(days[-1])]
    new = [build_tree(chain, SPECS[key[0]], counts, covered, prefectures_only=True) for chain in chains]
    for tree in new:
        for grid in tree.grids[:2]:
            grid.shown = np.where(grid.is_cell, grid.values[0], NOT_SHOWN)
    return fresh.planted(rows_of(fresh, new))


def _summed(days: Sequence[Release], trees: Trees) -> Counts:
    mnos = days[-1].mnos
    layers = [(tree.grid("prefecture"), tree.mnos) for day in days for tree in trees(day)]
    origins = sorted({code for grid, _ in layers for code in grid.origins})
    destinations = sorted({code for grid, _ in layers for code in grid.destinations})
    zeros = np.zeros((2 + len(mnos), len(origins), len(destinations)), dtype=np.int64)
    total = Counts(tuple(origins), tuple(destinations), mnos, zeros)
    for grid, names in layers:
        moved = Counts(grid.origins, grid.destinations, names, grid.values).on(origins, destinations)
        measures = len(moved) if names == mnos else 2
        total.values[:measures] += moved[:measures]
    return total


def _take(counts: Counts, persons: int, rng: np.random.Generator) -> None:
    """Take persons away, one by one, from cells drawn at random."""
    for _ in range(persons):
        cells = np.argwhere(counts.values[0] > 0)
        if not len(cells):
            return
        i, j = cells[int(rng.integers(len(cells)))]
        counts.values[:, i, j] = np.maximum(counts.values[:, i, j] - 1, 0)


def one_late_record(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """The date once more, with one person that a late record brought."""
    release = any_release(history, rng)
    if release is None:
        return "nothing is published"
    old = history.of(*release.key[:2])[-1]
    if not len(old.rows):
        return "the newest release of the date drawn is empty"
    mine = copied(trees(old))
    tree = mine[int(rng.integers(len(mine)))]
    cells = np.argwhere((leaves(tree, finest(tree).step) != NOWHERE) & finest(tree).is_cell)
    if not len(cells):
        return "the chain drawn shows nothing"
    i, j = cells[int(rng.integers(len(cells)))]
    person = _one_person(tree, int(i), int(j), rng)
    counts = _plus(_plus_all(mine), person)
    nobody = Counts(person.origins, person.destinations, person.mnos, np.zeros_like(person.values))
    changes = {number: (_plus(joined, person), left) for number, (joined, left) in old.changes.items()}
    changes[old.key[2]] = (person, nobody)
    again = rebuilt(mine, counts, old)
    moved = old.planted(old.rows, counts, changes, (*old.key[:2], old.key[2] + 1))
    return history.with_(moved.planted(rows_of(moved, again))), moved.where


def _one_person(tree: Tree, i: int, j: int, rng: np.random.Generator) -> Counts:
    values = np.zeros((len(tree.values), 1, 1), dtype=np.int64)
    values[:, 0, 0] = 1
    values[2 + int(rng.integers(len(tree.mnos))), 0, 0] = 0
    return Counts((tree.origins[i],), (tree.destinations[j],), tree.mnos, values)


def _plus_all(trees: Sequence[Tree]) -> Counts:
    total = counts_on_tree(trees[0])
    for tree in trees[1:]:
        total = _plus(total, counts_on_tree(tree))
    return total


def _plus(first: Counts, second: Counts) -> Counts:
    origins = sorted({*first.origins, *second.origins})
    destinations = sorted({*first.destinations, *second.destinations})
    values = first.on(origins, destinations) + second.on(origins, destinations)
    return Counts(tuple(origins), tuple(destinations), first.mnos, values)


def rebuilt(trees: Sequence[Tree], counts: Counts, release: Release) -> list[Tree]:
    """The same rows shown, with new figures."""
    again = []
    for tree in trees:
        new = build_tree(
            tree.chain,
            SPECS[release.key[0]],
            counts,
            release.covered,
            prefectures_only=release.key[0] == "outflow_block",
        )
        for old_grid, grid in zip(tree.grids, new.grids, strict=True):
            grid.shown, grid.rest = old_grid.shown.copy(), old_grid.rest.copy()
        refresh(new)
        again.append(new)
    return again


def stock_of_two_areas(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """The stock of the whole area beside the stock of one nested in it, county by county: 130 - 125 = 5."""
    return _whole_beside_parts(history, trees, rng, k, "stock")


def views_of_two_areas(history: History, trees: Trees, rng: np.random.Generator, k: int, floor: int) -> Result:
    """What all of the province sent to a place beside the shown rows of its prefectures."""
    return _whole_beside_parts(history, trees, rng, k, "outflow")


def _whole_beside_parts(history: History, trees: Trees, rng: np.random.Generator, k: int, indicator: str) -> Result:
    release = any_release(history, rng, indicator)
    if release is None:
        return f"no {indicator} is published"
    mine = copied(trees(release))
    found = [(tree, step, int(d)) for tree in mine for step in _STEPS for d in _totals_that_tell(tree, step, k)]
    if not found:
        return "no total over origins leaves 1 to k-1 persons"
    tree, step, d = found[int(rng.integers(len(found)))]
    grid = tree.grid(step)
    stray = ("area", tree.chain.name, step, grid.destinations[d], int(grid.values[0, :, d].sum()))
    return history.with_(release.planted(rows_of(release, mine, [stray]))), f"{release.where} {step}"


_STEPS = ("province", "prefecture", "county")


def _totals_that_tell(tree: Tree, step: str, k: int) -> np.ndarray:
    grid = tree.grid(step)
    hidden = grid.is_cell & (grid.shown == NOT_SHOWN)
    left = (grid.values[:2] * hidden).sum(axis=1)
    some_shown = (grid.shown != NOT_SHOWN).any(axis=0)
    return np.flatnonzero(some_shown & (left[0] > 0) & (left[1] < k))

"""Rows that the chain has no place for, beside those that it has: what they give away together, by linear programming.

Such rows are a failure anyway (A6). Where their labels say which cells they sum, the attack is worked out too: all rows
that share cells with them are one component, its cells fall into classes that no row tells apart, and every class is
bounded by the rows from below and above. A class with one possible figure is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from popflow.audit.chains import REST
from popflow.audit.differences import Limits, too_small
from popflow.audit.finest_rows import NOWHERE, finest, finest_rows, row_label
from popflow.audit.tree import Tree, labelled
from popflow.audit.verdict import Finding
from popflow.contracts import Area

MOST_CLASSES = 3_000
MOST_PROGRAMS = 400
NAMED = 3  # rows that a sum of them names
UNCUT = -10  # numbers from here down stand for several rows of the chain


@dataclass(frozen=True)
class Equation:
    """A published row as a sum of classes."""

    label: str
    persons: int
    classes: np.ndarray


def stray_findings(
    tree: Tree, strays: pd.DataFrame, areas: Mapping[str, Area], limits: Limits, where: str, seconds: float
) -> Iterator[Finding]:
    """A6 for every row without a place, and what the rows that can be read give away beside the others."""
    readable: list[tuple[str, int, np.ndarray]] = []
    for place, label, persons in labelled(strays):
        yield Finding("A6", where, (label,), f"{label} is not a cell of the chain that night")
        cells = cells_of(tree, *place, areas)
        if cells is not None and cells.any():
            readable.append((label, persons, cells))
    if readable:
        yield from _program(tree, readable, limits, where, seconds)


def cells_of(
    tree: Tree, origin_level: str, origin: str, destination_level: str, destination: str, areas: Mapping[str, Area]
) -> np.ndarray | None:
    """The finest cells that a label sums, read by its levels, or None where it cannot be read."""
    if str(origin).startswith(REST) or str(destination).startswith(REST):
        return None
    rows = [_within(origin_level, origin, code, tree, areas) for code in tree.origins]
    columns = [_within(destination_level, destination, code, tree, areas) for code in tree.destinations]
    if None in rows or None in columns:
        return None
    return np.outer(np.array(rows, dtype=bool), np.array(columns, dtype=bool)) & finest(tree).is_cell


def _within(level: str, wanted: str, code: str, tree: Tree, areas: Mapping[str, Area]) -> bool | None:
    tests: dict[str, Callable[[], bool]] = {
        "all": lambda: True,
        "county": lambda: code == wanted,
        "prefecture": lambda: code == wanted or code[:4] + "00" == wanted,
        "province": lambda: code[:2] + "0000" == wanted,
        "border": lambda: (code[:2] + "0000" == wanted[-6:]) == wanted.startswith("inside_"),
        "area": lambda: _in_area(wanted, code, tree, areas),
    }
    test = tests.get(level)
    return None if test is None else bool(test())


def _in_area(wanted: str, code: str, tree: Tree, areas: Mapping[str, Area]) -> bool:
    if wanted == tree.chain.name or code == wanted:
        return True
    area = areas.get(wanted)
    if area is None:
        return False
    return code[:4] + "00" == area.code or (area.level == "province" and code[:2] == area.code[:2])


def _program(
    tree: Tree, readable: list[tuple[str, int, np.ndarray]], limits: Limits, where: str, seconds: float
) -> Iterator[Finding]:
    row = finest_rows(tree, finest(tree).step).ravel()
    bits = np.vstack([cells.ravel() for _, _, cells in readable])
    near = np.isin(row, np.unique(row[bits.any(axis=0)])) & finest(tree).is_cell.ravel()
    classes, of_cell, merged = _classes(row[near], bits[:, near])
    if len(classes) > MOST_CLASSES:
        text = f"{len(classes)} linked classes of cells, more than the {MOST_CLASSES} that are worked out"
        yield Finding("A5", where, tuple(label for label, _, _ in readable[:3]), text)
        return
    values = np.zeros((len(tree.values), len(classes)), dtype=np.int64)
    for measure, into in zip(tree.values.reshape(len(tree.values), -1)[:, near], values, strict=True):
        np.add.at(into, of_cell, measure)
    equations = [
        Equation(
            _rows_text(tree, row[near][merged == one]),
            int(values[0, classes[:, 0] == one].sum()),
            classes[:, 0] == one,
        )
        for one in np.unique(classes[:, 0])
        if one != NOWHERE
    ]
    equations += [Equation(readable[i][0], readable[i][1], classes[:, 1 + i] == 1) for i in range(len(readable))]
    yield from _known_classes(equations, values, classes, limits, where, seconds)


def _classes(row: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells by the rows that hold them. Rows that no stray row cuts are known each, and stand together as one."""
    _, pattern = np.unique(bits, axis=1, return_inverse=True)
    pattern = pattern.ravel()
    seen, place = np.unique(row, return_inverse=True)
    low, high = np.full(len(seen), np.iinfo(np.int64).max), np.full(len(seen), -1)
    np.minimum.at(low, place, pattern)
    np.maximum.at(high, place, pattern)
    uncut = (low == high)[place] & (row != NOWHERE)
    merged = np.where(uncut, UNCUT - pattern, row)
    classes, of_cell = np.unique(np.column_stack([merged, *bits.astype(np.int64)]), axis=0, return_inverse=True)
    return classes, of_cell.ravel(), merged


def _rows_text(tree: Tree, row: np.ndarray) -> str:
    rows = [row_label(tree, int(one)) for one in np.unique(row)]
    return " + ".join(rows) if len(rows) <= NAMED else f"({len(rows)} rows of the chain within it)"


def _known_classes(
    equations: list[Equation], values: np.ndarray, classes: np.ndarray, limits: Limits, where: str, seconds: float
) -> Iterator[Finding]:
    groups = _groups(classes, too_small(values, limits)[0])
    sums = values @ groups.T
    reader, _ = too_small(sums, limits)
    suspects = np.flatnonzero(reader)
    if len(suspects) > MOST_PROGRAMS:
        yield Finding("A5", where, (), f"{len(suspects)} small linked groups, more than the {MOST_PROGRAMS} tried")
        return
    matrix = np.array([equation.classes for equation in equations], dtype=float)
    totals = np.array([equation.persons for equation in equations], dtype=float)
    for one in suspects:
        aim = groups[one].astype(float)
        bounds = [_extreme(matrix, totals, aim, sign, seconds) for sign in (1, -1)]
        if None in bounds or round(bounds[0] or 0) == round(bounds[1] or 0):
            text = combination(equations, matrix, aim, int(sums[0, one]))
            yield Finding("A5", where, tuple(e.label for e in equations if (e.classes & (aim > 0)).any()), text)


def _groups(classes: np.ndarray, small: np.ndarray) -> np.ndarray:
    """What may become known: each class, what each stray row or set of them cuts off, and the small ones of that."""
    cut = classes[:, 0] > UNCUT
    bits = classes[:, 1:] == 1
    patterns = [(bits == one).all(axis=1) & cut for one in np.unique(bits, axis=0)]
    inside = [bits[:, i] & cut for i in range(bits.shape[1])]
    outside = [~bits[:, i] & cut for i in range(bits.shape[1])]
    groups = np.vstack([np.eye(len(classes), dtype=bool), *patterns, *inside, *outside])
    groups = np.vstack([groups, groups & small])
    return np.unique(groups[groups.any(axis=1)], axis=0)


def _extreme(matrix: np.ndarray, totals: np.ndarray, aim: np.ndarray, sign: int, seconds: float) -> float | None:
    """Least (sign 1) or greatest (sign -1) figure of a group; None where the program has no answer."""
    answer = linprog(aim * sign, A_eq=matrix, b_eq=totals, method="highs", options={"time_limit": max(seconds, 0.1)})
    return float(answer.fun) * sign if answer.status == 0 else None


def combination(equations: list[Equation], matrix: np.ndarray, aim: np.ndarray, persons: int) -> str:
    """The rows that add and subtract to one group, with their figures: 100 - 60 - 60 + 25 = 5."""
    both = np.hstack([matrix.T, -matrix.T])  # the fewest rows: least sum of absolute weights
    answer = linprog(np.ones(both.shape[1]), A_eq=both, b_eq=aim, method="highs")
    if answer.status != 0:
        return f"the rows allow one figure alone: {persons} persons"
    weights = answer.x[: len(matrix)] - answer.x[len(matrix) :]
    terms = [(round(w, 3), equations[i]) for i, w in enumerate(weights) if abs(w) > 1e-6]
    ordered = sorted(terms, key=lambda term: -term[0])
    text = " ".join(
        f"{'+' if w > 0 else '-'} {'' if abs(w) == 1 else f'{abs(w):g} x '}{e.persons} {e.label}" for w, e in ordered
    )
    return f"{text.removeprefix('+ ')} = {persons} persons"

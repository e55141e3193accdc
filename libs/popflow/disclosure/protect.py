"""The gate: the only code that makes a ProtectedTable.

A date's indicator is a tree of cells, and one walk from its root downwards decides what is shown. A child is shown only
under a shown parent; what is not shown stands in its parent's rest, so that all rows of a parent add up, and every
difference of published rows is a sum of published rows again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.contracts import Area, Disclosure, chains
from popflow.disclosure.chain import Tree, flow_tree, never_alone, own_digits
from popflow.disclosure.correction import (
    Changes,
    EarlierRelease,
    refuse_other_mnos,
    refuse_second,
    rest_counts,
    shown_before,
)
from popflow.disclosure.exact import ENDS, finest_cells, of_codes, refuse_other_date, refuse_repeated
from popflow.disclosure.feasibility import Determined
from popflow.disclosure.fold import Folded, fold
from popflow.disclosure.rows import Walked, atoms_table, rows_table, shares_of
from popflow.disclosure.rules import Bools, Ints, Rules, publishable
from popflow.disclosure.table import _SEAL, ProtectedTable
from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of
from popflow.indicators import Indicator


@dataclass(frozen=True)
class Release:
    """Which release of which indicator and date a table is, and by which rules it is made."""

    indicator: Indicator
    date: dt.date
    release: int
    mnos: tuple[str, ...]
    rules: Disclosure
    earlier: Sequence[EarlierRelease] = ()


def protect_flows(
    exact: pd.DataFrame,
    *,
    indicator: Indicator,
    date: dt.date,
    release: int,
    areas: Mapping[str, Area],
    covered_counties: Sequence[str],
    mnos: Sequence[str],
    rules: Disclosure,
    covered_before: Sequence[str] | None = None,
    earlier: Sequence[EarlierRelease] = (),
) -> ProtectedTable:
    """An indicator of one date, of every chain of its areas.

    exact: columns of the contract `flows_exact`, that date's, one row per origin and destination county; stayers and
    moves within a prefecture may be in it and are left out. covered_counties: every county in which the date can have
    ended for somebody; covered_before: the same of the day before, None where they are the same counties. Exactly
    these, since what can hold nobody hides nobody. mnos: the MNOs of the night. earlier: the releases of the date so
    far, withdrawn ones too. A chain whose root is not publishable has no rows. Raises PopflowError where the exact
    table does not hold together, and for a correction that may not be.
    """
    about = Release(indicator, date, release, tuple(mnos), rules, earlier)
    areas = indicator.areas_of(areas)
    tree = flow_tree(indicator, areas, covered_counties, covered_counties if covered_before is None else covered_before)
    moves = moves_out(exact, date, areas)
    tree.refuse_uncovered(moves)
    return protect(about, tree, moves)


def protect(about: Release, tree: Tree, exact: pd.DataFrame) -> ProtectedTable:
    """Walk a tree with the counts of its finest cells and seal what may be shown.

    exact: origin_code, destination_code of finest cells with persons, persons_registered and persons_without.
    """
    rules = Rules.of(about.rules, about.indicator.thresholds)
    name, definition = about.indicator.indicator, about.indicator.definition
    cells = finest_cells(exact, about.mnos)
    finest = tree.counts(cells, about.mnos)
    counts = [nodes.counts(finest) for nodes in tree.steps]
    walked = _walk(tree, counts, rules, _limits(about, tree, rules))
    _refuse_unsafe(tree, walked, rules)
    rows = rows_table(name, about.date, about.release, definition, tree, walked)
    atoms = atoms_table(name, about.date, about.release, about.mnos, cells, about.earlier)
    root_persons, shares, numbers = shares_of(tree, walked)
    return ProtectedTable(
        _SEAL,
        indicator=name,
        date=about.date,
        release=about.release,
        definition=definition,
        mnos=about.mnos,
        rows=rows,
        atoms=atoms,
        root_persons=root_persons,
        shares=shares,
        cells=numbers,
    )


@dataclass(frozen=True)
class Limits:
    """What stands in the way of a cell beside its size, step by step."""

    closed: list[Bools]  # nodes that are never shown alone
    changes: Changes | None  # since earlier releases: its veto is on a parent's children, of which then none are shown


def _walk(tree: Tree, counts: list[Ints], rules: Rules, limits: Limits) -> list[Walked]:
    root = publishable(counts[0], rules) & ~limits.closed[0]
    walked = [Walked(counts[0], Folded(root, np.zeros_like(root)))]
    for number, nodes in list(enumerate(tree.steps))[1:]:
        above, own = walked[-1].folded.shown, counts[number]
        folded = fold(nodes.parent, own, limits.closed[number], above, rules, Determined(rules))
        if limits.changes:
            folded = folded.without(limits.changes(number, folded)[nodes.parent])
        walked.append(Walked(own, folded))
    return walked


def _limits(about: Release, tree: Tree, rules: Rules) -> Limits:
    closed = never_alone(tree, about.rules.sensitive_counties)
    if not about.earlier:
        return Limits(closed, None)
    before = shown_before(tree, about.earlier)
    if before is not None:
        closed = [alone | ~shown for alone, shown in zip(closed, before, strict=True)]
    refuse_second([one.release for one in about.earlier], about.date)
    refuse_other_mnos(about.earlier, about.mnos)
    changes = Changes.since(about.earlier, tree, about.mnos, rules, before)
    changes.refuse_at_root()
    return Limits(closed, changes)


def _refuse_unsafe(tree: Tree, walked: Sequence[Walked], rules: Rules) -> None:
    """Fail closed: check, apart from how it was found, that every figure is publishable and every parent adds up."""
    for nodes, above, own in zip(tree.steps[1:], walked, walked[1:], strict=False):
        parents = len(above.counts)
        rest = rest_counts(nodes, own.counts, own.folded, parents)
        shown = Folded(own.folded.in_rest, own.folded.shown)
        together = rest + rest_counts(nodes, own.counts, shown, parents)
        has_children, has_rest = np.zeros(parents, dtype=bool), np.zeros(parents, dtype=bool)
        has_children[nodes.parent[own.folded.shown]] = True
        has_rest[nodes.parent[own.folded.in_rest]] = True
        adds_up = (together == above.counts).all(axis=1) & above.folded.shown
        large = publishable(own.counts[own.folded.shown], rules).all() and publishable(rest[has_rest], rules).all()
        if not (large and adds_up[has_children].all() and has_children[has_rest].all()):
            raise PopflowError(f"the gate's own check failed at the step {nodes.step.name}; nothing is protected")


def moves_out(exact: pd.DataFrame, date: dt.date, areas: Mapping[str, Area]) -> pd.DataFrame:
    """Rows of `flows_exact` that leave their prefecture from inside a chain."""
    refuse_other_date(exact, date)
    ends = ["origin_county", "destination_county"]
    refuse_repeated(exact, ends)
    starts = tuple(own_digits(area) for area in chains(areas).values())
    inside = of_codes(exact["origin_county"], lambda code: code.startswith(starts)).astype(bool)
    origin, destination = (of_codes(exact[end], prefecture_of) for end in ends)
    moves = exact[inside & (origin != destination)]
    return moves.rename(columns=dict(zip(ends, ENDS, strict=True)))

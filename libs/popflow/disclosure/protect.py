"""The gate: the only code that makes a ProtectedTable.

A date's indicator is a tree of cells, and one walk from its root downwards decides what is shown. A child is shown only
under a shown parent; what is not shown stands in its parent's rest, so that all rows of a parent add up, and every
difference of published rows is a sum of published rows again.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow.contracts import Area, Disclosure, chains
from popflow.disclosure.chain import Nodes, Tree, flow_tree, never_alone, own_digits
from popflow.disclosure.correction import (
    Changes,
    EarlierRelease,
    refuse_other_mnos,
    refuse_second,
    rest_counts,
    shown_before,
)
from popflow.disclosure.exact import (
    ENDS,
    counts_of,
    finest_cells,
    of_codes,
    refuse_other_date,
    refuse_repeated,
    refuse_uncovered,
)
from popflow.disclosure.feasibility import Determined
from popflow.disclosure.rows import Walked, base_cells_table, rows_table, shown_of
from popflow.disclosure.rules import Bools, Ints, Rules, publishable
from popflow.disclosure.suppression import Folded, fold
from popflow.disclosure.table import _SEAL, ProtectedTable
from popflow.errors import PopflowError
from popflow.geography.codes import prefecture_of
from popflow.indicators import Indicator

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]  # as `map` calls a function for each of many
NO_CHAIN = -1


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
    each: Each = map,
) -> ProtectedTable:
    """An indicator of one date, of every chain of its areas.

    exact: columns of the contract `flows_exact`, that date's, one row per origin and destination county; stayers and
    moves within a prefecture may be in it and are left out. covered_counties: every county in which the date can have
    ended for somebody; covered_before: the same of the day before, None where they are the same counties. Exactly
    these, since what can hold nobody hides nobody. mnos: the MNOs of the night. earlier: the releases of the date so
    far, withdrawn ones too. each: how a function is called for every chain; chains share no person on a date, so any
    order and any machine will do. A chain whose root is not publishable has no rows. Raises PopflowError where the
    exact table does not hold together, and for a correction that may not be.
    """
    about = Release(indicator, date, release, tuple(mnos), rules, earlier)
    before = covered_counties if covered_before is None else covered_before
    work = functools.partial(_of_chain, about, tuple(covered_counties), tuple(before))
    parts = list(each(work, _by_chain(exact, date, chains(indicator.areas_of(areas)))))
    persons = sum(part.persons[0] for part in parts)
    shown = zip(*(part.persons for part in parts), strict=True)
    names = [one.step for one in indicator.steps]
    cells = zip(*(part.cells for part in parts), strict=True)
    return ProtectedTable(
        _SEAL,
        indicator=indicator.indicator,
        date=date,
        release=release,
        definition=indicator.definition,
        mnos=about.mnos,
        rows=pa.concat_tables([part.rows for part in parts]),
        base_cells=pa.concat_tables([part.base_cells for part in parts]),
        root_persons=persons,
        shares={name: sum(one) / persons if persons else 0.0 for name, one in zip(names, shown, strict=True)},
        cells={
            name: (sum(one[0] for one in of), sum(one[1] for one in of)) for name, of in zip(names, cells, strict=True)
        },
    )


@dataclass(frozen=True)
class Protected:
    """One chain of a release: its rows, its base cells, and for each step what of it is shown.

    persons: of the cells shown; cells: how many are shown, and how many have persons.
    """

    rows: pa.Table
    base_cells: pa.Table
    persons: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]


OfChain = tuple[str, Area, pd.DataFrame]  # name and area of a chain, and its exact moves


def _of_chain(about: Release, ends: Sequence[str], starts: Sequence[str], of: OfChain) -> Protected:
    """Walk one chain's tree with the counts of its finest cells, and keep what may be shown of it."""
    chain, area, exact = of
    name, rules = about.indicator.indicator, Rules.of(about.rules, about.indicator.thresholds)
    about = replace(about, earlier=[one.within(own_digits(area)) for one in about.earlier])
    changed = any(len(one.changes) for one in about.earlier)
    cells = finest_cells(exact, about.mnos)
    refuse_uncovered(cells, dict(zip(ENDS, (starts, ends), strict=True)))
    walked: list[Walked] = []
    steps: list[Nodes] = []
    # A chain whose root may not be shown shows nothing: no need to make its tree, which holds every cell there can be.
    if changed or publishable(counts_of(cells, about.mnos).sum(axis=0), rules):
        tree = flow_tree(about.indicator, chain, area, ends, starts)
        finest = tree.counts(cells, about.mnos)
        steps = tree.steps
        walked = _walk(tree, [nodes.counts(finest) for nodes in steps], rules, _limits(about, tree, rules))
        _refuse_unsafe(tree, walked, rules)
    rows = rows_table(name, about.date, about.release, about.indicator.definition, steps, walked)
    base_cells = base_cells_table(name, about.date, about.release, about.mnos, cells, about.earlier)
    return Protected(rows, base_cells, *shown_of(walked, len(about.indicator.steps)))


def _by_chain(exact: pd.DataFrame, date: dt.date, of: Mapping[str, Area]) -> Iterator[OfChain]:
    """Each chain with the exact moves that leave a prefecture of it, by county."""
    refuse_other_date(exact, date)
    ends = ["origin_county", "destination_county"]
    refuse_repeated(exact, ends)
    starts = {own_digits(area): place for place, area in enumerate(of.values())}
    chain = of_codes(exact["origin_county"], lambda code: starts.get(code[:2], starts.get(code[:4], NO_CHAIN)))
    origin, destination = (of_codes(exact[end], prefecture_of) for end in ends)
    leaves = (chain != NO_CHAIN) & (origin != destination)
    moves = exact[leaves].rename(columns=dict(zip(ends, ENDS, strict=True)))
    parts = dict(list(moves.groupby(chain[leaves])))
    for place, (name, area) in enumerate(of.items()):
        yield name, area, parts.get(place, moves.iloc[:0])


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

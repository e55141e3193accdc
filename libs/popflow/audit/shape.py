"""A6 on the frame itself: columns, types, nulls, levels, doubles, unknown indicators, dates that have no product."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pandas as pd

from popflow.audit.blocks import is_block_end
from popflow.audit.history import KEY, PLACE, History, Release
from popflow.audit.lattice import SPECS, labelled
from popflow.audit.verdict import Finding
from popflow.contracts import Table

ON_BLOCK_ENDS = ("outflow_block", "stock")
SOME = 5


def frame_findings(rows: pd.DataFrame, contract: Table, where: str) -> Iterator[Finding]:
    """What is wrong with a frame as a whole; nothing else is worth looking at while this finds something."""
    if set(rows.columns) != set(contract.columns):
        other = ", ".join(sorted(set(map(str, rows.columns)) ^ set(contract.columns)))
        yield Finding("A6", where, (), f"columns differ from the contract {contract.table}: {other}")
        return
    for name in contract.columns:
        if rows[name].isna().any():
            yield Finding("A6", where, (), f"column {name} has nulls")
    for name in ("persons", "release"):
        if len(rows) and not pd.api.types.is_integer_dtype(rows[name]):
            yield Finding("A6", where, (), f"column {name} is not of whole numbers")
    if len(rows) and (pd.to_numeric(rows["release"], errors="coerce") < 1).any():
        yield Finding("A6", where, (), "a release below 1")
    texts = [*PLACE, "indicator", "definition"]
    for name in texts:
        if not all(isinstance(value, str) and value for value in rows[name].unique()):
            yield Finding("A6", where, (), f"column {name} is not of text")
    dates = rows["date"]
    if not pd.api.types.is_datetime64_any_dtype(dates) and not all(isinstance(d, dt.date) for d in dates.unique()):
        yield Finding("A6", where, (), "column date is not of dates")
    for name in sorted(set(map(str, rows["indicator"].unique())) - set(SPECS)):
        yield Finding("A6", where, (), f"indicator '{name}' is unknown, and nothing that is unknown is published")


def release_findings(release: Release, k: int) -> Iterator[Finding]:
    """What is wrong with the rows of one release, whatever they count."""
    indicator, date, _ = release.key
    rows = release.rows
    if indicator in ON_BLOCK_ENDS and not is_block_end(date):
        text = f"{indicator} exists on the ends of blocks alone, and {date} is none"
        yield Finding("A6", release.where, (), f"{text}: of two windows that overlap, one less the other is a day")
    for _, label, _ in labelled(rows[rows.duplicated([*KEY, *PLACE], keep=False)].head(SOME)):
        yield Finding("A6", release.where, (label,), f"{label} stands more than once")
    for _, label, persons in labelled(rows[rows["persons"] <= 0].head(SOME)):
        yield Finding("A6", release.where, (label,), f"{label} = {persons}: zeros are never published")
    if rows["definition"].nunique() > 1:
        yield Finding("A6", release.where, (), "more than one definition in a release")
    for _, label, persons in labelled(rows[(rows["persons"] > 0) & (rows["persons"] < k)].head(SOME)):
        yield Finding("A1", release.where, (label,), f"{label} = {persons} persons, below {k}")


def candidate_findings(history: History, release: Release) -> Iterator[Finding]:
    """First write wins: a candidate is the next release of its date, never one that was published."""
    earlier = [other.key[2] for other in history.of(*release.key[:2]) if other.key != release.key]
    if release.key in history.releases:
        yield Finding("A6", release.where, (), "this release was published before; first write wins")
    if any(number > release.key[2] for number in earlier):
        yield Finding("A6", release.where, (), "a later release of the date was published before")

"""A6 on the frame itself: columns, types, nulls, levels, doubles, indicators that are not published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping

import pandas as pd

from popflow.audit.history import KEY, PLACE, Night, Part, Release
from popflow.audit.tree import labelled
from popflow.audit.verdict import Finding
from popflow.contracts import Area
from popflow.indicators import Indicator
from popflow.tables import Table

SOME = 5
LAST_RELEASE = 2  # of a date: from three releases single persons can be worked out


def frame_findings(rows: pd.DataFrame, contract: Table, known: Collection[str], where: str) -> Iterator[Finding]:
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
    yield from indicator_findings(rows["indicator"].unique(), known, where)


def indicator_findings(indicators: Iterable[object], known: Collection[str], where: str) -> Iterator[Finding]:
    """A6 for every indicator that is unknown."""
    for name in sorted(set(map(str, indicators)) - set(known)):
        yield Finding("A6", where, (), f"indicator '{name}' is unknown, and nothing that is unknown is published")


def retired_text(rows: int | str, retired: Iterable[str]) -> str:
    """What a verdict says of rows that are not attacked."""
    return (
        f"{rows} rows of {' and '.join(retired)} are not attacked: published under earlier rules, known to be open to "
        "subtraction (docs/explanation/disclosure.md)"
    )


def release_findings(release: Release, areas: Mapping[str, Area], of: Indicator) -> Iterator[Finding]:
    """What is wrong with the rows of one release as a whole."""
    rows = release.rows
    if rows["definition"].nunique() > 1:
        yield Finding("A6", release.where, (), "more than one definition in a release")
    for _, label, _ in labelled(release.without_chain(areas, of)):
        yield Finding("A6", release.where, (label,), f"{label} is not a cell of the chain that night, nor of any chain")


def part_findings(part: Part, k: int) -> Iterator[Finding]:
    """What is wrong with the rows of one chain of a release, whatever they count."""
    rows = part.rows
    for _, label, _ in labelled(rows[rows.duplicated([*KEY, *PLACE], keep=False)].head(SOME)):
        yield Finding("A6", part.where, (label,), f"{label} stands more than once")
    for _, label, persons in labelled(rows[rows["persons"] <= 0].head(SOME)):
        yield Finding("A6", part.where, (label,), f"{label} = {persons}: zeros are never published")
    for _, label, persons in labelled(rows[(rows["persons"] > 0) & (rows["persons"] < k)].head(SOME)):
        yield Finding("A1", part.where, (label,), f"{label} = {persons} persons, below {k}")


def candidate_findings(night: Night) -> Iterator[Finding]:
    """A candidate is the first or the second release of its date, never one that was published: first write wins."""
    if night.candidate is None:
        return
    releases = [release for release in night.releases if release.key[0] == night.candidate[0]]
    newest = releases[-1]
    candidate = next(release for release in reversed(releases) if release.key == night.candidate)
    if any(release.key == night.candidate for release in releases if release is not candidate):
        yield Finding("A6", candidate.where, (), "this release was published before; first write wins")
    if candidate.key[2] > LAST_RELEASE:
        yield Finding("A6", candidate.where, (), "a date is corrected once, and this would be its third release")
    if newest is not candidate:
        yield Finding("A6", candidate.where, (), "a later release of the date was published before")

"""The audit of a lake as it stands: `popflow audit --lake DIR`. Reads by delta-rs, without Java."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd

from popflow.audit.auditor import audit
from popflow.audit.blocks import days_of
from popflow.audit.counts import wide_atoms
from popflow.audit.history import Candidate, ReleaseKey
from popflow.audit.verdict import Finding, Verdict
from popflow.geography.cells import covered_counties
from popflow.lake import Lake

Covered = Callable[[dt.date], Collection[str]]


def audit_lake(
    lake: Lake,
    *,
    candidate: Candidate | None = None,
    candidate_mnos: Collection[str] = (),
    covered: Covered | None = None,
    time_limit_s: float | None = None,
    **options: Any,
) -> Verdict:
    """Audit everything that a lake has published, and a candidate where there is one.

    covered: the counties with a cell on a date; where it is not given, those that `cell_to_county` names as the county
    of a cell on it (the largest share, ties to the smaller code). A block has those of all its dates. time_limit_s:
    60 s a release where not given.
    options: as for `audit`. Never raises for what it reads: a history that cannot be read is a verdict that is not ok.
    """
    try:
        version = published_version(lake)
        rows = lake.read_pandas("flows") if lake.exists("flows") else _nothing(lake, "flows")
        keys = _keys(rows) | (_keys(candidate.rows) | _keys(candidate.atoms) if candidate else set())
        night: dict[str, Any] = {
            "covered": _covered_by_release(keys, covered or _covered(lake)),
            "mnos": _mnos(lake) | {key: tuple(candidate_mnos) for key in (_keys(candidate.atoms) if candidate else ())},
        }
    except Exception as fault:  # noqa: BLE001 - whatever it is, without a verdict nothing is published
        finding = Finding("A8", "audit", (), f"the history cannot be read: {type(fault).__name__}")
        return Verdict(False, (finding,), {}, 0.0, "")
    limit = time_limit_s if time_limit_s is not None else 60.0 * max(len(keys), 1)
    return audit(
        rows,
        lambda indicator, date, release: wide_atoms(
            lake.read_arrow("atoms", indicator=indicator, date=date, release=release)
        ),
        candidate=candidate,
        areas=lake.contracts.areas,
        rules=lake.contracts.disclosure,
        contract=lake.contracts.table("flows"),
        time_limit_s=limit,
        history_version=version,
        **night,
        **options,
    )


def published_version(lake: Lake) -> int:
    """How often anything was committed to `flows`: a verdict holds for what was published when it was given."""
    return lake.commits("flows")


def _nothing(lake: Lake, name: str) -> pd.DataFrame:
    return lake.contracts.table(name).arrow_schema().empty_table().to_pandas()


def _keys(frame: pd.DataFrame) -> set[ReleaseKey]:
    distinct = frame[["indicator", "date", "release"]].drop_duplicates()
    return {(str(i), pd.Timestamp(d).date(), int(r)) for i, d, r in distinct.itertuples(index=False)}


def _mnos(lake: Lake) -> dict[ReleaseKey, tuple[str, ...]]:
    if not lake.exists("releases"):
        return {}
    releases = lake.read_pandas("releases")
    released = releases[releases["status"] != "withdrawn"]
    return {
        (str(i), pd.Timestamp(d).date(), int(r)): tuple(mnos)
        for i, d, r, mnos in zip(*(released[c] for c in ("indicator", "date", "release", "mnos")), strict=True)
    }


def _covered_by_release(keys: set[ReleaseKey], covered: Covered) -> Mapping[ReleaseKey, Collection[str]]:
    dates = {key: days_of(key[1]) if key[0] == "outflow_block" else [key[1]] for key in keys}
    on = {date: frozenset(covered(date)) for date in {date for of_key in dates.values() for date in of_key}}
    return {key: frozenset().union(*(on[date] for date in of_key)) for key, of_key in dates.items()}


def _covered(lake: Lake) -> Covered:
    cells = lake.read_pandas("cell_to_county")
    return lambda date: covered_counties(cells, date)

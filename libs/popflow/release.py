"""From a date's exact flows to its release: the gate, the auditor, and the commit; nothing without all three."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable, Sequence

from popflow.audit import Candidate, Verdict, audit_lake
from popflow.disclosure import OUTFLOW, ProtectedTable, protect_flows
from popflow.errors import PopflowError
from popflow.geography.cells import covered_counties
from popflow.lake import Lake
from popflow.movement.definition import CARRY_DAYS, DEFINITION
from popflow.publish.releases import Run, all_releases, publish

FIRST = 1
PASSED = "_audit/passed.json"  # what the last audit found good, by digest: it need not be attacked again


def release_outflow(lake: Lake, date: dt.date, mnos: Sequence[str], run_id: str) -> ProtectedTable:
    """Protect, audit and publish the first release of a date.

    Raises PopflowError, with nothing published, where the auditor finds anything.
    """
    table = protected_outflow(lake, date, mnos, FIRST)
    lake.replace(
        "atoms",
        lake.frame("atoms", table.atoms),
        indicator=table.indicator,
        date=date,
        release=FIRST,
    )
    verdict = audited(lake, table)
    publish(lake, table, verdict, Run(run_id, input_fingerprint(lake, date), tuple(mnos)))
    return table


def protected_outflow(lake: Lake, date: dt.date, mnos: Sequence[str], release: int) -> ProtectedTable:
    """The gate's table of a date's outflow, made of `flows_exact`."""
    return protect_flows(
        lake.read_pandas("flows_exact", date=date),
        date=date,
        release=release,
        areas=lake.contracts.areas,
        covered_counties=covered_lately(lake)(date),
        mnos=mnos,
        rules=lake.contracts.disclosure,
        definition=DEFINITION,
    )


def audited(lake: Lake, table: ProtectedTable) -> Verdict:
    """The auditor's verdict on a table together with all that was ever published."""
    verdict = audit_lake(
        lake,
        candidate=Candidate(table.rows, table.atoms),
        candidate_mnos=table.mnos,
        covered=covered_lately(lake),
        passed=json.loads(lake.read_text("restricted", PASSED) or "{}"),
    )
    if verdict.ok:
        lake.write_text("restricted", PASSED, json.dumps(dict(verdict.passed)))
    return verdict


def covered_lately(lake: Lake) -> Callable[[dt.date], list[str]]:
    """Counties that had a cell on a date or on one of the days for which a silent person's day end is carried."""
    cells = lake.read_pandas("cell_to_county")

    @functools.cache
    def on(date: dt.date) -> frozenset[str]:
        return frozenset(covered_counties(cells, date))

    def lately(date: dt.date) -> list[str]:
        return sorted(frozenset.union(*(on(date - dt.timedelta(days=n)) for n in range(CARRY_DAYS + 1))))

    return lately


def released_through(lake: Lake) -> dt.date | None:
    """The last date that was ever released, withdrawn since or not; None where none was."""
    return max((row["date"] for row in all_releases(lake) if row["indicator"] == OUTFLOW), default=None)


def input_fingerprint(lake: Lake, date: dt.date) -> str:
    """SHA-256 over the sorted fingerprints of the files that were taken in for a date."""
    files = lake.read_pandas("deliveries", delivery_date=date, status="accepted")
    if files.empty:
        raise PopflowError(f"no delivery of {date} was taken in: nothing to release")
    return hashlib.sha256("".join(sorted(files["sha256"])).encode()).hexdigest()

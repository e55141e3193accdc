"""A night's releases: gate, auditor and commit of a date; nothing without all three.

What a date has released before stays as it is: a night that is run again does what is left to do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from popflow.audit import Verdict, stamp_published
from popflow.disclosure import ProtectedCounts, ProtectedTable
from popflow.errors import NotTold
from popflow.hundreds import Hundreds
from popflow.lake import Lake
from popflow.release.candidates import FIRST, audited, input_fingerprint, protected
from popflow.release.commit import FIRST_RELEASE, Run, keep_base_cells, publish
from popflow.release.counts import audited_counts, protected_counts, publish_counts, stamp_counts, why_untold
from popflow.release.ledger import record_releases, releases_of
from popflow.release.persons import departures, keep_persons


@dataclass
class Released:
    """What one night released: tables of chains and in hundreds by indicator; sentences on what it did not, and why."""

    tables: dict[str, ProtectedTable] = field(default_factory=dict)
    counts: dict[str, ProtectedCounts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    audit_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def tell(self, verdict: Verdict) -> None:
        """Take up how long an audit took, and warn where that is more than half of the time it has."""
        self.audit_seconds += verdict.seconds
        if verdict.seconds > verdict.limit_s / 2:
            self.warnings.append(
                f"the audit took {verdict.seconds:.0f} s of the {verdict.limit_s:.0f} s that it has; beyond them "
                "nothing is published (audit_seconds in disclosure.yaml)"
            )

    def leave_out(self, why: str) -> None:
        """Say that something is not told, and why, without a figure of any cell."""
        self.notes.append(why)
        self.warnings.append(why)

    @property
    def said(self) -> str:
        """All of it in words, without a figure of any cell."""
        made = [f"{name} {table.status} as release {table.release}" for name, table in self.tables.items()]
        made += [f"{name} {table.status}, {table.shown_percent} % shown" for name, table in self.counts.items()]
        return "; ".join([*made, *self.notes])


def release_date(lake: Lake, date: dt.date, mnos: Sequence[str], run_id: str, reason: str = FIRST_RELEASE) -> Released:
    """Protect, audit and publish each indicator of a date that was not released before.

    reason: what the release says of a night that went on without an MNO.
    Raises PopflowError, with nothing published, where the gate refuses or the auditor finds anything.
    """
    record_releases(lake)  # what a run that died between its two commits has left undone
    run = Run(run_id, input_fingerprint(lake, date), tuple(mnos), reason)
    released = Released()
    for name, indicator in lake.contracts.indicators.items():
        if releases_of(lake, name, date):
            released.notes.append(f"{name} of {date} was released before; first write wins")
            continue
        table = protected(lake, indicator, date, mnos)
        if indicator.correctable:
            keep_persons(lake, date, FIRST, departures(lake, indicator, lake.read("person_state", as_of=date)))
        released.tables[name] = commit(lake, table, run, released)
    for name, counted in lake.contracts.told.items():
        if releases_of(lake, name, date):
            released.notes.append(f"{name} of {date} was told before; first write wins")
        elif why := why_untold(lake, counted, date, mnos):
            released.leave_out(why)
        else:
            _tell_in_hundreds(lake, counted, date, run, released)
    if released.counts:
        stamp_counts(lake)
    return released


def _tell_in_hundreds(lake: Lake, indicator: Hundreds, date: dt.date, run: Run, released: Released) -> None:
    """Protect, audit and publish an indicator in hundreds. Raises PopflowError, with nothing of it published."""
    try:
        table = protected_counts(lake, indicator, date, run.mnos)
    except NotTold as why:
        released.leave_out(str(why))
        return
    verdict = audited_counts(lake, table)
    released.tell(verdict)
    publish_counts(lake, table, verdict, run)
    released.counts[indicator.indicator] = table


def commit(lake: Lake, table: ProtectedTable, run: Run, released: Released | None = None) -> ProtectedTable:
    """Audit a protected table and publish it. Raises PopflowError, with nothing published, for any finding.

    released: is told what the audit took, and a warning where that was more than half of its time.
    """
    verdict = audited(lake, table)
    if released is not None:
        released.tell(verdict)
    if verdict.ok:
        keep_base_cells(lake, table)
    publish(lake, table, verdict, run)
    stamp_published(lake, verdict, table.date)
    return table

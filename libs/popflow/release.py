"""From a date's exact tables to its releases: the gate, the auditor, and the commit; nothing without all three.

What a date has released before stays as it is: a night that is run again does what is left to do.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from popflow.audit import Candidate, Verdict, audit_lake, stamp_published
from popflow.disclosure import OUTFLOW, ProtectedTable, protect_flows, read_exact
from popflow.errors import PopflowError
from popflow.geography.cells import county_periods, covered_between
from popflow.lake import Lake
from popflow.movement.definition import CARRY_DAYS, DEFINITION
from popflow.movement.headcounts import MNOs
from popflow.movement.places import chains, lies_in, prefecture
from popflow.publish.releases import FIRST_RELEASE, Run, all_releases, publish, record_releases

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FIRST = 1
ONE_DAY = dt.timedelta(days=1)


@dataclass
class Released:
    """What one night released: the tables by indicator, and sentences on what it did not release and why."""

    tables: dict[str, ProtectedTable] = field(default_factory=dict)
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

    @property
    def said(self) -> str:
        """All of it in words, without a figure of any cell."""
        made = [f"{name} {table.status} as release {table.release}" for name, table in self.tables.items()]
        return "; ".join([*made, *self.notes])


def release_date(lake: Lake, date: dt.date, mnos: Sequence[str], run_id: str, reason: str = FIRST_RELEASE) -> Released:
    """Protect, audit and publish a date's outflow, unless it was released before.

    reason: what the release says of a night that went on without an MNO.
    Raises PopflowError, with nothing published, where the gate refuses or the auditor finds anything.
    """
    record_releases(lake)  # what a run that died between its two commits has left undone
    run = Run(run_id, input_fingerprint(lake, date), tuple(mnos), reason)
    released = Released()
    if releases_of(lake, OUTFLOW, date):
        released.notes.append(f"{OUTFLOW} of {date} was released before; first write wins")
    else:
        table = protected_outflow(lake, date, mnos)
        keep_persons(lake, date, FIRST, departures(lake.read("person_state", as_of=date), lake))
        released.tables[OUTFLOW] = commit(lake, table, run, released)
    return released


def protected_outflow(lake: Lake, date: dt.date, mnos: Sequence[str]) -> ProtectedTable:
    """The gate's table of a date's outflow, made of `flows_exact`."""
    ends = day_end_counties(lake)
    return protect_flows(
        read_exact(lake.read_arrow("flows_exact", date=date)),
        areas=lake.contracts.areas,
        covered_counties=ends(date),
        covered_before=ends(date - ONE_DAY),
        date=date,
        release=FIRST,
        mnos=mnos,
        rules=lake.contracts.disclosure,
        definition=DEFINITION,
    )


def commit(lake: Lake, table: ProtectedTable, run: Run, released: Released | None = None) -> ProtectedTable:
    """Audit a protected table and publish it. Raises PopflowError, with nothing published, for any finding.

    released: is told what the audit took, and a warning where that was more than half of its time.
    """
    verdict = audited(lake, table)
    if released is not None:
        released.tell(verdict)
    if verdict.ok:
        keep_atoms(lake, table)
    publish(lake, table, verdict, run)
    stamp_published(lake, verdict, table.date)
    return table


def audited(lake: Lake, table: ProtectedTable) -> Verdict:
    """The auditor's verdict on a table, with the other releases of its date and all that bears no stamp."""
    candidate = Candidate(table.rows, table.atoms)
    return audit_lake(lake, candidate=candidate, candidate_mnos=table.mnos, covered=day_end_counties(lake))


def audited_history(lake: Lake, every: bool = False) -> Verdict:
    """The auditor's verdict on the newest date and all that bears no stamp that holds; every: on all dates."""
    return audit_lake(lake, covered=day_end_counties(lake), every=every)


def keep_atoms(lake: Lake, table: ProtectedTable) -> None:
    """Keep the exact cells behind a release, as long as their contract says."""
    name = {"indicator": table.indicator, "date": table.date, "release": table.release}
    lake.replace("atoms", lake.frame("atoms", table.atoms), **name)


def departures(state: DataFrame, lake: Lake) -> DataFrame:
    """Persons who left a prefecture of a chain on a date, each with what they count as.

    In: person_state of the date. Out: person_key, origin_county, destination_county, registered, mno_mask.
    """
    from pyspark.sql import functions as F

    inside = functools.reduce(
        lambda a, b: a | b, (lies_in(F.col("origin_county"), area) for area in chains(lake.contracts.areas).values())
    )
    moved = prefecture(F.col("origin_county")) != prefecture(F.col("day_end_county"))
    destination = F.col("day_end_county").alias("destination_county")
    return state.where(inside & moved).select("person_key", "origin_county", destination, "registered", "mno_mask")


def keep_persons(lake: Lake, date: dt.date, release: int, persons: DataFrame) -> None:
    """Keep whom a release counted where, for corrections, as long as person tables are kept."""
    from pyspark.sql import functions as F

    frame = persons.select(F.lit(date).alias("date"), F.lit(release).alias("release"), "*")
    lake.replace("released_persons", frame, date=date, release=release)


def releases_of(lake: Lake, indicator: str, date: dt.date) -> list[dict[str, Any]]:
    """Every release of a date that somebody may have read, withdrawn since or not, in their order."""
    rows = (row for row in all_releases(lake) if row["indicator"] == indicator and row["date"] == date)
    return [row for row in rows if row["status"] != "withdrawn"]


def released_through(lake: Lake) -> dt.date | None:
    """The last date that was ever released, withdrawn since or not; None where none was."""
    return max((row["date"] for row in all_releases(lake) if row["indicator"] == OUTFLOW), default=None)


def bits_of(lake: Lake, mnos: Sequence[str]) -> MNOs:
    """The MNOs of a night with their bit in mno_mask."""
    bits = lake.contracts.mno_bits()
    return {mno: bits[mno] for mno in mnos}


def day_end_counties(lake: Lake) -> Callable[[dt.date], list[str]]:
    """Counties in which a date can have ended for somebody, by METHODS.md sections 3 to 6.

    A day end is carried for CARRY_DAYS days of silence. It is a county in which the SIM was seen on its own day or, if
    the run in which the person came across midnight outlasts what was seen after it, on the day before.
    """
    periods = county_periods(lake.read_arrow("cell_to_county"))
    return lambda date: covered_between(periods, date - ONE_DAY * (CARRY_DAYS + 1), date)


def input_fingerprint(lake: Lake, date: dt.date) -> str:
    """SHA-256 over the sorted fingerprints of the files that were taken in for a date."""
    files = lake.read_pandas("deliveries", delivery_date=date, status="accepted")
    if files.empty:
        raise PopflowError(f"no delivery of {date} was taken in: nothing to release")
    return hashlib.sha256("".join(sorted(files["sha256"])).encode()).hexdigest()

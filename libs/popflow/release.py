"""From a date's exact tables to its releases: the gate, the auditor, and the commit; nothing without all three.

Every date releases its outflow. The last day of a block also releases the block's outflow and the stock. What a date
has released before stays as it is: a night that is run again does what is left to do.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from popflow.audit import Candidate, Verdict, audit_lake, stamp_published
from popflow.disclosure import (
    OUTFLOW,
    OUTFLOW_BLOCK,
    STOCK,
    ProtectedTable,
    ReleasedDay,
    protect_blocks,
    protect_flows,
    protect_stock,
    read_exact,
)
from popflow.errors import PopflowError
from popflow.geography.cells import covered_counties
from popflow.lake import Lake
from popflow.movement.definition import BLOCK_ANCHOR, CARRY_DAYS, DEFINITION, block_end, block_start
from popflow.movement.flows import block_departures
from popflow.movement.headcounts import MNOs
from popflow.movement.places import chains, lies_in, nested_groups, prefecture
from popflow.publish.releases import FIRST_RELEASE, Run, all_releases, publish, record_releases

if TYPE_CHECKING:
    import pandas as pd
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
    """Protect, audit and publish what a date has not released yet; at a block's end the block and the stock too.

    reason: what the release says of a night that went on without an MNO.
    Raises PopflowError, with nothing published of the indicator at which it stops, where the gate refuses or the
    auditor finds anything.
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
    if date == block_end(date) and date >= BLOCK_ANCHOR:
        _release_block_end(lake, date, run, released)
    return released


def _release_block_end(lake: Lake, date: dt.date, run: Run, released: Released) -> None:
    obstacles = {OUTFLOW_BLOCK: block_obstacle(lake, date, run.mnos), STOCK: stock_obstacle(lake, date)}
    made = {OUTFLOW_BLOCK: protected_block, STOCK: protected_stock}
    for indicator, obstacle in obstacles.items():
        if releases_of(lake, indicator, date):
            released.notes.append(f"{indicator} of {date} was released before; first write wins")
        elif obstacle:
            released.notes.append(f"no {indicator} of {date}: {obstacle}")
        else:
            released.tables[indicator] = commit(lake, made[indicator](lake, date, run.mnos), run)


def block_obstacle(lake: Lake, date: dt.date, mnos: Sequence[str]) -> str | None:
    """Why the block that ends on a date cannot be released, as the end of a sentence; None where it can.

    Its departures must be those of 14 nights, each of them released, all of the same MNOs.
    """
    days = block_days(date)
    of_day = {day: releases_of(lake, OUTFLOW, day) for day in days}
    if missing := [str(day) for day, found in of_day.items() if not found]:
        return f"of its 14 dates {missing[0]} was never released ({len(missing)} such dates)"
    other = [day for day, found in of_day.items() if any(set(one["mnos"]) != set(mnos) for one in found)]
    return f"{other[0]} was released of other MNOs than {date}" if other else None


def stock_obstacle(lake: Lake, date: dt.date) -> str | None:
    """Why the stock of a date cannot be released; None where it can: its stays must be those of 14 nights."""
    known = {one["date"] for one in lake.partitions("stock_exact")}
    missing = [day for day in map(str, block_days(date)) if day not in known]
    return f"the night of {missing[0]} has not run, and a stay of that day would be missed" if missing else None


def protected_outflow(lake: Lake, date: dt.date, mnos: Sequence[str]) -> ProtectedTable:
    """The gate's table of a date's outflow, made of `flows_exact`."""
    return protect_flows(
        read_exact(lake.read_arrow("flows_exact", date=date)),
        areas=lake.contracts.areas,
        covered_counties=covered_lately(lake)(date),
        released_blocks=released_blocks(lake),
        **_about(lake, date, FIRST, mnos),
    )


def protected_block(lake: Lake, date: dt.date, mnos: Sequence[str]) -> ProtectedTable:
    """The gate's table of the block that ends on a date, of `person_state`, beside every release of its days."""
    left = block_departures(lake.read("person_state", as_of=date), bits_of(lake, mnos)).toPandas()
    ends = {"origin_prefecture": "origin_county", "destination_prefecture": "destination_county"}
    covered = covered_lately(lake)
    return protect_blocks(
        left.rename(columns=ends).drop(columns="chain"),
        areas=lake.contracts.areas,
        covered_counties=covered_in_block(covered, date),
        days=released_days(lake, block_days(date), covered),
        **_about(lake, date, FIRST, mnos),
    )


def protected_stock(lake: Lake, date: dt.date, mnos: Sequence[str]) -> ProtectedTable:
    """The gate's table of those who stayed in an area in the 14 days up to a date, made of `stock_exact`."""
    groups = {
        chain: [f"stayed_in_{group}" for group in members.values()]
        for chain, members in nested_groups(lake.contracts.areas).items()
    }
    return protect_stock(
        read_exact(lake.read_arrow("stock_exact", date=date)),
        groups=groups,
        covered_counties=covered_lately(lake)(date),
        **_about(lake, date, FIRST, mnos),
    )


def _about(lake: Lake, date: dt.date, release: int, mnos: Sequence[str]) -> dict[str, Any]:
    rules = lake.contracts.disclosure
    return {"date": date, "release": release, "mnos": mnos, "rules": rules, "definition": DEFINITION}


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
    return audit_lake(lake, candidate=candidate, candidate_mnos=table.mnos, covered=covered_lately(lake))


def audited_history(lake: Lake, every: bool = True) -> Verdict:
    """The auditor's verdict on all that was ever published; without every, on what bears no stamp that holds."""
    return audit_lake(lake, covered=covered_lately(lake), every=every)


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


def released_days(
    lake: Lake, dates: Sequence[dt.date], covered: Callable[[dt.date], Sequence[str]]
) -> list[ReleasedDay]:
    """Every release of the outflow of some dates, with its rows, its atoms and the counties that had a cell."""
    return [
        ReleasedDay(date, *rows_and_atoms(lake, date, int(row["release"])), covered_counties=covered(date))
        for date in dates
        for row in releases_of(lake, OUTFLOW, date)
    ]


def rows_and_atoms(lake: Lake, date: dt.date, release: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a release of a date's outflow published, and the exact cells behind it."""
    name: dict[str, Any] = {"indicator": OUTFLOW, "date": date, "release": release}
    return lake.read_pandas("flows", **name), read_exact(lake.read_arrow("atoms", **name))


def released_blocks(lake: Lake) -> list[dt.date]:
    """Last days of the blocks that were ever released: their dates are closed."""
    return sorted({row["date"] for row in all_releases(lake) if row["indicator"] == OUTFLOW_BLOCK})


def released_through(lake: Lake) -> dt.date | None:
    """The last date that was ever released, withdrawn since or not; None where none was."""
    return max((row["date"] for row in all_releases(lake) if row["indicator"] == OUTFLOW), default=None)


def block_days(date: dt.date) -> list[dt.date]:
    """The dates of the block that a date lies in, up to it."""
    first = block_start(date)
    return [first + ONE_DAY * number for number in range((date - first).days + 1)]


def bits_of(lake: Lake, mnos: Sequence[str]) -> MNOs:
    """The MNOs of a night with their bit in mno_mask."""
    bits = lake.contracts.mno_bits()
    return {mno: bits[mno] for mno in mnos}


def covered_lately(lake: Lake) -> Callable[[dt.date], list[str]]:
    """Counties that had a cell on a date or on one of the days for which a silent person's day end is carried."""
    cells = lake.read_pandas("cell_to_county")

    @functools.cache
    def on(date: dt.date) -> frozenset[str]:
        return frozenset(covered_counties(cells, date))

    def lately(date: dt.date) -> list[str]:
        return sorted(frozenset.union(*(on(date - ONE_DAY * n) for n in range(CARRY_DAYS + 1))))

    return lately


def covered_in_block(covered: Callable[[dt.date], Sequence[str]], date: dt.date) -> list[str]:
    """Counties that a release of some day of a block could name."""
    return sorted({county for day in block_days(date) for county in covered(day)})


def input_fingerprint(lake: Lake, date: dt.date) -> str:
    """SHA-256 over the sorted fingerprints of the files that were taken in for a date."""
    files = lake.read_pandas("deliveries", delivery_date=date, status="accepted")
    if files.empty:
        raise PopflowError(f"no delivery of {date} was taken in: nothing to release")
    return hashlib.sha256("".join(sorted(files["sha256"])).encode()).hexdigest()

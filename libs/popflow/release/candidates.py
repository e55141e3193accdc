"""What may become a release: a date's protected table, what its gate needs to know, and the auditor's verdict on it."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from popflow.audit import Candidate, Each, Verdict, audit_counts_lake, audit_lake, wide_base_cells
from popflow.dates import ONE_DAY
from popflow.disclosure import ProtectedTable, protect_flows, read_exact
from popflow.errors import PopflowError
from popflow.geography.cells import county_periods, covered_between
from popflow.indicators import Indicator
from popflow.lake import Lake
from popflow.movement.definition import CARRY_DAYS
from popflow.movement.headcounts import MNOs
from popflow.session import in_tasks

FIRST = 1


MANY_CELLS = 500_000  # from here on gate and auditor are called in tasks: one chain of a nation is below 1 GB there


def protected(lake: Lake, indicator: Indicator, date: dt.date, mnos: Sequence[str]) -> ProtectedTable:
    """The gate's table of an indicator's date, made of its exact table."""
    ends, exact = day_end_counties(lake), lake.read_arrow(indicator.exact, date=date)
    return protect_flows(
        read_exact(exact),
        indicator=indicator,
        areas=lake.contracts.areas,
        covered_counties=ends(date),
        covered_before=ends(date - ONE_DAY),
        date=date,
        release=FIRST,
        mnos=mnos,
        rules=lake.contracts.disclosure,
        each=_over_chains(lake, exact.num_rows),
    )


def _over_chains(lake: Lake, cells: int) -> Each:
    """How gate and auditor are called for each chain of a release."""
    return functools.partial(in_tasks, lake.spark) if cells >= MANY_CELLS else map


def audited(lake: Lake, table: ProtectedTable) -> Verdict:
    """The auditor's verdict on a table, with the other releases of its date and all that bears no stamp."""
    candidate = Candidate(table.rows, wide_base_cells(table.base_cells_table))
    return audit_lake(
        lake,
        candidate=candidate,
        candidate_mnos=table.mnos,
        covered=day_end_counties(lake),
        each=_over_chains(lake, len(candidate.base_cells)),
    )


def audited_history(lake: Lake, every: bool = False) -> Verdict:
    """The auditor's verdict on the newest date and all that bears no stamp that holds; every: on all dates."""
    chains = audit_lake(lake, covered=day_end_counties(lake), every=every)
    hundreds = audit_counts_lake(lake, covered=day_end_counties(lake), every=every)
    return replace(chains.with_(hundreds), planted=(*chains.planted, *hundreds.planted))


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

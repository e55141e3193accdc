"""Figures in hundreds of a date: gate, auditor and commit, each told once; nothing without all three.

They are told after the flows of their date and with the same MNOs. What was told stays; nothing is corrected.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from popflow import __version__
from popflow.audit import CountsCandidate, Verdict, audit_counts_lake, counts_digest
from popflow.contracts import chains
from popflow.dates import ONE_DAY
from popflow.disclosure import Arrived, ProtectedCounts, arrived, finest_cells, protect_counts, read_exact
from popflow.errors import PopflowError
from popflow.hundreds import Hundreds
from popflow.lake import Lake
from popflow.offset_key import CHECK, key_check, offset_key
from popflow.release.candidates import day_end_counties
from popflow.release.commit import Run
from popflow.release.ledger import now, record_releases, releases_of


def protected_counts(lake: Lake, indicator: Hundreds, date: dt.date, mnos: Sequence[str]) -> ProtectedCounts:
    """The gate's table of an indicator in hundreds, made of its exact table of a date."""
    return protect_counts(
        lake.read_arrow(indicator.exact, date=date).to_pandas(date_as_object=True, maps_as_pydicts="strict"),
        trees=_arrived(lake, date, mnos) if indicator.movers else None,
        indicator=indicator,
        date=date,
        mnos=mnos,
        rules=lake.contracts.disclosure,
        key=offset_key(lake),
        counties=day_end_counties(lake)(date),
    )


def _arrived(lake: Lake, date: dt.date, mnos: Sequence[str]) -> Arrived:
    """What the flows of a date show and hide of arrivals; of its one release."""
    moves, ends = lake.contracts.headline, day_end_counties(lake)
    name = {"indicator": moves.indicator, "date": date, "release": 1}
    cells = lake.read_arrow("base_cells", **name)
    return arrived(
        lake.read_pandas("flows", **name),
        finest_cells(read_exact(cells), mnos),
        chains(moves.areas_of(lake.contracts.areas)),
        ends(date - ONE_DAY),
        ends(date),
        mnos,
    )


def audited_counts(lake: Lake, table: ProtectedCounts) -> Verdict:
    """The auditor's verdict on a table in hundreds, and on all such figures that bear no stamp."""
    candidate = CountsCandidate(table.indicator, table.date, table.rows_table, table.mnos, table.draws)
    return audit_counts_lake(lake, candidate=candidate, covered=day_end_counties(lake))


def publish_counts(lake: Lake, table: ProtectedCounts, verdict: Verdict, run: Run) -> bool:
    """Commit a table in hundreds with the auditor's verdict on exactly it; True if it was written by this call.

    Raises PopflowError, and writes nothing, without a verdict, with a bad one, or with one on anything else.
    """
    name = f"{table.indicator} of {table.date}"
    if not isinstance(table, ProtectedCounts):
        raise PopflowError("only a ProtectedCounts can be published; disclosure.protect_counts makes one")
    table.refuse_if_changed()
    if not isinstance(verdict, Verdict):
        raise PopflowError(f"{name}: not published, there is no verdict of the auditor")
    if not verdict.ok:
        raise PopflowError(f"{name}: not published, the auditor found {verdict.summary()}")
    if verdict.digest != counts_digest(table.rows_table, lake):
        raise PopflowError(f"{name}: not published, the auditor's verdict is on another table or history than this")
    said = json.dumps(_release_row(table, run) | {CHECK: key_check(offset_key(lake))})
    written = lake.append_once("counts", table.rows_table, f"counts/{table.indicator}/{table.date}", said)
    record_releases(lake)
    return written


def stamp_counts(lake: Lake) -> None:
    """Look at what was told as it stands now, and stamp it. Raises PopflowError for any finding."""
    verdict = audit_counts_lake(lake, covered=day_end_counties(lake), plant=False)
    if not verdict.ok:
        raise PopflowError(f"{lake.path('counts')}: the auditor found {verdict.summary()} in what was published")


def why_untold(lake: Lake, indicator: Hundreds, date: dt.date, mnos: Sequence[str]) -> str | None:
    """Why a date cannot be told in hundreds, whatever its figures are; None where it can.

    Its flows have to be released with exactly these MNOs, since what two figures of a date tell beside each other was
    looked at for one set of MNOs; and its exact table has to be there: an earlier popflow made none.
    """
    name = indicator.indicator
    for chain in lake.contracts.indicators:
        released = releases_of(lake, chain, date)
        if not released or any(set(row["mnos"]) != set(mnos) for row in released):
            there = " and ".join(sorted({", ".join(row["mnos"]) for row in released})) or "nobody yet"
            return f"{name} of {date} is not told: {chain} was released with {there}, this would be {', '.join(mnos)}"
        if indicator.movers and len(released) > 1:
            return f"{name} of {date} is not told: {chain} of the date was corrected"
    if not lake.exists(indicator.exact) or not lake.read_arrow(indicator.exact, ["persons"], date=date).num_rows:
        return f"{name} of {date} is not told: {indicator.exact} has nothing of it; the next dates have"
    return None


def _release_row(table: ProtectedCounts, run: Run) -> dict[str, Any]:
    return {
        "indicator": table.indicator,
        "date": str(table.date),
        "release": table.release,
        "status": table.status,
        "code_version": __version__,
        "definition": table.definition,
        "persons_rounded": 0,
        "pair_share_percent": 0,
        "county_share_percent": table.shown_percent,
        "released_at_utc": now(),
    } | {name: list(value) if name == "mnos" else value for name, value in asdict(run).items()}

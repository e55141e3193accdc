"""Commit of a protected table with the auditor's verdict on exactly it; nothing without both.

A run that dies anywhere and is started again ends in the same data: the commit bears an application id of its own for
each indicator, date and release, so that Delta itself drops a repetition.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from popflow import __version__
from popflow.audit import Verdict, audited_digest, published_version, wide_base_cells
from popflow.disclosure import ProtectedTable
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.release.ledger import now, record_releases

FIRST_RELEASE = "first release"
THE_NIGHT = "the night"


@dataclass(frozen=True)
class Run:
    """What a release says of the run that made it."""

    run_id: str
    input_fingerprint: str
    mnos: tuple[str, ...]
    reason: str = FIRST_RELEASE
    signed_by: str = THE_NIGHT


def publish(lake: Lake, table: ProtectedTable, verdict: Verdict, run: Run) -> bool:
    """Commit a protected table with the auditor's verdict on exactly it; True if it was written by this call.

    Raises PopflowError, and writes nothing, without a verdict, with a bad one, or with one on anything else: on another
    table, or on a history to which something was added since.
    """
    _refuse_unless_audited(lake, table, verdict)
    frame = lake.frame("flows", table.rows)
    app_id = f"flows/{table.indicator}/{table.date}/{table.release}"
    written = lake.append_once("flows", frame, app_id, json.dumps(_release_row(lake, table, run)))
    record_releases(lake)
    return written


def keep_base_cells(lake: Lake, table: ProtectedTable) -> None:
    """Keep the exact cells behind a release, as long as their contract says."""
    name = {"indicator": table.indicator, "date": table.date, "release": table.release}
    lake.replace("base_cells", table.base_cells_table, **name)


def rounded(figure: int, to: int) -> int:
    """A national figure as it may stand outside the published rows."""
    return int(round(figure / to) * to)


def _refuse_unless_audited(lake: Lake, table: ProtectedTable, verdict: Verdict) -> None:
    if not isinstance(table, ProtectedTable):
        raise PopflowError("only a ProtectedTable can be published; disclosure.protect makes one")
    table.refuse_if_changed()
    name = f"{table.indicator} of {table.date}, release {table.release}"
    if not isinstance(verdict, Verdict):
        raise PopflowError(f"{name}: not published, there is no verdict of the auditor")
    if not verdict.ok:
        raise PopflowError(f"{name}: not published, the auditor found {verdict.summary()}")
    if verdict.digest != audited_digest(table.rows, wide_base_cells(table.base_cells_table), published_version(lake)):
        raise PopflowError(f"{name}: not published, the auditor's verdict is on another table or history than this")


def _percent_shown(lake: Lake, table: ProtectedTable, origin: str) -> int:
    """Share of persons that is shown from an origin's level to counties; 0 where the chain does not go so far."""
    steps = lake.contracts.indicator(table.indicator).steps
    names = [one.step for one in steps if (one.origin, one.destination) == (origin, "county")]
    return round(100 * table.shares[names[0]]) if names else 0


def _release_row(lake: Lake, table: ProtectedTable, run: Run) -> dict[str, Any]:
    rules = lake.contracts.disclosure
    return {
        "indicator": table.indicator,
        "date": str(table.date),
        "release": table.release,
        "status": "empty" if table.rows.empty else "released",
        "code_version": __version__,
        "definition": table.definition,
        "persons_rounded": rounded(table.root_persons, rules.figures_rounded_to),
        "pair_share_percent": _percent_shown(lake, table, "county"),
        "county_share_percent": _percent_shown(lake, table, "prefecture"),
        "released_at_utc": now(),
    } | {name: list(value) if name == "mnos" else value for name, value in asdict(run).items()}

"""One release of one date is one Delta commit to `flows`; `releases` is a second one, made from the first's metadata.

A run that dies anywhere and is started again ends in the same data: the first commit bears an application id of its
own for each indicator, date and release, so that Delta itself drops a repetition, and the second is made of what the
first's commits say and `releases` does not hold yet.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import asdict, dataclass
from typing import Any

from popflow import __version__
from popflow.audit import Verdict, audited_digest, published_version
from popflow.disclosure import ProtectedTable
from popflow.errors import PopflowError
from popflow.lake import Lake

FIRST_RELEASE = "first release"
THE_NIGHT = "the night"
RECENT_COMMITS = 20  # looked at first; a night that died left one or two to be recorded


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


def record_releases(lake: Lake) -> int:
    """Bring `releases` up to what the commits of `flows` say; the number of rows added.

    In the order of the commits: so what is missing is what the newest ones say, and no older one is read again.
    """
    known = {(row["indicator"], str(row["date"]), row["release"]) for row in all_releases(lake)}
    new: list[dict[str, Any]] = []
    for newest in (RECENT_COMMITS, None):
        said = [json.loads(one["userMetadata"]) for one in lake.history("flows", newest) if one.get("userMetadata")]
        new = list(itertools.takewhile(lambda row: (row["indicator"], row["date"], row["release"]) not in known, said))
        if len(new) < len(said):
            break
    for row in reversed(new):
        _append_release(lake, row)
    return len(new)


def withdraw(lake: Lake, indicator: str, date: dt.date, reason: str, signed_by: str) -> int:
    """Stop serving the newest release of a date; the notice stays. Returns the release's number.

    Raises PopflowError without a reason or a name, or where nothing is served.
    """
    refuse_unsigned(reason, signed_by)
    newest = served_release(lake, indicator, date)
    notice = {"status": "withdrawn", "reason": reason, "signed_by": signed_by, "released_at_utc": _now()}
    _append_release(lake, newest | notice | {"date": str(date), "mnos": list(newest["mnos"])})
    return int(newest["release"])


def served_release(lake: Lake, indicator: str, date: dt.date) -> dict[str, Any]:
    """The row in `releases` of a date's newest release that is not withdrawn.

    Raises PopflowError where there is none.
    """
    known = [row for row in all_releases(lake) if row["indicator"] == indicator and row["date"] == date]
    gone = {row["release"] for row in known if row["status"] == "withdrawn"}
    standing = [row for row in known if row["release"] not in gone]
    if not standing:
        raise PopflowError(f"there is no release of {indicator} for {date} to withdraw")
    return max(standing, key=lambda row: row["release"])


def refuse_unsigned(reason: str, signed_by: str) -> None:
    """Raise PopflowError unless there are a reason and a name, which stand in the notice for good."""
    for option, text in (("--reason", reason), ("--signed-by", signed_by)):
        if not text.strip():
            raise PopflowError(f"{option} is empty: it stands in the notice, for good")


def all_releases(lake: Lake) -> list[dict[str, Any]]:
    """Every row of `releases`, by date, indicator and release; empty where nothing was ever published."""
    if not lake.exists("releases"):
        return []
    frame = lake.read_pandas("releases").sort_values(["date", "indicator", "release", "released_at_utc"])
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


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
    if verdict.digest != audited_digest(table.rows, table.atoms, published_version(lake)):
        raise PopflowError(f"{name}: not published, the auditor's verdict is on another table or history than this")


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
        "pair_share_percent": round(100 * table.shares["pair"]),
        "county_share_percent": round(100 * table.shares["county"]),
        "released_at_utc": _now(),
    } | {name: list(value) if name == "mnos" else value for name, value in asdict(run).items()}


def _append_release(lake: Lake, row: dict[str, Any]) -> None:
    when = row["released_at_utc"]
    moment = when if isinstance(when, dt.datetime) else dt.datetime.fromisoformat(when)
    typed = row | {"date": dt.date.fromisoformat(str(row["date"])), "released_at_utc": moment}
    contract = lake.contracts.table("releases")
    frame = lake.frame("releases", [tuple(typed[name] for name in contract.columns)])
    app_id = f"releases/{row['indicator']}/{row['date']}/{row['release']}/{row['status']}"
    lake.append_once("releases", frame, app_id, row["run_id"])


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")

"""The ledger of releases: which there are, which one stands, and withdrawals.

One release of one date is a commit to `flows` or `counts`; `releases` is made from the metadata of these commits, so
that what a run left undone that died between the two is done by the next.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError
from popflow.lake import Lake

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = ("flows", "counts")  # whose commits are releases
RECENT_COMMITS = 20  # looked at first; a night that died left one or two to be recorded


def all_releases(lake: Lake) -> list[dict[str, Any]]:
    """Every row of `releases`, by date, indicator and release; empty where nothing was ever published."""
    if not lake.exists("releases"):
        return []
    frame = lake.read_pandas("releases").sort_values(["date", "indicator", "release", "released_at_utc"])
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def record_releases(lake: Lake) -> int:
    """Bring `releases` up to what the commits of `flows` and `counts` say; the number of rows added.

    In the order of the commits: so what is missing is what the newest ones say, and no older one is read again.
    """
    known = {(row["indicator"], str(row["date"]), row["release"]) for row in all_releases(lake)}
    new = [row for table in PUBLISHED for row in _unrecorded(lake, table, known)]
    for row in new:
        _append_release(lake, row)
    return len(new)


def _unrecorded(lake: Lake, table: str, known: set[tuple[Any, str, Any]]) -> list[dict[str, Any]]:
    """What the newest commits of a table say and `releases` does not, in their order."""
    new: list[dict[str, Any]] = []
    for newest in (RECENT_COMMITS, None):
        said = [json.loads(one["userMetadata"]) for one in lake.history(table, newest) if one.get("userMetadata")]
        new = list(itertools.takewhile(lambda row: (row["indicator"], row["date"], row["release"]) not in known, said))
        if len(new) < len(said) or not said:
            break
    return new[::-1]


def withdraw(lake: Lake, indicator: str, date: dt.date, reason: str, signed_by: str) -> int:
    """Stop serving the newest release of a date; the notice stays. Returns the release's number.

    Raises PopflowError without a reason or a name, or where nothing is served.
    """
    refuse_unsigned(reason, signed_by)
    newest = served_release(lake, indicator, date)
    notice = {"status": "withdrawn", "reason": reason, "signed_by": signed_by, "released_at_utc": now()}
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


def standing(known: pd.DataFrame) -> dict[dt.date, tuple[int, str]]:
    """The newest release of each date that is not withdrawn, with its status. In: `releases` of one indicator."""
    withdrawn = set(known.loc[known["status"] == "withdrawn", ["date", "release"]].itertuples(index=False, name=None))
    newest: dict[dt.date, tuple[int, str]] = {}
    for date, release, status in known[["date", "release", "status"]].itertuples(index=False, name=None):
        gone = status == "withdrawn" or (date, release) in withdrawn
        if not gone and release > newest.get(date, (0, ""))[0]:
            newest[date] = (int(release), status)
    return newest


def releases_of(lake: Lake, indicator: str, date: dt.date) -> list[dict[str, Any]]:
    """Every release of a date that somebody may have read, withdrawn since or not, in their order."""
    rows = (row for row in all_releases(lake) if row["indicator"] == indicator and row["date"] == date)
    return [row for row in rows if row["status"] != "withdrawn"]


def released_through(lake: Lake) -> dt.date | None:
    """The last date of which any indicator was ever released, withdrawn since or not; None where none was.

    Indicators that are not published any more do not count.
    """
    known = lake.contracts.published
    return max((row["date"] for row in all_releases(lake) if row["indicator"] in known), default=None)


def _append_release(lake: Lake, row: dict[str, Any]) -> None:
    when = row["released_at_utc"]
    moment = when if isinstance(when, dt.datetime) else dt.datetime.fromisoformat(when)
    typed = row | {"date": dt.date.fromisoformat(str(row["date"])), "released_at_utc": moment}
    contract = lake.contracts.table("releases")
    frame = lake.frame("releases", [tuple(typed[name] for name in contract.columns)])
    app_id = f"releases/{row['indicator']}/{row['date']}/{row['release']}/{row['status']}"
    lake.append_once("releases", frame, app_id, row["run_id"])


def now() -> str:
    """The moment in UTC, to the second, as `releases` writes it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")

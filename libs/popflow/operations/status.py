"""The last nights as a table: what landed, what was held or released, and why."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from popflow.operations.known_deliveries import delivery_dates
from popflow.operations.owner_only import read_own
from popflow.release.ledger import standing

if TYPE_CHECKING:
    from popflow.lake import Lake

RELEASED = ("released", "empty")  # the ledger holds a release of such a night
GOOD = (*RELEASED, "done")  # nothing is to be done about such a night
STATES = (*GOOD, "held", "landed", "refused", "failed", "withdrawn", "unknown")
COLUMNS = ["date", "landed", "state", "release", "why", "run_id", "ended_at_utc"]


def status(lake: Lake, nights: int = 14) -> pd.DataFrame:
    """One row a date, the newest first.

    Columns: date; landed: MNOs with an accepted delivery; state: released, empty, withdrawn, held, failed, landed, or
    refused where nothing but refused calls is known of the date; release: its number, 0 for none; why: the run's own
    words; run_id; ended_at_utc.
    """
    dates = sorted(_dates(lake), reverse=True)[:nights]
    landed, released, runs = _landed(lake, dates), _released(lake, dates), _last_runs(lake, dates)
    listed = [date for date in map(str, dates) if date in landed or date in released or date in runs]
    return pd.DataFrame([_row(date, landed, released, runs) for date in listed], columns=COLUMNS)


def _dates(lake: Lake) -> set[dt.date]:
    """Dates of which anything is known; no run's summary is opened for it, and of `deliveries` the log alone."""
    runs = {dt.date.fromisoformat(path.name.split(".")[0]) for path in _run_files(lake, "*")}
    released = lake.read_arrow("releases", ["date"])["date"].unique().to_pylist() if lake.exists("releases") else []
    return runs | set(delivery_dates(lake).values()) | set(released)


def _row(date: str, landed: dict, released: dict, runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    run, release = runs.get(date, {}), released.get(date, {})
    state = release.get("status") or run.get("outcome") or "landed"
    return {
        "date": date,
        "landed": ", ".join(landed.get(date, [])),
        "state": state,
        "release": int(release.get("release", 0)),
        "why": release.get("withdrawal") or run.get("why") or release.get("reason") or "",
        "run_id": run.get("run_id") or release.get("run_id") or "",
        "ended_at_utc": run.get("ended_at_utc", ""),
    }


def _landed(lake: Lake, dates: list[dt.date]) -> dict[str, list[str]]:
    if not lake.exists("deliveries"):
        return {}
    found = lake.read_arrow("deliveries", ["mno", "delivery_date"], delivery_date=dates, status="accepted")
    accepted = found.group_by(["mno", "delivery_date"]).aggregate([]).to_pandas(date_as_object=True).sort_values("mno")
    return {str(date): list(mnos) for date, mnos in accepted.groupby("delivery_date")["mno"]}


def _released(lake: Lake, dates: list[dt.date]) -> dict[str, dict[str, Any]]:
    if not lake.exists("releases"):
        return {}
    frame = lake.read_pandas("releases", date=dates, indicator=lake.contracts.headline.indicator)
    frame = frame.sort_values(["date", "release", "released_at_utc"])
    served = standing(frame)
    rows: list[dict[str, Any]] = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]
    newest = {row["date"]: row for row in rows}  # the last one of each date
    return {str(date): _withdrawn(row, served) if row["status"] == "withdrawn" else row for date, row in newest.items()}


def _withdrawn(row: dict[str, Any], served: dict[dt.date, tuple[int, str]]) -> dict[str, Any]:
    """A date whose newest release was withdrawn; where an earlier one stands, that one is served again."""
    number, status = served.get(row["date"], (row["release"], row["status"]))
    return row | {
        "release": number,
        "status": status,
        "withdrawal": f"release {row['release']} withdrawn by {row['signed_by']}: {row['reason']}",
    }


def _last_runs(lake: Lake, dates: list[dt.date]) -> dict[str, dict[str, Any]]:
    files = [path for date in dates for path in _run_files(lake, date)]
    in_order = sorted(map(_run_of, files), key=lambda run: (run["outcome"] != "refused", run["ended_at_utc"]))
    return {run["date"]: run for run in in_order}  # the last one of each date; a refused call changed nothing


def _run_of(path: Path) -> dict[str, Any]:
    """What a run says of itself; of a file that is damaged this alone, so that it hides no other night."""
    try:
        run = json.loads(read_own(path))
        return {name: str(run[name]) for name in ("date", "outcome", "why", "run_id", "ended_at_utc")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        date, run_id = path.name.split(".")[:2]
        why = f"{path}: is not a summary of a run; remove it"
        return {"date": date, "outcome": "unknown", "why": why, "run_id": run_id, "ended_at_utc": ""}


def _run_files(lake: Lake, date: object) -> Iterator[Path]:
    files = lake.local_zone("ops").glob(f"runs/{date}.*.json")
    return (path for path in files if _is_date(path.name.split(".")[0]))


def _is_date(text: str) -> bool:
    try:
        return str(dt.date.fromisoformat(text)) == text
    except ValueError:
        return False

"""The last nights as a table: what landed, what was held or released, and why."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from popflow.publish.indicators import OUTFLOW
from popflow.publish.served import standing

if TYPE_CHECKING:
    from popflow.lake import Lake

COLUMNS = ["date", "landed", "state", "release", "why", "run_id", "ended_at_utc"]


def status(lake: Lake, nights: int = 14) -> pd.DataFrame:
    """One row a date, the newest first.

    Columns: date; landed: MNOs with an accepted delivery; state: released, empty, withdrawn, held, failed or landed;
    release: its number, 0 for none; why: the run's own words; run_id; ended_at_utc.
    """
    landed, released, runs = _landed(lake), _released(lake), _last_runs(lake)
    dates = sorted({*landed, *released, *runs}, reverse=True)[:nights]
    return pd.DataFrame([_row(date, landed, released, runs) for date in dates], columns=COLUMNS)


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


def _landed(lake: Lake) -> dict[str, list[str]]:
    if not lake.exists("deliveries"):
        return {}
    frame = lake.read_pandas("deliveries", columns=["mno", "delivery_date", "status"])
    accepted = frame[frame["status"] == "accepted"].drop_duplicates(["delivery_date", "mno"]).sort_values("mno")
    return {str(date): list(mnos) for date, mnos in accepted.groupby("delivery_date")["mno"]}


def _released(lake: Lake) -> dict[str, dict[str, Any]]:
    if not lake.exists("releases"):
        return {}
    frame = lake.read_pandas("releases", indicator=OUTFLOW.name).sort_values(["date", "release", "released_at_utc"])
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


def _last_runs(lake: Lake) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in lake.local_zone("ops").glob("runs/*.json")]
    return {run["date"]: run for run in sorted(found, key=lambda run: run["ended_at_utc"])}

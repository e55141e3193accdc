"""The night as Airflow runs it, without Airflow: its tasks, the tables that each reads and writes, and their order.

A test holds this against what the jobs declare, in popflow's environment, where Airflow is not installed.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
MNOS = ("mobile", "unicom", "telecom")
ZONE = "Asia/Shanghai"
DEADLINE = dt.timedelta(hours=4)  # after 02:00 a delivery is late, and the date is held back


@dataclass(frozen=True)
class Step:
    """One job of a night. each_mno: it runs once for each MNO, at the same time."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    timeout: dt.timedelta
    each_mno: bool = False


STEPS = (
    Step(
        "intake",
        ("cell_to_county", "deliveries"),
        ("presence", "tallies", "quarantine", "deliveries"),
        dt.timedelta(hours=2),
        each_mno=True,
    ),
    Step(
        "coverage",
        ("presence", "deliveries", "tallies", "activity", "subscribers"),
        ("activity",),
        dt.timedelta(hours=1),
    ),
    Step(
        "persons",
        ("presence", "deliveries", "activity", "subscribers", "person_state"),
        ("person_day", "person_state"),
        dt.timedelta(hours=1),
    ),
    Step(
        "flows",
        ("person_day", "person_state", "flows_exact", "population_exact", "counties"),
        ("flows_exact", "population_exact", "stock_exact"),
        dt.timedelta(hours=1),
    ),
    Step(
        "release",
        ("person_state", "flows_exact", "stock_exact", "cell_to_county", "atoms", "flows", "releases", "deliveries"),
        ("released_persons", "atoms", "flows", "releases"),
        dt.timedelta(hours=1),
    ),
)


def edges(steps: tuple[Step, ...] = STEPS) -> set[tuple[str, str]]:
    """Which step waits for which: for the last earlier step that writes what it reads."""
    found = set()
    for place, step in enumerate(steps):
        for table in step.reads:
            writers = [earlier.name for earlier in steps[:place] if table in earlier.writes]
            found |= {(writers[-1], step.name)} if writers else set()
    return found


def setting(name: str, default: str = "") -> str:
    """A setting of the night: POPFLOW_<name> of the environment."""
    return os.environ.get(f"POPFLOW_{name}", default)


def dates_between(first: str, last: str) -> list[str]:
    """Dates of a backfill, in order."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    if end < start:
        raise ValueError(f"to {last} lies before from {first}")
    return [str(start + dt.timedelta(days=day)) for day in range((end - start).days + 1)]

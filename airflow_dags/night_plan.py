"""The night as Airflow runs it, without Airflow: its tasks, the tables that each reads and writes, and their order.

A test holds this against what the jobs declare, in popflow's environment, where Airflow is not installed.
"""

from __future__ import annotations

import datetime as dt
import glob
import os
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
MNOS = ("mobile", "unicom", "telecom")
ZONE = "Asia/Shanghai"
DEADLINE = dt.timedelta(hours=4)  # after 02:00 a delivery is late, and the date is held back
MOST_DATES = 400  # of one backfill

# A run at 02:00 is of the day before; a run that somebody starts names its date. What is no date ends the task.
DATE = (
    "{{ macros.datetime.strptime(dag_run.conf.get('date') or data_interval_start.in_timezone('" + ZONE + "')"
    ".to_date_string(), '%Y-%m-%d').date().isoformat() }}"
)
# The shell is given no text but this. What people and settings say reaches it as variables, in quotes: as data.
UPKEEP = (
    'exec "$POPFLOW_PYTHON" -m popflow.operations.upkeep '
    '--date "$POPFLOW_DATE" --lake "$POPFLOW_LAKE" --landing "$POPFLOW_LANDING"'
)


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
        ("flows_exact", "population_exact"),
        dt.timedelta(hours=1),
    ),
    Step(
        "release",
        ("person_state", "flows_exact", "cell_to_county", "atoms", "flows", "releases", "deliveries"),
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


def upkeep_variables() -> dict[str, str]:
    """What UPKEEP is given; the date is a template."""
    return {
        "POPFLOW_PYTHON": str(HOUSE / ".venv" / "bin" / "python"),
        "POPFLOW_DATE": DATE,
        "POPFLOW_LAKE": setting("LAKE"),
        "POPFLOW_LANDING": setting("LANDING"),
    }


def manifests(mno: str) -> str:
    """Where an MNO's manifest of the date is waited for: a pattern, of which the landing folder's name is no part."""
    return f"{glob.escape(setting('LANDING'))}/{mno}/{DATE}/*/manifest.json"


def dates_between(first: str, last: str) -> list[str]:
    """Dates of a backfill, in order. Raises ValueError for what is no date, and for more than a year of them."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    if end < start:
        raise ValueError(f"to {last} lies before from {first}")
    if (end - start).days >= MOST_DATES:
        raise ValueError(f"from {first} to {last} are more than {MOST_DATES} dates; do some of them first")
    return [str(start + dt.timedelta(days=day)) for day in range((end - start).days + 1)]

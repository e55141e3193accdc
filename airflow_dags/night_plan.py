"""The night as Airflow runs it, without Airflow: its tasks, the tables that each reads and writes, and their order.

MNOs and stages stand in night.json, which `popflow plan` writes of the contracts; POPFLOW_NIGHT_PLAN names another.
"""

from __future__ import annotations

import datetime as dt
import glob
import json
import os
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
ZONE = "Asia/Shanghai"
DEADLINE = dt.timedelta(hours=4)  # after 02:00 a delivery is late, and the date is held back
MOST_DATES = 400  # of one backfill

# A run at 02:00 is of the day before; a run that somebody starts names its date. What is not a date ends the task.
DATE = (
    "{{ macros.datetime.strptime(dag_run.conf.get('date') or data_interval_start.in_timezone('" + ZONE + "')"
    ".to_date_string(), '%Y-%m-%d').date().isoformat() }}"
)
# The shell is given no text but this. What people and settings say reaches it as variables, in quotes: as data.
UPKEEP = (
    'exec "$POPFLOW_PYTHON" -m popflow.operations.upkeep '
    '--date "$POPFLOW_DATE" --lake "$POPFLOW_LAKE" --landing "$POPFLOW_LANDING"'
)


def setting(name: str, default: str = "") -> str:
    """A setting of the night: POPFLOW_<name> of the environment."""
    return os.environ.get(f"POPFLOW_{name}", default)


@dataclass(frozen=True)
class Stage:
    """One job of a night. each_mno: it runs once for each MNO, at the same time."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    timeout: dt.timedelta
    each_mno: bool = False


TIMEOUTS = {"intake": dt.timedelta(hours=2)}
USUAL_TIMEOUT = dt.timedelta(hours=1)


def read_plan(path: str | Path) -> tuple[tuple[str, ...], tuple[Stage, ...]]:
    """MNOs and stages of a file that `popflow plan` wrote."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    stages = tuple(
        Stage(
            one["name"],
            tuple(one["reads"]),
            tuple(one["writes"]),
            TIMEOUTS.get(one["name"], USUAL_TIMEOUT),
            each_mno=one["each_mno"],
        )
        for one in said["stages"]
    )
    return tuple(said["mnos"]), stages


MNOS, STAGES = read_plan(setting("NIGHT_PLAN") or Path(__file__).with_name("night.json"))


def edges(stages: tuple[Stage, ...] = STAGES) -> set[tuple[str, str]]:
    """Which stage waits for which: for the last earlier stage that writes what it reads."""
    found = set()
    for place, stage in enumerate(stages):
        for table in stage.reads:
            writers = [earlier.name for earlier in stages[:place] if table in earlier.writes]
            found |= {(writers[-1], stage.name)} if writers else set()
    return found


def upkeep_variables() -> dict[str, str]:
    """What UPKEEP is given; the date is a template."""
    return {
        "POPFLOW_PYTHON": str(HOUSE / ".venv" / "bin" / "python"),
        "POPFLOW_DATE": DATE,
        "POPFLOW_LAKE": setting("LAKE"),
        "POPFLOW_LANDING": setting("LANDING"),
    }


def manifests(mno: str) -> str:
    """Where an MNO's manifest of the date is waited for: a pattern that the landing folder's name cannot widen."""
    return f"{glob.escape(setting('LANDING'))}/{mno}/{DATE}/*/manifest.json"


def dates_between(first: str, last: str) -> list[str]:
    """Dates of a backfill, in order. Raises ValueError for what is not a date, and for more than a year of them."""
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    if end < start:
        raise ValueError(f"to {last} lies before from {first}")
    if (end - start).days >= MOST_DATES:
        raise ValueError(f"from {first} to {last} are more than {MOST_DATES} dates; do some of them first")
    return [str(start + dt.timedelta(days=day)) for day in range((end - start).days + 1)]

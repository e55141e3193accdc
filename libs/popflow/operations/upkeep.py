"""After a night, however it ended: quality page, compaction, retention, leak scan.

By itself `python -m popflow.operations.upkeep --date D --lake LAKE --landing LANDING`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow import contracts
from popflow.dates import LOCAL, ONE_DAY
from popflow.errors import PopflowError, one_line
from popflow.operations.compaction import compact
from popflow.operations.events import RunLog, reason_of
from popflow.operations.leaks import known_of, scan_lake
from popflow.operations.old_landing import landing_folder
from popflow.operations.owner_only import ops_folder, write_private
from popflow.operations.purposes import watch
from popflow.operations.retention import enforce_retention
from popflow.operations.status import status
from popflow.operations.turns import one_at_a_time

if TYPE_CHECKING:
    from popflow.lake import Lake

RECENT = dt.timedelta(days=2)  # a night is of the day before, and may begin before midnight or end after the next


@dataclass(frozen=True)
class Upkeep:
    """What an upkeep did: figures of its stages by name, and sentences that somebody should read."""

    stages: dict[str, dict[str, Any]]
    notes: tuple[str, ...]

    @property
    def said(self) -> str:
        """The figures as a line."""
        gone = sum(self.stages["retention"].get("deleted", {}).values())
        files = self.stages["leak_scan"]["files"]
        return f"{gone} partitions and deliveries past their retention deleted, no token in {files} files"


def upkeep(lake: Lake, date: dt.date, run_id: str, landing: str, today: dt.date | None = None) -> Upkeep:
    """Write the quality page, compact, enforce retention, scan for leaks, each whatever became of the others.

    landing: folder or address of the deliveries; old ones in a folder are deleted. today: where it is not the clock's.
    Raises PopflowError, when all is done, for a leak, or a file that is older than its contract allows and still there.
    """
    watch(lake, run_id)
    log = RunLog.of(lake, date, run_id)
    notes: list[str] = []
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "quality_page": lambda: {"page": quality_page(lake).name},
        "compaction": lambda: {"files_less": compact(lake)},  # before retention, whose VACUUM takes what it leaves
        "retention": lambda: _retention(lake, ages_as_of(lake, date, today or _today()), landing, notes),
        "leak_scan": lambda: {"files": scan_lake(lake, known_of(lake)).refuse().files},
    }
    failures: list[Exception] = []
    with one_at_a_time(lake, f"upkeep of {date}", wait=True):
        for name, do in work.items():
            try:
                with log.stage(name) as figures:
                    figures |= do()
            except Exception as failure:  # noqa: BLE001 - raised below, when the other stages have had their turn
                failures.append(failure)
    if failures:
        raise failures[0] if len(failures) == 1 else PopflowError("; ".join(dict.fromkeys(map(reason_of, failures))))
    return Upkeep(log.stages, tuple(notes))


def _retention(lake: Lake, as_of: dt.date | None, landing: str, notes: list[str]) -> dict[str, Any]:
    """What has been deleted, under the dates that age was counted to; notes on what a person should know."""
    folder = landing_folder(landing)
    if folder is None:
        notes.append(f"{landing}: deliveries in object storage end by a lifecycle rule of the bucket")
    if as_of is None:
        return {"as_of": "no night yet"}
    report = enforce_retention(lake, as_of, folder)
    if report.unread:
        notes.append(f"{report.unread[0]}: too old to be kept, deleted without having been taken in "
                     f"({len(report.unread)} such deliveries)")  # fmt: skip
    return {"as_of": as_of, "deleted": report.refuse().deleted, "never_taken_in": len(report.unread)}


def ages_as_of(lake: Lake, date: dt.date, today: dt.date) -> dt.date | None:
    """The date that age is counted to in the upkeep of a date; None for a lake without a night.

    A date that was computed counts itself, and so does one of the last days, however its night ended. Any other may be
    a slip of the hand, for which all that the lake holds would be too old: it counts no further than the date after
    the last that was computed.
    """
    computed = {dt.date.fromisoformat(one["as_of"]) for one in lake.partitions("person_state")}
    if date in computed or dt.timedelta(0) <= today - date <= RECENT:
        return date
    return min(date, max(computed) + ONE_DAY) if computed else None


def _today() -> dt.date:
    return dt.datetime.now(LOCAL).date()


def run_id_of(date: dt.date) -> str:
    """Under which the upkeep of a date stands in logs and trail."""
    return f"upkeep-{date}"


def quality_page(lake: Lake, nights: int = 30) -> Path:
    """ops/quality_page.html: the last nights, and where the Data Docs are. Holds nothing that `status` does not."""
    table = status(lake, nights).to_html(index=False, border=0)
    docs = "quality/gx/uncommitted/data_docs/local_site/index.html"
    link = (
        f'<p><a href="{docs}">Data Docs of the data-quality checks</a></p>'
        if (lake.local_zone("ops") / docs).exists()
        else ""
    )
    page = f"<!doctype html><meta charset='utf-8'><title>popflow: the last nights</title>{table}{link}\n"
    return write_private(ops_folder(lake) / "quality_page.html", page)


def main(arguments: list[str] | None = None) -> int:
    """Run it from a scheduler; exit code 1 and one line for a leak or a file that should be gone."""
    from popflow.lake import Lake

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, type=dt.date.fromisoformat)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--landing", required=True, help="of the deliveries; old ones in a folder are deleted")
    given = parser.parse_args(arguments)
    try:
        kept = upkeep(Lake(given.lake, contracts.load()), given.date, run_id_of(given.date), given.landing)
    except Exception as error:  # noqa: BLE001 a stack trace in a scheduler's log may hold a record
        print(f"popflow: {one_line(reason_of(error))}", file=sys.stderr)
        return 1
    for note in kept.notes:
        print(f"popflow: {one_line(note)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""After a night: quality page, retention, leak scan. `python -m popflow.operations.upkeep --date D --lake L`."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow import contracts
from popflow.errors import PopflowError
from popflow.operations.events import RunLog, reason_of
from popflow.operations.leaks import known_of, scan_lake
from popflow.operations.owner_only import ops_folder, write_private
from popflow.operations.purposes import watch
from popflow.operations.retention import enforce_retention
from popflow.operations.status import status
from popflow.operations.turns import one_at_a_time

if TYPE_CHECKING:
    from popflow.lake import Lake


def upkeep(lake: Lake, date: dt.date, run_id: str, landing: Path | None = None) -> dict[str, Any]:
    """Write the quality page, enforce retention, scan for leaks; figures of each.

    landing: folder whose old deliveries are deleted too. Raises PopflowError for a leak, or a file that is older than
    its contract allows and still there; the page is written first.
    """
    watch(lake, run_id)
    log = RunLog.of(lake, date, run_id)
    with one_at_a_time(lake, f"upkeep of {date}", wait=True):
        with log.stage("quality_page") as figures:
            figures["page"] = quality_page(lake).name
        with log.stage("retention") as figures:
            figures["deleted"] = enforce_retention(lake, date, landing).refuse().deleted
        with log.stage("leak_scan") as figures:
            figures["files"] = scan_lake(lake, known_of(lake)).refuse().files
    return log.stages


def run_id_of(date: dt.date) -> str:
    """Under which the upkeep of a date stands in logs and trail."""
    return f"upkeep-{date}"


def quality_page(lake: Lake, nights: int = 30) -> Path:
    """ops/quality_page.html: the last nights, and where the Data Docs are. Holds nothing that `status` does not."""
    table = status(lake, nights).to_html(index=False, border=0)
    docs = "quality/gx/uncommitted/data_docs/local_site/index.html"
    link = f'<p><a href="{docs}">Data Docs of the gates</a></p>' if (lake.local_zone("ops") / docs).exists() else ""
    page = f"<!doctype html><meta charset='utf-8'><title>popflow: the last nights</title>{table}{link}\n"
    return write_private(ops_folder(lake) / "quality_page.html", page)


def _folder(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text}: deliveries in object storage end by a lifecycle rule of the bucket")
    return Path(text)


def main(arguments: list[str] | None = None) -> int:
    """Run it from a scheduler; exit code 1 and one line for a leak or a file that should be gone."""
    from popflow.lake import Lake

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, type=dt.date.fromisoformat)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--landing", type=_folder, help="folder whose old deliveries are deleted too")
    given = parser.parse_args(arguments)
    try:
        upkeep(Lake(given.lake, contracts.load()), given.date, run_id_of(given.date), given.landing)
    except PopflowError as error:
        print(f"popflow: {reason_of(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which files of the published tables are shared: those that `pull` reads, and no others.

Each release of a date is files of its own, so that a view needs no copy: of `flows` and `counts` only the files of the
newest release of each date that is not withdrawn; of `releases` all. A file whose release is not one and known is not
shared, and neither is one of an indicator that is not published any more, which older lakes hold.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

from popflow.release.ledger import standing

if TYPE_CHECKING:
    from popflow.delta_log import DataFile, Snapshot
    from popflow.lake import Lake

SECONDS = 5  # a withdrawal holds for addresses that were given out after so long


class View:
    """The shared files of a lake's tables as they are now."""

    def __init__(self, lake: Lake, seconds: float = SECONDS) -> None:
        self._lake = lake
        self._seconds = seconds
        self._known: dict[str, tuple[float, Snapshot]] = {}
        self._lock = threading.Lock()

    def of(self, table: str) -> Snapshot:
        """A table with the files that are shared of it. Raises PopflowError where the table is not there yet."""
        with self._lock:  # of those who ask at once one looks
            made, snapshot = self._known.get(table, (float("-inf"), None))
            if snapshot is None or time.monotonic() - made > self._seconds:
                snapshot = self._lake.snapshot(table)
                shared = self._told if table == "releases" else self._served
                snapshot = snapshot.with_files(shared(snapshot.files))
                self._known[table] = (time.monotonic(), snapshot)
            return snapshot

    def _served(self, files: list[DataFile]) -> list[DataFile]:
        if not self._lake.exists("releases"):
            return []
        releases = self._lake.read_pandas("releases", indicator=list(self._lake.contracts.published))
        newest = {
            (indicator, date): number
            for indicator, rows in releases.groupby("indicator")
            for date, (number, status) in standing(rows).items()
            if status == "released"
        }
        return [one for one in files if self._release(one) == newest.get((one.partition["indicator"], _date(one)), 0)]

    def _release(self, file: DataFile) -> int | None:
        """The one release that a file holds; None where it is not known or not one."""
        low, high = file.least.get("release"), file.most.get("release")
        return int(low) if low is not None and low == high else None

    def _told(self, files: list[DataFile]) -> list[DataFile]:
        """Of `releases` all but the files that are of other indicators alone."""
        known = self._lake.contracts.published
        ends = ((one, one.least.get("indicator"), one.most.get("indicator")) for one in files)
        return [one for one, least, most in ends if least != most or least is None or least in known]


def _date(file: DataFile) -> dt.date:
    return dt.date.fromisoformat(str(file.partition["date"]))

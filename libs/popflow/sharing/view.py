"""Which files of the published tables are shared: those that `pull` reads, and no others.

What earlier versions published of indicators that the contract `flows` no longer names is not shared.

Each release of a date is files of its own, so that a view needs no copy: of `flows` only the files of the newest
release of each date that is not withdrawn; of `releases` all. A file whose release is not one and known is not shared.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from popflow.publish.served import standing

if TYPE_CHECKING:
    from popflow.lake import DataFile, Lake, Snapshot

SECONDS = 5  # a withdrawal holds for addresses that were given out after so long


class View:
    """The shared files of a lake's tables as they are now."""

    def __init__(self, lake: Lake, seconds: float = SECONDS) -> None:
        self._lake = lake
        self._seconds = seconds
        self._known: dict[str, tuple[float, Snapshot]] = {}

    def of(self, table: str) -> Snapshot:
        """A table with the files that are shared of it. Raises PopflowError where the table is not there yet."""
        made, snapshot = self._known.get(table, (float("-inf"), None))
        if snapshot is None or time.monotonic() - made > self._seconds:
            snapshot = self._lake.snapshot(table)
            if table == "flows":
                snapshot = snapshot.with_files(self._served(snapshot.files))
            self._known[table] = (time.monotonic(), snapshot)
        return snapshot

    def _served(self, files: list[DataFile]) -> list[DataFile]:
        releases = self._lake.read_pandas("releases") if self._lake.exists("releases") else None
        if releases is None:
            return []
        newest: dict[tuple[Any, dt.date], int] = {}
        named = self._lake.contracts.table("flows").columns["indicator"].pattern or ""
        releases = releases[releases["indicator"].str.fullmatch(named)]
        for indicator, known in releases.groupby("indicator"):
            for date, (number, status) in standing(known).items():
                if status == "released":
                    newest[indicator, date] = number
        return [one for one in files if self._release(one) == newest.get(_of(one), 0)]

    def _release(self, file: DataFile) -> int | None:
        """The one release that a file holds; None where it is not known or not one."""
        low, high = file.least.get("release"), file.most.get("release")
        return int(low) if low is not None and low == high else None


def _of(file: DataFile) -> tuple[str, dt.date]:
    return str(file.partition["indicator"]), dt.date.fromisoformat(str(file.partition["date"]))

"""A night as a process of its own that kills itself, JVM and all, where it is told to: python one_night.py JSON.

where: {"stage": "persons"} before a stage; {"write": 3} before the third write of a table; {"commit": "flows_exact"}
when that table has new data files and no log entry of them yet; {"seconds": 7.5} after so long; {} nowhere.
{"vanish": folder, "to": elsewhere} kills nothing: a delivery is moved away while the intake reads it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from popflow import contracts
from popflow.lake import Lake
from popflow.pipeline import Night, nightly


def die() -> None:
    """As kill -9 would, on the whole process group: Python, its workers and the JVM."""
    print("KILLED", flush=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


class Writes:
    """Counts the writes of a lake and dies before the one that it was told."""

    def __init__(self, fatal: int | None) -> None:
        self.left = fatal

    def __call__(self, table: str, verb: str) -> None:
        if verb == "write" and self.left is not None:
            self.left -= 1
            if self.left == 0:
                die()


def die_between_files_and_log(folder: Path) -> None:
    """Poll a table's folder: data files that are new while the log is not."""

    def seen() -> tuple[int, int]:
        files = sum("_delta_log" not in path.parts for path in folder.rglob("*.parquet"))
        return files, len(list(folder.glob("_delta_log/*.json")))

    files, entries = seen()
    while True:
        now = seen()
        if now[1] > entries:
            files, entries = now  # committed before it was seen: wait for the next
        elif now[0] > files:
            die()
        time.sleep(0.002)


def vanish_in_mid_read(lake: Lake, delivery: Path, elsewhere: Path) -> None:
    """Move a delivery away once the intake has written what its tasks read beside it."""
    scratch = Path(lake.zone("restricted"), "_scratch")
    while not list(scratch.glob("*/*")):
        time.sleep(0.002)
    delivery.rename(elsewhere)


def main(order: dict) -> None:
    """Run one night as ordered."""
    where = order.get("where", {})
    lake = Lake(order["lake"], contracts.load(), on_access=Writes(where.get("write")))
    if "commit" in where:
        watch = threading.Thread(
            target=die_between_files_and_log, args=(Path(lake.path(where["commit"])),), daemon=True
        )
        watch.start()
    if "vanish" in where:
        threading.Thread(
            target=vanish_in_mid_read, args=(lake, Path(where["vanish"]), Path(where["to"])), daemon=True
        ).start()
    if "seconds" in where:
        threading.Timer(where["seconds"], die).start()

    def on_progress(text: str) -> None:
        if where.get("stage") == text:
            die()

    mnos = tuple(contracts.load().feeds)
    night = Night(dt.date.fromisoformat(order["date"]), order["landing"], mnos, sample=True, on_progress=on_progress)
    nightly(lake, night)
    print("DONE", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

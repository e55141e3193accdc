"""Publishes one release in a process of its own and dies where it is told to: python half_commit.py LAKE WHERE."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys

from one_night import die_between_files_and_log

from popflow import contracts
from popflow.lake import Lake

DAY = dt.date(2020, 1, 22)
ROWS = [("outflow", DAY, 1, "area", "hubei", "all", "all", 20 + n, "day-end-1") for n in range(50)]


def publish(lake: Lake) -> bool:
    """One release of one date."""
    frame = lake.spark.createDataFrame(ROWS, lake.contracts.table("flows").spark_schema())
    return lake.append_once("flows", frame.repartition(2), f"flows/outflow/{DAY}/1", "{}")


if __name__ == "__main__":
    import threading
    from pathlib import Path

    lake = Lake(sys.argv[1], contracts.load())
    if sys.argv[2] == "between files and log":
        folder = Path(lake.path("flows"))
        threading.Thread(target=die_between_files_and_log, args=(folder,), daemon=True).start()
    publish(lake)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # after the commit, before anybody was told

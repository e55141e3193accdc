"""Load the references of a new lake and run some nights: python some_nights.py LAKE LANDING REFERENCE DATE...

Its last line is JSON: the master that ran them, and a fingerprint of each table as Spark reads it.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "faults"))

from fingerprints import fingerprint_of

from popflow import contracts
from popflow.lake import Lake
from popflow.pipeline import Night, nightly
from popflow.reference import load_reference

TABLES = ("intake", "deliveries", "person_day", "person_state", "flows_exact", "presence_hourly",
          "base_cells", "flows", "releases", "activity")  # fmt: skip


def main(root: str, landing: str, reference: str, *dates: str) -> None:
    """Run the nights, and say what they left."""
    lake = Lake(root, contracts.load())
    days = [dt.date.fromisoformat(date) for date in dates]
    for kind in ("cells", "subscribers"):
        if not lake.exists(kind):
            load_reference(lake, kind, Path(reference, f"{kind}.parquet"), as_of=days[0])
    for day in days:
        nightly(lake, Night(day, landing, tuple(lake.contracts.mno_bits()), sample=True))
    left = {name: fingerprint_of(lake.read(name).toArrow()) for name in TABLES if lake.exists(name)}
    print(json.dumps({"master": lake.spark.sparkContext.master, "tables": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])

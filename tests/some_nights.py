"""Load the references and run some nights: python some_nights.py LAKE LANDING REFERENCE DATE..."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from popflow import contracts
from popflow.lake import Lake
from popflow.pipeline import Night, nightly
from popflow.reference import load_reference


def main(root: str, landing: str, reference: str, *dates: str) -> None:
    """Run the nights, and say at the end which master ran them."""
    lake = Lake(root, contracts.load())
    days = [dt.date.fromisoformat(date) for date in dates]
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, Path(reference, f"{kind}.parquet"), as_of=days[0])
    for day in days:
        nightly(lake, Night(day, landing, tuple(lake.contracts.mno_bits()), sample=True))
    print("MASTER", lake.spark.sparkContext.master)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Records a second that the synthetic nation writes, over the three formats.

python benchmarks/simulate.py --persons 400000 --days 2 --processes 2
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import tempfile
import time
from pathlib import Path

from popflow.synthetic.nation import simulate
from popflow.synthetic.troubles import Troubles


def main() -> None:
    """Simulate into a scratch folder and print the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=400_000)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--all-troubles", action="store_true")
    given = parser.parse_args()
    troubles = Troubles.all() if given.all_troubles else Troubles()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        summary = simulate(
            Path(folder) / "nation",
            dt.date(2020, 1, 20),
            given.days,
            given.persons,
            seed=1,
            troubles=troubles,
            processes=given.processes,
        )
        seconds = time.perf_counter() - began
    of_processes = resource.getrusage(resource.RUSAGE_CHILDREN)
    records, size = summary.records.total(), summary.bytes.total()
    print(f"persons {given.persons:,}, days {given.days}, processes {given.processes}")
    print(f"records {records:,}, files {summary.files:,}, {size / 1e9:.2f} GB: " + str(dict(summary.records)))
    print(f"{seconds:.1f} s, {records / seconds / 1e6:.3f} M records/s, all set-up included")
    print(f"processor seconds of the writing processes {of_processes.ru_utime + of_processes.ru_stime:.1f}")
    print(f"peak memory of a writing process {of_processes.ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()

"""Seconds from a question to a table, the whole process from start to end: least, median and greatest of some calls.

    python benchmarks/pull.py --lake LAKE

A lake of full size: popflow scenario, or any with 14 released dates before 2020-01-23. Beside them, in turns, the
imports of pandas and pyarrow alone, without which there is no table: the machine's own measure.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ASKED = "pull outflow --area wuhan --days 14 --before 2020-01-23 --level county"
IMPORTS = "imports"


def command(lake: str, ending: str, folder: str) -> list[str]:
    """The call for a file of that ending; for IMPORTS, the imports alone."""
    if ending == IMPORTS:
        return [sys.executable, "-c", "import pandas, pyarrow.dataset"]
    out = str(Path(folder, f"answer.{ending}"))
    return [sys.executable, "-c", "from popflow.cli import main; main()", *ASKED.split(), "--out", out, "--lake", lake]


def seconds(call: list[str]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    subprocess.run(call, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lake", required=True)
    parser.add_argument("--calls", type=int, default=7)
    given = parser.parse_args()
    taken: dict[str, list[float]] = {ending: [] for ending in (IMPORTS, "csv", "parquet", "xlsx")}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.calls):
            for ending, all_of in taken.items():
                all_of.append(seconds(command(given.lake, ending, folder)))
    for ending, all_of in taken.items():
        spread = f"{min(all_of):.2f} to {max(all_of):.2f} s, median {statistics.median(all_of):.2f} s"
        times = statistics.median(one / two for one, two in zip(all_of, taken[IMPORTS], strict=True))
        print(f"{ending:<8} {spread}, {times:.2f} x the imports")


if __name__ == "__main__":
    main()

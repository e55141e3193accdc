"""Seconds from a question to a table, the whole process from start to end: the least and the median of some calls.

    python benchmarks/pull.py --lake LAKE

A lake of full size: popflow scenario, or any with 14 released dates before 2020-01-23.
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


def seconds(lake: str, out: Path) -> float:
    """Wall seconds of one call."""
    call = [sys.executable, "-c", "from popflow.cli import main; main()", *ASKED.split(), "--out", str(out)]
    started = time.perf_counter()
    subprocess.run([*call, "--lake", lake], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--calls", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("csv", "parquet", "xlsx"):
            taken = [seconds(given.lake, Path(folder, f"answer.{ending}")) for _ in range(given.calls)]
            print(f"{ending:<8} {min(taken):.2f} s least, {statistics.median(taken):.2f} s median of {given.calls}")


if __name__ == "__main__":
    main()

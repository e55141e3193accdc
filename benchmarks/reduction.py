"""What the reduction alone costs, without Spark: processor seconds of one process, engines and rivals in turns.

    python benchmarks/reduction.py --records 8000000 --repeats 3

Prints a table; on a machine that has other work these figures hold where those by the clock do not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from intake_records import SHARE, D, generate
from intake_rivals import duckdb_alone, read_alone
from intake_times import Net, measured, net, rate, ratio

from popflow import contracts
from popflow.intake import cell_table
from popflow.intake.packing import Pack, PackFile
from popflow.intake.reduction import FileEngine, Limits, reduce_pack

KNOWN = contracts.load()


def reduced(landing: Path, mno: str, cells: str, engine: FileEngine) -> None:
    """All files of an MNO as one pack, as a task takes it."""
    folder = landing / mno / str(D) / "bench"
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    files = [
        PackFile(str(folder / f["name"]), f["name"], f["area"], f["bytes"], f["sha256"], f["rows"]) for f in listed
    ]
    schema = KNOWN.table("intake").arrow_schema()
    for _ in reduce_pack(Pack(mno, "bench", D, files), KNOWN.feeds[mno], cells, schema, Limits(), engine):
        pass


def ways(landing: Path, mno: str, scratch: Path) -> dict[str, Callable[[], object]]:
    """The engines and their rivals."""
    cells = str(scratch / f"cells-{mno}.parquet")
    known = pq.read_table(landing / "cells.parquet")
    cell_table.write_cells(cell_table.cell_table(known, KNOWN.feeds[mno], D), cells)
    return {
        "kernel": lambda: reduced(landing, mno, cells, "kernel"),
        "duckdb": lambda: reduced(landing, mno, cells, "duckdb"),
        "reading alone": lambda: read_alone(landing, [mno], 1),
        "DuckDB alone": lambda: duckdb_alone(landing, [mno], 1, scratch / "out.parquet"),
    }


def main() -> None:
    """Generate, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--records", type=int, default=8_000_000, help="over the three formats")
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--folder", type=Path, default=Path("build/bench-intake"))
    args = asked.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    landing = generate(args.folder / f"landing-{args.records}", args.records)
    print("| format | records | kernel, a processor second | duckdb | reading alone | DuckDB alone | kernel against "
          "reading alone | against DuckDB alone | against duckdb |\n" + "|---" * 9 + "|")  # fmt: skip
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        for mno, share in SHARE.items():
            taken: dict[str, list[float]] = {}
            offered = ways(landing, mno, Path(scratch))
            offered["kernel"]()  # compiled, or loaded
            for _ in range(args.repeats):
                for name, work in offered.items():
                    taken.setdefault(name, []).extend(measured(1, work).cpu)
            print(
                row(mno, args.records * share, {name: net(cpu, [0.0, 0.0]) for name, cpu in taken.items()}), flush=True
            )


def row(mno: str, records: float, found: dict[str, Net]) -> str:
    """A line of the table."""
    rates = " | ".join(rate(records, one) for one in found.values())
    against = " | ".join(ratio(found["kernel"], found[name]) for name in ("reading alone", "DuckDB alone", "duckdb"))
    return f"| {mno} | {records:,.0f} | {rates} | {against} |"


if __name__ == "__main__":
    main()

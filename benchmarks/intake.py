"""What the intake costs beside reading alone, DuckDB alone, plain Spark SQL and the textbook way, on the same files.

    python benchmarks/intake.py --records 31250000 --scales 1 2 4 8 --repeats 3

Records are generated once into --folder. Writes the intake's part of benchmarks/RESULTS.md, ratios first.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
from intake_records import SHARE, D, generate
from intake_rivals import duckdb_alone, read_alone, spark_alone, textbook
from intake_times import Net, Times, measured, net, rate, ratio

from popflow import contracts
from popflow.intake.night import take_in
from popflow.lake import Lake
from popflow.session import session

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- intake: written by benchmarks/intake.py -->", "<!-- /intake -->"
NATIONAL_RECORDS, NATIONAL_CORES = 500_000_000_000, 130
FORMAT = {"mobile": "CSV.gz", "unicom": "Parquet", "telecom": "JSON lines, gzipped"}
POPFLOW, READING, DUCKDB = "popflow", "reading alone", "DuckDB alone"
SPARK, TEXTBOOK = "plain Spark SQL", "the textbook way"
MNOS = list(SHARE)
TEXTBOOK_LARGEST = 40_000_000  # records; beyond it the textbook way takes longer than all else together


class Memory:
    """Largest resident size of any one Python worker, and of all processes below this one, in MB, while it is open."""

    def __enter__(self) -> Memory:
        self.worker = self.total = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.3):
            sizes = below(os.getpid())
            self.total = max(self.total, sum(size for _, size in sizes))
            self.worker = max([self.worker, *(size for name, size in sizes if name.startswith("python"))])


def below(root: int) -> list[tuple[str, int]]:
    """Name and resident size in MB of each process below one."""
    parents: dict[int, int] = {}
    sizes: dict[int, tuple[str, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        fields = rest.split()
        parents[int(stat.parent.name)] = int(fields[1])
        sizes[int(stat.parent.name)] = (name, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    known = [root]
    for process in known:  # grows while it is walked
        known += [child for child, parent in parents.items() if parent == process]
    return [sizes[process] for process in known[1:]]


def spread(seconds: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(seconds):.1f} s ({min(seconds):.1f}-{max(seconds):.1f})"


class Bench:
    """One run of the benchmark: its session and folders."""

    def __init__(self, folder: Path, cores: int, repeats: int) -> None:
        os.environ["POPFLOW_MASTER"] = f"local[{cores},4]"
        self.cores, self.repeats = cores, repeats
        self._folder, self._contracts = folder, contracts.load()
        self._spark = session("popflow-bench")

    def rival(self, name: str, landing: Path, mnos: list[str] = MNOS, runs: int | None = None) -> Times:
        """Times of each run of popflow or a rival."""
        out = self._folder / f"{name}.parquet"
        ways: dict[str, Callable[[], object]] = {
            POPFLOW: lambda: take_in(self._lake, str(landing), D, mnos),
            READING: lambda: read_alone(landing, mnos, self.cores),
            DUCKDB: lambda: duckdb_alone(landing, mnos, self.cores, out),
            SPARK: lambda: spark_alone(self._spark, landing, mnos, out),
            TEXTBOOK: lambda: textbook(self._spark, landing, mnos, out),
        }
        before = partial(self._new_lake, landing) if name == POPFLOW else lambda: None
        taken = measured(runs or self.repeats, ways[name], before)
        said = f"{name}, {landing.name}, {', '.join(mnos)}: {spread(taken.clock)}, processors {spread(taken.cpu)}"
        print(said, file=sys.stderr, flush=True)
        return taken

    def of_format(self, mno: str, records: int, tiny: Path) -> tuple[int, dict[str, Net]]:
        """Processor seconds of one format by popflow and its rivals, fixed ones apart, in turns.

        Where a difference is within the noise, twice the records are taken, and twice these again.
        """
        for more in (1, 2, 4):
            landing = generate(self._folder / f"landing-{records * more}", records * more)
            found = {}
            for name in (POPFLOW, READING, DUCKDB):
                fixed = self.rival(name, tiny, [mno])
                found[name] = net(self.rival(name, landing, [mno]).cpu, fixed.cpu)
            if all(taken.clear for taken in found.values()):
                break
            print(f"{mno}: a difference is within the noise at {records * more:,} records", file=sys.stderr)
        return records * more, found

    def _new_lake(self, landing: Path) -> None:
        shutil.rmtree(self._folder / "lake", ignore_errors=True)
        self._lake = Lake(self._folder / "lake", self._contracts, self._spark)
        self._lake.replace("cell_to_county", self._spark.read.parquet(str(landing / "cells.parquet")))


def main() -> None:
    """Generate, measure, write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--records", type=int, default=31_250_000, help="at scale 1, over the three formats")
    asked.add_argument("--scales", type=int, nargs="+", default=[1, 2, 4, 8])
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--cores", type=int, default=os.cpu_count())
    asked.add_argument("--folder", type=Path, default=Path("build/bench-intake"))
    asked.add_argument("--formats-at", type=int, help="scale at which each format is measured by itself; the largest")
    asked.add_argument("--no-textbook", action="store_true", help="leave the slowest rival out")
    args = asked.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    tiny = generate(args.folder / "landing-tiny", 20_000)
    landings = {args.records * n: generate(args.folder / f"landing-{args.records * n}", args.records * n)
                for n in sorted(args.scales)}  # fmt: skip
    bench = Bench(args.folder, args.cores, args.repeats)
    for name in (POPFLOW, SPARK):
        bench.rival(name, tiny, runs=2)  # the first Delta write and the first workers cost as much as a million records
    with Memory() as memory:
        largest = bench.rival(POPFLOW, landings[max(landings)])
    parts = _rivals(bench, landings, tiny, largest, args.no_textbook) + _scales(bench, landings, tiny, largest, memory)
    by_format = args.records * (args.formats_at or max(args.scales))
    write("\n".join([*parts, *_formats(bench, by_format, tiny), ""]))


def _rivals(bench: Bench, landings: dict[int, Path], tiny: Path, largest: Times, no_textbook: bool) -> list[str]:
    names = [POPFLOW, READING, DUCKDB, SPARK]
    size = dict.fromkeys(names, max(landings))
    if min(landings) <= TEXTBOOK_LARGEST and not no_textbook:
        size[TEXTBOOK] = min(landings)
    fixed = {name: bench.rival(name, tiny) for name in size}
    others = {name: records for name, records in size.items() if name != POPFLOW}
    taken = {POPFLOW: largest} | {name: bench.rival(name, landings[records]) for name, records in others.items()}
    per = {name: _a_record(net(taken[name].cpu, fixed[name].cpu), size[name]) for name in size}
    head = ["## Intake", "", f"{max(landings):,} records, {bench.cores} cores, {bench.repeats} runs each, "
            f"{dt.date.today()}, Python {sys.version.split()[0]}, DuckDB {duckdb.__version__}. Processor seconds count "
            "this process, the JVM and all workers; ± is half the range of the runs.", "",
            "| processor seconds a record, fixed ones apart | popflow takes |", "|---|---|"]  # fmt: skip
    ratios = [f"| against {name} | {ratio(per[POPFLOW], per[name])} |" for name in size if name != POPFLOW]
    table = ["", "| | records | fixed | by the clock (range) | of processors (range) | records a processor second |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for name, records in size.items():
        begun = f"{statistics.median(fixed[name].clock):.1f} s"
        both = f"{spread(taken[name].clock)} | {spread(taken[name].cpu)}"
        table.append(f"| {name} | {records:,} | {begun} | {both} | {rate(1, per[name])} |")
    return [*head, *ratios, *table]


def _a_record(taken: Net, records: int) -> Net:
    return Net(taken.seconds / records, taken.noise / records)


def _scales(bench: Bench, landings: dict[int, Path], tiny: Path, largest: Times, of_largest: Memory) -> list[str]:
    lines = ["", "| records | seconds | of processors | fixed apart, a record, against the first | largest worker | "
             "all processes |", "|---|---|---|---|---|---|"]  # fmt: skip
    fixed, first = bench.rival(POPFLOW, tiny).cpu, None
    for records, landing in landings.items():
        if records == max(landings):
            times, memory = largest, of_largest
        else:
            with Memory() as memory:
                times = bench.rival(POPFLOW, landing)
        per = _a_record(net(times.cpu, fixed), records)
        first = first or per
        seconds = f"{statistics.median(times.clock):.1f} | {statistics.median(times.cpu):.1f}"
        lines.append(f"| {records:,} | {seconds} | {ratio(per, first)} | {memory.worker} MB | {memory.total} MB |")
    return lines


def _formats(bench: Bench, records: int, tiny: Path) -> list[str]:
    lines = ["", "Each format by itself, processor seconds, fixed ones apart; reading alone is reading, SHA-256 and "
             "unzipping, of Parquet decoding:", "",
             f"| format | records | popflow, a second | {READING} | {DUCKDB} | popflow against reading alone | "
             "against DuckDB alone |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    core_hours, summed = 0.0, []
    for mno, share in SHARE.items():
        of_all, found = bench.of_format(mno, records, tiny)
        own = of_all * share
        rates = " | ".join(rate(own, found[name]) for name in (POPFLOW, READING, DUCKDB))
        against = " | ".join(ratio(found[POPFLOW], found[name]) for name in (READING, DUCKDB))
        lines.append(f"| {FORMAT[mno]} | {own:,.0f} | {rates} | {against} |")
        if found[POPFLOW].clear:
            core_hours += NATIONAL_RECORDS * share / own * found[POPFLOW].seconds / 3600
            summed.append(mno)
    if len(summed) < len(SHARE):
        return [*lines, "", "A national day is not priced: a difference is within the noise."]
    national = f"A national day of {NATIONAL_RECORDS:,} records at these rates: {core_hours:,.0f} core hours, "
    return [*lines, "", f"{national}{core_hours / NATIONAL_CORES:.1f} h on {NATIONAL_CORES} cores."]


def write(part: str) -> None:
    """Put the part in its place in RESULTS.md; what others wrote there stays."""
    text = RESULTS.read_text() if RESULTS.exists() else "# Benchmarks\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    RESULTS.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{part}{END}\n{after.lstrip()}")
    print(part)


if __name__ == "__main__":
    main()

"""What the intake costs beside DuckDB alone, plain Spark SQL and the textbook way, on the same files and cores.

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
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from intake_records import SHARE, D, generate
from intake_rivals import duckdb_alone, spark_alone, textbook

from popflow import contracts
from popflow.intake.night import take_in
from popflow.lake import Lake, session

RESULTS = Path(__file__).with_name("RESULTS.md")
BEGIN, END = "<!-- intake: written by benchmarks/intake.py -->", "<!-- /intake -->"
NATIONAL_RECORDS, NATIONAL_CORES = 500_000_000_000, 130
FORMAT = {"mobile": "CSV.gz", "unicom": "Parquet", "telecom": "JSON lines, gzipped"}
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


def measured(runs: int, work: Callable[[], object]) -> list[float]:
    """Seconds of each run."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


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

    def rival(self, name: str, landing: Path, mnos: list[str] = MNOS, runs: int | None = None) -> list[float]:
        """Seconds of each run of popflow or a rival."""
        out = self._folder / f"{name}.parquet"
        ways: dict[str, Callable[[], object]] = {
            "DuckDB alone": lambda: duckdb_alone(landing, mnos, self.cores, out),
            "plain Spark SQL": lambda: spark_alone(self._spark, landing, mnos, out),
            "the textbook way": lambda: textbook(self._spark, landing, mnos, out),
        }
        times = runs or self.repeats
        if name == "popflow":
            taken = [seconds for _ in range(times) for seconds in self._intake(landing, mnos)]
        else:
            taken = measured(times, ways[name])
        print(f"{name}, {landing.name}, {', '.join(mnos)}: {spread(taken)}", file=sys.stderr, flush=True)
        return taken

    def net(self, name: str, landing: Path, tiny: Path, mnos: list[str] = MNOS) -> float:
        """Median seconds without those that a landing of next to no records costs."""
        fixed = statistics.median(self.rival(name, tiny, mnos))
        return max(statistics.median(self.rival(name, landing, mnos)) - fixed, 0.001)

    def _intake(self, landing: Path, mnos: list[str]) -> list[float]:
        shutil.rmtree(self._folder / "lake", ignore_errors=True)
        lake = Lake(self._folder / "lake", self._contracts, self._spark)
        lake.replace("cell_to_county", self._spark.read.parquet(str(landing / "cells.parquet")))
        return measured(1, lambda: take_in(lake, str(landing), D, mnos))


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
    for name in ("popflow", "plain Spark SQL"):
        bench.rival(name, tiny, runs=2)  # the first Delta write and the first workers cost as much as a million records
    with Memory() as memory:
        largest = bench.rival("popflow", landings[max(landings)])
    parts = _rivals(bench, landings, tiny, largest, args.no_textbook) + _scales(bench, landings, tiny, largest, memory)
    by_format = args.records * (args.formats_at or max(args.scales))
    write("\n".join([*parts, *_formats(bench, landings[by_format], by_format, tiny), ""]))


def _rivals(bench: Bench, landings: dict[int, Path], tiny: Path, largest: list[float], no_textbook: bool) -> list[str]:
    names = ["popflow", "DuckDB alone", "plain Spark SQL"]
    size = dict.fromkeys(names, max(landings))
    if min(landings) <= TEXTBOOK_LARGEST and not no_textbook:
        size["the textbook way"] = min(landings)
    fixed = {name: statistics.median(bench.rival(name, tiny)) for name in size}
    others = {name: records for name, records in size.items() if name != "popflow"}
    taken = {"popflow": largest} | {name: bench.rival(name, landings[records]) for name, records in others.items()}
    per = {name: max(statistics.median(taken[name]) - fixed[name], 0.001) / size[name] for name in size}
    head = ["## Intake", "", f"{max(landings):,} records, {bench.cores} cores, {bench.repeats} runs each, "
            f"{dt.date.today()}, Python {sys.version.split()[0]}, DuckDB {duckdb.__version__}.", "",
            "| a record, fixed seconds apart | popflow takes |", "|---|---|"]  # fmt: skip
    ratios = [f"| against {name} | {per['popflow'] / per[name]:.2f} x its time |" for name in size if name != "popflow"]
    table = ["", "| | records | fixed | median (range) | records/s/core |", "|---|---|---|---|---|"]
    for name, records in size.items():
        rate = f"{1 / per[name] / bench.cores:,.0f}"
        table.append(f"| {name} | {records:,} | {fixed[name]:.1f} s | {spread(taken[name])} | {rate} |")
    return [*head, *ratios, *table]


def _scales(bench: Bench, landings: dict[int, Path], tiny: Path, largest: list[float], of_largest: Memory) -> list[str]:
    lines = ["", "| records | seconds | fixed apart, against the first | largest worker | all processes |",
             "|---|---|---|---|---|"]  # fmt: skip
    fixed, first = statistics.median(bench.rival("popflow", tiny)), 0.0
    for records, landing in landings.items():
        if records == max(landings):
            seconds, memory = statistics.median(largest), of_largest
        else:
            with Memory() as memory:
                seconds = bench.rival("popflow", landing, runs=1)[0]
        first = first or seconds - fixed
        ratio = (seconds - fixed) / first
        lines.append(f"| {records:,} | {seconds:.1f} | {ratio:.2f} x | {memory.worker} MB | {memory.total} MB |")
    return lines


def _formats(bench: Bench, landing: Path, records: int, tiny: Path) -> list[str]:
    lines = ["", f"Each format by itself, of {records:,} records:", "",
             "| format | records/s/core | DuckDB alone | popflow takes |", "|---|---|---|---|"]  # fmt: skip
    core_hours, summed = 0.0, []
    for mno, share in SHARE.items():
        own, alone = (bench.net(name, landing, tiny, [mno]) for name in ("popflow", "DuckDB alone"))
        rate, other = (records * share / seconds / bench.cores for seconds in (own, alone))
        lines.append(f"| {FORMAT[mno]} | {rate:,.0f} | {other:,.0f} | {own / alone:.2f} x its time |")
        core_hours += NATIONAL_RECORDS * share / rate / 3600
        summed.append(f"{NATIONAL_RECORDS * share:,.0f} / {rate:,.0f}")
    national = f"A national day of {NATIONAL_RECORDS:,} records at these rates: ({' + '.join(summed)}) / 3600 = "
    national += f"{core_hours:,.0f} core hours, {core_hours / NATIONAL_CORES:.1f} h on {NATIONAL_CORES} cores."
    return [*lines, "", national]


def write(part: str) -> None:
    """Put the part in its place in RESULTS.md; what others wrote there stays."""
    text = RESULTS.read_text() if RESULTS.exists() else "# Benchmarks\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    RESULTS.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{part}{END}\n{after.lstrip()}")
    print(part)


if __name__ == "__main__":
    main()

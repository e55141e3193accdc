"""The nation at full size: what gate and auditor take and show, and how fast a year of its releases is read.

Dates of `popflow.synthetic.national` are drawn, protected and audited in this process, chain by chain, so that seconds
of CPU are of these alone. Then a year of releases is laid down, one date's rows under 365 dates, and asked as an
analyst asks.

    python benchmarks/nation.py --folder FOLDER --dates 3 --movers 100000000 10000000
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from popflow import contracts
from popflow.audit import Candidate, audit, wide_base_cells
from popflow.disclosure import ProtectedTable, protect_flows, read_exact
from popflow.geography.counties import county_table
from popflow.synthetic.national import MOVERS_A_DAY
from popflow.synthetic.scenario import counts

MNOS = ("mobile", "unicom", "telecom")
FIRST, NEWEST, YEAR = dt.date(2020, 1, 19), dt.date(2020, 1, 22), 365
KNOWN = contracts.load()
AS_RELEASED = WriterProperties(compression="SNAPPY", max_row_group_size=12_000)
ASKED = {
    "outflow of Wuhan, 14 days, counties": "outflow --area wuhan --days 14 --level county",
    "outflow of Hubei, 14 days, counties": "outflow --area hubei --days 14 --level county",
    "inflow of Changsha, 14 days": "inflow --area changsha --days 14",
    "inflow of a county, 14 days": "inflow --area 430102 --days 14",
    "net flow of Wuhan, 14 days": "net --area wuhan --days 14",
    "matrix of prefectures, 1 day": "matrix --level prefecture --days 1 --wide",
}


def audited_dates(movers: int, dates: int) -> list[dict[str, float]]:
    """One row of figures for each date that is drawn, protected and audited, plants and all."""
    covered, found = sorted(county_table()["county_code"]), []
    for date, exact in counts(FIRST, dates, 1, MOVERS_A_DAY / movers, national=True):
        started = time.process_time()
        table = protected(exact, date, covered)
        gate = time.process_time()
        rows, base_cells = table.rows, wide_base_cells(table.base_cells_table)
        about = {"covered": covered, "mnos": MNOS, "time_limit_s": 3600}
        verdict = audit(rows.iloc[:0], base_cells.iloc[:0], candidate=Candidate(rows, base_cells), **about)
        planted = [leak.outcome for leak in verdict.planted]
        found.append(
            {
                "movers": table.root_persons,
                "rows": len(rows),
                "gate, s of CPU": gate - started,
                "audit, s of CPU": time.process_time() - gate,
                "findings": len(verdict.findings),
                "planted leaks": len(planted) - planted.count("not applicable"),
                "of these caught": planted.count("caught"),
                **{f"shown by {name}, %": 100 * share for name, share in table.shares.items()},
                "peak of this process, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            }
        )
        print(json.dumps({str(date): found[-1]}), flush=True)
    return found


def protected(exact: pa.Table, date: dt.date, covered: list[str]) -> ProtectedTable:
    """The gate as a night calls it."""
    return protect_flows(
        read_exact(exact),
        indicator=KNOWN.headline,
        areas=KNOWN.areas,
        covered_counties=covered,
        date=date,
        release=1,
        mnos=MNOS,
        rules=KNOWN.disclosure,
    )


def year_of_releases(lake: Path, rows: pd.DataFrame) -> None:
    """A lake in which one date's rows stand under each date of a year, in files as a release writes them."""
    shutil.rmtree(lake, ignore_errors=True)
    flows, releases = KNOWN.table("flows"), KNOWN.table("releases")
    schema = flows.arrow_schema()
    for table in (flows, releases):
        DeltaTable.create(
            str(lake / "published" / table.table),
            schema=table.arrow_schema(),
            partition_by=table.partition_by,
            configuration=table.delta_properties(),
            raise_if_key_not_exists=False,
        )
    ordered, released = rows.sort_values(flows.sorted_by), []
    for day in range(YEAR):
        date = NEWEST - dt.timedelta(days=day)
        made = pa.Table.from_pandas(ordered.assign(date=date)[schema.names], schema, preserve_index=False)
        write_deltalake(lake / "published" / "flows", made, mode="append", writer_properties=AS_RELEASED)
        released.append(
            {"indicator": "outflow", "date": date, "release": 1, "status": "released", "run_id": "benchmark",
             "code_version": "0", "input_fingerprint": "", "mnos": list(MNOS), "reason": "first release",
             "definition": rows["definition"].iloc[0], "persons_rounded": 0, "pair_share_percent": 0,
             "county_share_percent": 0, "signed_by": "benchmark", "released_at_utc": dt.datetime.now(dt.UTC)}
        )  # fmt: skip
    frame = pd.DataFrame(released)
    schema = releases.arrow_schema()
    write_deltalake(
        lake / "published" / "releases",
        pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False),
        mode="append",
    )


def asked(lake: Path, calls: int) -> dict[str, list[float]]:
    """Wall seconds of some calls of each question, whole processes, in turns; beside them the imports alone."""
    before = f"--before {NEWEST + dt.timedelta(days=1)} --lake {lake} --out {lake.parent / 'answer.parquet'}"
    start = [sys.executable, "-c", "from popflow.cli import main; main()", "pull"]
    questions = {name: [*start, *words.split(), *before.split()] for name, words in ASKED.items()}
    questions["the imports of pandas and pyarrow alone"] = [sys.executable, "-c", "import pandas, pyarrow.dataset"]
    taken: dict[str, list[float]] = {name: [] for name in questions}
    for _ in range(calls):
        for name, call in questions.items():
            started = time.perf_counter()
            subprocess.run(call, check=True, capture_output=True)
            taken[name].append(time.perf_counter() - started)
    return taken


def main() -> None:
    """Print figures by date, and a line for each question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--dates", type=int, default=3)
    parser.add_argument("--movers", type=int, nargs="*", default=[MOVERS_A_DAY, MOVERS_A_DAY // 10])
    parser.add_argument("--calls", type=int, default=5)
    given = parser.parse_args()
    for movers in given.movers:
        frame = pd.DataFrame(audited_dates(movers, given.dates))
        print(f"\n{movers:,} movers a day, median (least to greatest) of {len(frame)} dates")
        for name in frame:
            print(f"| {name} | {frame[name].median():,.1f} ({frame[name].min():,.1f} to {frame[name].max():,.1f}) |")
    given.folder.mkdir(parents=True, exist_ok=True)
    _, exact = next(counts(FIRST, 1, 1, national=True))
    table = protected(exact, FIRST, sorted(county_table()["county_code"]))
    year_of_releases(given.folder / "lake", table.rows)
    print(f"\n{YEAR} dates of {len(table.rows):,} rows")
    for name, taken in asked(given.folder / "lake", given.calls).items():
        print(f"| {name} | {statistics.median(taken):.2f} ({min(taken):.2f} to {max(taken):.2f}) s |")


if __name__ == "__main__":
    main()

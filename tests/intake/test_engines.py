"""The fast path against its oracle in plain Spark SQL: same presence, same tallies, same quarantine."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import D, mobile_bytes, mobile_line, telecom_bytes, unicom_bytes

from popflow.intake.night import take_in
from popflow.lake import Lake

MNOS = ["mobile", "unicom", "telecom"]
ENDS = ["00", "40", "80", "c0", "11", "ff"]


def records(seed: int, count: int) -> list[tuple[str, str, int, int]]:
    """Records with repeats, other days, unknown cells and SIMs inside and outside the sample."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        token = rng.choice("abc") * 30 + rng.choice(ENDS)
        day = rng.choice([19, 21, 22, 22, 22, 22, 23])
        time = f"2020-01-{day} {rng.randrange(24):02}:{rng.choice([0, 14, 15, 59]):02}:00"
        made.append((token, time, 1, rng.randrange(1, 8)))
    return made + made[: count // 20]


def broken_lines() -> bytes:
    """Lines of every kind that a row is set aside for, among sound ones."""
    good = mobile_line("a" * 32, "2020-01-22 10:00:00", 1, 1)
    bad = [
        "",
        "x|y",
        good.replace("|1|1|", "||1|"),
        good.replace("a" * 32, ""),
        good.replace("a" * 32, "A" * 32),  # the same token, and sound
        good.replace("a" * 32, f" {'A' * 32} "),
        good.replace("20200122", "20201322"),
        good.replace("20200122", "19700101"),
        good + "|more|fields\r",
        good.replace("|1|1|", "|1|zz|"),
        good.replace("100000", "10000"),
        good.replace("|1|1|", "|1|99999999999999|"),
    ]
    return gzip.compress("\n".join([good, *bad, *[good] * 20]).encode())


def taken(lake: Lake, landing: Path, engine: str) -> dict[str, set[tuple]]:
    """What one engine makes of a landing folder."""
    take_in(lake, str(landing), D, MNOS, engine=engine)
    tables = {}
    for name in ("presence", "tallies", "quarantine"):
        rows = {tuple(row) for row in lake.read(name).collect()}
        tables[name] = {row for row in rows if "reduced_rows" not in row}
    tables["deliveries"] = {tuple(row)[:-1] for row in lake.read("deliveries").collect()}
    return tables


@pytest.mark.slow
def test_both_engines_give_the_same(known_cells: Lake, landing: Path, deliver: Callable[..., Path]) -> None:
    for mno, name, written in (("mobile", "csv.gz", mobile_bytes), ("unicom", "parquet", unicom_bytes),
                               ("telecom", "jsonl.gz", telecom_bytes)):  # fmt: skip
        parts = {f"{part}.{name}": (written(*records(part, 200)), 210) for part in range(2)}
        deliver(mno, f"{mno}-1", parts)
    deliver("mobile", "mobile-2", {
        "broken.csv.gz": (broken_lines(), 33),
        "misfit.csv.gz": (gzip.compress(b"a,b\n" * 9), 9),
        "short.csv.gz": (mobile_bytes(*records(5, 3))[:-9], 3),
        "count.csv.gz": (mobile_bytes(*records(5, 3)), 4),
    })  # fmt: skip
    fast = taken(known_cells, landing, "duckdb")
    other = Lake(f"{known_cells.root}-spark", known_cells.contracts, known_cells.spark)
    other.replace("cell_to_county", known_cells.read("cell_to_county"))
    slow = taken(other, landing, "spark")
    assert len(fast["presence"]) > 100
    assert {row[4] for row in fast["quarantine"]} >= {"unparseable", "no_token", "time_outside", "unknown_cell",
                                                      "file_misfit", "file_damaged", "file_rows"}  # fmt: skip
    for name in fast:
        assert fast[name] == slow[name], (name, sorted(fast[name] ^ slow[name], key=str)[:20])

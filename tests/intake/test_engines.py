"""The fast paths against their oracle in plain Spark SQL: same presence, same tallies, same quarantine."""

from __future__ import annotations

import contextlib
import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import PREFIXES, D, cells_file, entry, mobile_bytes, mobile_line, telecom_bytes, unicom_bytes
from odd_spellings import EPOCHS, NO_HEX, NO_NUMBER, ONE, TEXT_TIMES, ZONED_TIMES
from pyspark.sql import SparkSession
from test_number_text import DECIMAL, IN_PARQUET, feed, json_lines, lines_of, parquet, text

from popflow.contracts import Contracts
from popflow.feeds import Feed
from popflow.intake.night import take_in
from popflow.intake.packing import Pack, PackFile
from popflow.intake.reduction import Limits, reduce_pack
from popflow.intake.spark_sql import reduced_by_spark
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
def test_all_engines_give_the_same(known_cells: Lake, landing: Path, deliver: Callable[..., Path]) -> None:
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
    found = {}
    for engine in ("kernel", "duckdb", "spark"):
        lake = Lake(f"{known_cells.root}-{engine}", known_cells.contracts, known_cells.spark)
        lake.replace("cell_to_county", known_cells.read("cell_to_county"))
        found[engine] = taken(lake, landing, engine)
    slow = found.pop("spark")
    fast = found["kernel"]
    assert len(fast["presence"]) > 100
    assert {row[4] for row in fast["quarantine"]} >= {"unparseable", "no_token", "time_outside", "unknown_cell",
                                                      "file_misfit", "file_damaged", "file_rows"}  # fmt: skip
    for engine, got in found.items():
        for name, rows in got.items():
            assert rows == slow[name], (engine, name, sorted(rows ^ slow[name], key=str)[:20])


def odd_files() -> list[tuple[Feed, bytes, int]]:
    """Files of odd spellings, one a feed: contract, content, rows."""
    files: list[tuple[Feed, list[str]]] = [
        (feed(), lines_of([*ONE, *NO_NUMBER], "ci", "1") + lines_of([*EPOCHS[0], *EPOCHS[1]], "at", "1579658400")),
        (feed(cell_id=DECIMAL | {"base": "hex"}), lines_of([*ONE, *NO_HEX], "lac", "1")),
        (feed(format="jsonl", delimiter=None), json_lines()[0]),
    ]
    for form, (right, wrong) in (TEXT_TIMES | ZONED_TIMES).items():
        kind = {"kind": "zoned_text"} if form in ZONED_TIMES else {"kind": "local_text", "zone": "Asia/Shanghai"}
        files.append((feed(time={"from": "at", "format": form} | kind), lines_of([*right, *wrong], "at", right[0])))
    long = [line.replace("\x01", "||").rstrip("|") + end for line in files[0][1] for end in ("", " ", "\r")]
    files.append((feed(delimiter="||"), long + [f"{'a' * 32}||1579658400||1||1"] * len(long)))
    made = [(contract, text(lines), len(lines)) for contract, lines in files]
    return [*made, (IN_PARQUET, parquet({"ci": [*ONE, *NO_NUMBER, *["1"] * 50]}), len(ONE) + len(NO_NUMBER) + 50)]


ODD = odd_files()
QUICK = (0, 2, len(ODD) - 1)  # csv, jsonl, parquet; a Spark plan a feed takes seconds


@pytest.mark.parametrize(
    "number",
    [number if number in QUICK else pytest.param(number, marks=pytest.mark.slow) for number in range(len(ODD))],
)
def test_all_engines_read_odd_spellings_alike(
    spark: SparkSession, contracts: Contracts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")
    contract, content, rows = ODD[number]
    cells = {"x": cells_file(tmp_path, "x", contract)}
    path = tmp_path / "sim=[a]*"
    path.write_bytes(content)
    told = entry(path.name, content, rows)
    pack = Pack("x", "d1", D, [PackFile(str(path), told["name"], "", told["bytes"], told["sha256"], rows)])
    schema = contracts.table("intake").arrow_schema()
    found = {}
    for engine in ("kernel", "duckdb"):
        batches = reduce_pack(pack, contract, cells["x"], schema, Limits(), engine)
        found[engine] = {
            tuple(row.values()) for batch in batches for row in batch.to_pylist() if row["reason"] != "reduced_rows"
        }
    quick = found["kernel"]
    assert quick == found["duckdb"]
    with contextlib.ExitStack() as held:
        frame = reduced_by_spark(spark, [pack], {"x": contract}, cells, contracts.table("intake"), held)
        slow = {tuple(row) for row in frame.select(*schema.names).collect()}
    assert {row[2] for row in quick} == {"presence", "tallies", "quarantine"}
    assert quick == slow, sorted(quick ^ slow, key=str)[:20]

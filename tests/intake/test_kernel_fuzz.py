"""The kernel against DuckDB, without Spark: lines that are mutated at random come to the same, bit by bit."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import landing_files
import pyarrow as pa
import pytest
from landing_files import PREFIXES, reduce_files
from odd_spellings import BROKEN_JSON, JSON_ONE, NO_HEX, NO_NUMBER, ONE, TEXT_TIMES
from test_number_text import DECIMAL, TEN, feed, parquet

from popflow.feeds import Feed
from popflow.intake import kernel_use, reduction

QUICK, LONG = 1_500, 100_000  # lines a feed
TOKENS = [f"{number:032x}"[::-1] for number in range(1, 20)] + ["0" * 31 + "1", "ab" * 15 + "40", "f" * 32]
CELLS = ["1", "2", "3", "4", "5", "6", "8"]  # the sixth is of later dates, the last unknown
STRANGE = [b"\r", b"\n", b"|", b"\x01", b";", b'"', b"\\", b"{", b"}", b",", b":", b" ", b"\t", b"\0", b"\xff", b"\x7f",
           b"\xc3\xa9", b"\xef\xbb\xbf", b"0", b"9", b"a", b"F", b"-", b"+", b".", b"e", b"null", b"\\u0031",
           b"\xef\xbc\x91"]  # fmt: skip
CELL = {"from": ["ci"], "base": "text", "prefix": "460-00", "separator": "-1-"}
LOCAL = {"from": "at", "kind": "local_text", "zone": "Asia/Shanghai"}
SHORT = {"from": "sim", "pattern": "^[0-9a-f]{16}$"}
FEEDS: dict[str, Feed] = {
    "csv, epoch": feed(),
    "csv, hexadecimal, short tokens, a header": feed(
        cell_id=DECIMAL | {"base": "hex"}, sim_token=SHORT, header=True, delimiter="|"
    ),
    "csv, text cell with a prefix": feed(cell_id=CELL, time=LOCAL | {"format": "%Y-%m-%d %H:%M:%S"}, delimiter=";"),
    "csv, a time without seconds": feed(time=LOCAL | {"format": "%d.%m.%Y at %H h %M"}),
    "jsonl, numbers": feed(format="jsonl", delimiter=None),
    "jsonl, text": feed(format="jsonl", delimiter=None, cell_id=CELL, time=LOCAL | {"format": "%Y%m%d%H%M%S"}),
}
TIMES = {
    "%Y-%m-%d %H:%M:%S": "2020-01-{:02} {:02}:{:02}:59",
    "%d.%m.%Y at %H h %M": "{:02}.01.2020 at {:02} h {:02}",
    "%Y%m%d%H%M%S": "202001{:02}{:02}{:02}00",
}


def record(rng: random.Random, contract: Feed) -> dict[str, Any]:
    """A record of the feed x, sound but for its cell or its date now and then; one field in ten is spelt oddly."""
    day, hour, minute = rng.choice([20, 21, 22, 22, 22, 23, 24]), rng.randrange(24), rng.choice([0, 14, 15, 59])
    form = TIMES.get(contract.fields.time.format or "")
    at: Any = form.format(day, hour, minute) if form else TEN + (day - 22) * 86_400 + (hour - 10) * 3600 + minute * 60
    digits = 16 if contract.fields.sim_token.pattern == SHORT["pattern"] else 32
    made: dict[str, Any] = {"sim": rng.choice(TOKENS)[-digits:], "at": at, "lac": "1", "ci": rng.choice(CELLS)}
    if not rng.randrange(10):
        odd = [*ONE, *NO_NUMBER, *NO_HEX, *BROKEN_JSON, *TEXT_TIMES["%Y-%m-%d %H:%M:%S"][1], "A" * 32, "a" * 31]
        made[rng.choice(["sim", "at", "lac", "ci"])] = rng.choice(odd)
    return made


def line(rng: random.Random, contract: Feed) -> bytes:
    """A line, one in four with some of its bytes changed."""
    made = record(rng, contract)
    if contract.format == "csv":
        text = (contract.delimiter or "").join(map(str, made.values())) + rng.choice(["", contract.delimiter or ""])
    else:
        numbers = {name: int(value) if str(value).isdecimal() and rng.randrange(4) and name != "sim" else value
                   for name, value in made.items()}  # fmt: skip
        text = json.dumps(
            numbers, ensure_ascii=bool(rng.randrange(2)), separators=rng.choice([(",", ":"), (" , ", ": ")])
        )
        if not rng.randrange(20):
            text = text.replace('"lac": "1"', f'"lac": {rng.choice([*JSON_ONE, *BROKEN_JSON])}')
    content = bytearray(text.encode())
    if not rng.randrange(4):
        for _ in range(rng.randrange(1, 3)):
            start = rng.randrange(len(content) + 1)
            end = min(len(content), start + rng.choice([0, 0, 1, 1, 2, 8]))
            put = rng.choice([*STRANGE, b"", bytes(content[start:end]) * 2, bytes(content[start:end]).upper()])
            content[start:end] = put
    return bytes(content)


def text_file(rng: random.Random, contract: Feed, count: int) -> tuple[bytes, int]:
    """Lines of a feed, and their number."""
    lines = [line(rng, contract) for _ in range(count)]
    content = rng.choice([b"\n", b"\r\n"]).join(lines)
    rows = content.count(b"\n") + (not content.endswith(b"\n"))
    return (b"|".join([b"sim", b"at", b"lac", b"ci"]) + b"\n" if contract.header else b"") + content, rows


def same(folder: Path, monkeypatch: pytest.MonkeyPatch, contract: Feed, content: bytes, rows: int) -> dict[str, list]:
    """What both engines make of a file; they must not differ."""
    assert kernel_use.without_kernel(contract) is None
    found = {}
    for engine in ("kernel", "duckdb"):
        monkeypatch.setattr(landing_files, "reduce_pack", partial(reduction.reduce_pack, engine=engine))
        found[engine] = reduce_files(folder, "x", {"f": (content, rows)}, contract)
    for kind, got in found["kernel"].items():
        wanted = found["duckdb"][kind]
        assert got == wanted, (kind, sorted(set(got) ^ set(wanted), key=str)[:20])
    return found["kernel"]


def fuzzed(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, count: int, seed: int) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")
    contract = FEEDS[name]
    content, rows = text_file(random.Random(seed), contract, count)
    found = same(folder, monkeypatch, contract, content, rows)
    told = {reason for _, reason, _, _ in found["tallies"]}
    assert {"accepted", "unparseable", "no_token", "time_outside", "unknown_cell", "sampled"} <= told
    assert len(found["presence"]) > 30


@pytest.mark.parametrize("name", FEEDS)
def test_mutated_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fuzzed(tmp_path, monkeypatch, name, QUICK, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("name", FEEDS)
def test_a_million_mutated_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seed: int) -> None:
    fuzzed(tmp_path, monkeypatch, name, LONG, seed)


KINDS: dict[str, Callable[[list], pa.Array]] = {
    "text": lambda values: pa.array(values, pa.string()),
    "dictionary": lambda values: pa.array(values, pa.string()).dictionary_encode(),
    "binary": lambda values: pa.array([None if v is None else v.encode() for v in values], pa.binary()),
    "large text": lambda values: pa.array(values, pa.large_string()),
    "view": lambda values: pa.array(values, pa.string_view()),
}
OF_PARQUET = {
    "numbers": feed(format="parquet", delimiter=None),
    "text cell": feed(format="parquet", delimiter=None, cell_id=CELL),
    "timestamps": feed(
        format="parquet", delimiter=None, time={"from": "at", "kind": "timestamp_ms", "zone": "Asia/Shanghai"}
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OF_PARQUET)
def test_mutated_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")
    monkeypatch.setattr("popflow.intake.parquet_columns.ROWS", 700)
    rng, contract = random.Random(name + kind), OF_PARQUET[name]
    made = [record(rng, FEEDS["csv, epoch"]) for _ in range(QUICK)]
    times: Any = pa.array(
        [at if isinstance(at := one["at"], int) else rng.choice([None, -1, 0, 1 << 62]) for one in made]
    )
    if name == "timestamps":
        times = pa.array(
            [None if at is None else (at % (1 << 40)) * 1000 for at in times.to_pylist()], pa.timestamp("ms")
        )
    columns = {column: [rng.choice([None, *[one[column]] * 30]) for one in made] for column in ("sim", "lac", "ci")}
    lac = KINDS[kind](columns["lac"])
    if name == "timestamps":
        lac = pa.array(
            [int(one) if one and one.isascii() and one.isdigit() and len(one) < 10 else 1 for one in columns["lac"]]
        )
    content = parquet({"sim": KINDS[kind](columns["sim"]), "at": times, "lac": lac, "ci": KINDS[kind](columns["ci"])})
    found = same(tmp_path, monkeypatch, contract, content, QUICK)
    assert len(found["presence"]) > 30
    assert len(found["quarantine"]) > 100


def test_a_file_of_many_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popflow.intake.text_lines.CHUNK", 500)
    monkeypatch.setattr("popflow.intake.kernel_presence.ODD_HELD", 3)
    for name in FEEDS:
        fuzzed(tmp_path, monkeypatch, name, QUICK, 4)
        (tmp_path / "cells-x.parquet").unlink()


@pytest.mark.parametrize("name", ["csv, epoch", "jsonl, text"])
def test_zipped_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")
    content, rows = text_file(random.Random(7), FEEDS[name], 300)
    zipped = FEEDS[name].model_copy(update={"compression": "gzip"})
    plain = same(tmp_path, monkeypatch, FEEDS[name], content, rows)
    assert same(tmp_path, monkeypatch, zipped, gzip.compress(content), rows) == plain

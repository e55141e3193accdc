"""A task's memory is bounded, whatever a file holds: batches, presence that spills encrypted, limits by name."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from isal import igzip
from landing_files import A, B, counts, mobile_bytes, mobile_line, reduce_files

from popflow.errors import PopflowError
from popflow.intake import file_counts, file_rows, reduction
from popflow.intake.spill import Spill

TEN = "2020-01-22 10:00:00"
# Spark keeps to limits of its own.
pytestmark = [
    pytest.mark.usefixtures("engine"),
    pytest.mark.parametrize("engine", ["kernel", "duckdb"], indirect=True),
]
GOOD = mobile_line(A, TEN, 1, 1)


def token(number: int, end: str = "") -> str:
    """A SIM's token, the same for a number."""
    return (hashlib.md5(str(number).encode()).hexdigest() + end)[-32:]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and memory of a few rows."""
    monkeypatch.setattr(file_rows, "BATCH_ROWS", 50)
    monkeypatch.setattr("popflow.intake.text_lines.CHUNK", 1 << 10)
    monkeypatch.setattr("popflow.intake.parquet_columns.ROWS", 50)
    monkeypatch.setattr(reduction.Limits, "__new__", _holding_few)


def _holding_few(cls: type, memory: str = "1GB", threads: int = 1, held: int = 40) -> reduction.Limits:
    return tuple.__new__(cls, (memory, threads, held))


def ored(rows: list[tuple]) -> dict[tuple, tuple[int, int]]:
    """Presence rows put together, as Spark does after the tasks."""
    found: dict[tuple, tuple[int, int]] = {}
    for *key, low, high in rows:
        before = found.get(tuple(key), (0, 0))
        found[tuple(key)] = before[0] | low, before[1] | high
    return found


def records(first: int, count: int) -> list[tuple[str, str, int, int]]:
    return [
        (token(n % 150), f"2020-01-22 {n % 24:02}:{n % 60:02}:00", 1, 1 + n % 8) for n in range(first, first + count)
    ]


def test_batches_and_spills_come_to_what_one_reading_comes_to(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{n}.csv.gz": (mobile_bytes(*records(400 * n, 400)), 400) for n in range(3)}
    files["short.csv.gz"] = (mobile_bytes(*records(0, 300))[:-9], 300)
    files["count.csv.gz"] = (mobile_bytes(*records(0, 300)), 301)
    whole = reduce_files(tmp_path, "mobile", files)
    put: list[int] = []
    real = Spill.put
    monkeypatch.setattr(Spill, "put", lambda self, table: (put.append(table.num_rows), real(self, table))[1])
    request.getfixturevalue("small")
    parts = reduce_files(tmp_path, "mobile", files)
    assert len(put) > 10
    assert ored(parts["presence"]) == ored(whole["presence"])
    assert len(parts["presence"]) > len(whole["presence"])
    assert parts["quarantine"] == whole["quarantine"]
    told = [[row for row in one["tallies"] if row[1] != "reduced_rows"] for one in (parts, whole)]
    assert told[0] == told[1]


@pytest.mark.usefixtures("small")
def test_what_is_spilled_of_a_file_that_is_set_aside_counts_for_nothing(tmp_path: Path) -> None:
    distinct = [(token(n), TEN, 1, 1) for n in range(500)]
    files = {"short.csv.gz": (mobile_bytes(*distinct)[:-9], 500), "sound.csv.gz": (mobile_bytes((B, TEN, 1, 1)), 1)}
    assert [row[1] for row in reduce_files(tmp_path, "mobile", files)["presence"]] == [B]


def test_no_token_lies_in_scratch_in_clear(tmp_path: Path) -> None:
    held = Spill(tmp_path)
    table = pa.table({"sim_token": [token(n) for n in range(1000)]})
    held.put(table)
    (path,) = tmp_path.iterdir()
    assert not any(token(n).encode() in path.read_bytes() for n in range(0, 1000, 100))
    assert pa.Table.from_batches(list(held.batches())) == table
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_spill_is_no_presence(tmp_path: Path) -> None:
    held = Spill(tmp_path)
    held.put(pa.table({"sim_token": [A]}))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PopflowError, match="scratch was changed"):
        list(held.batches())


def test_duckdb_itself_spills_nothing(tmp_path: Path) -> None:
    with (
        reduction.connection(reduction.Limits(memory="60MB")) as db,
        pytest.raises(reduction.duckdb.OutOfMemoryException),
    ):
        db.execute("CREATE TABLE t AS SELECT md5(i::VARCHAR) AS x FROM range(3000000) r(i)").fetchall()


def test_a_file_beyond_the_memory_of_a_task_is_set_aside_and_the_next_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [(token(n).upper(), TEN, 1, 1) for n in range(60_000)]  # every engine has DuckDB read these
    limits = reduction.Limits(memory="8MB")
    monkeypatch.setattr(reduction, "Limits", lambda: limits)
    files = {"large.csv.gz": (mobile_bytes(*many), 60_000), "sound.csv.gz": (mobile_bytes((B, TEN, 1, 1)), 1)}
    reduced = reduce_files(tmp_path, "mobile", files)
    assert counts(reduced, "large.csv.gz") == {"rows": 60_000, "file_memory": 60_000}
    assert counts(reduced, "sound.csv.gz") == {"rows": 1, "accepted": 1}
    assert [row[1] for row in reduced["presence"]] == [B]


def test_tokens_that_are_no_hashes_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_counts, "SAMPLE_HELD", 100)
    sampled = [(token(n, "00"), TEN, 1, 1) for n in range(200)]
    reduced = reduce_files(tmp_path, "mobile", {"f": (mobile_bytes(*sampled), 200)})
    assert counts(reduced, "f") == {"rows": 200, "file_memory": 200}


@pytest.mark.usefixtures("small")
def test_rows_of_the_quarantine_are_the_first_of_the_file(tmp_path: Path) -> None:
    text = "".join(f"{GOOD}\n\n" for _ in range(300))
    reduced = reduce_files(tmp_path, "mobile", {"f": (gzip.compress(text.encode()), 600)})
    assert sorted(row for _, _, row in reduced["quarantine"]) == [2 * n for n in range(1, 101)]


def test_a_file_that_unzips_to_more_than_its_manifest_says_is_not_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = file_rows.TextLines.batches

    def counted(self: file_rows.TextLines, *sieve: Any) -> Iterator[pa.RecordBatch]:
        for batch in real(self, *sieve):
            read.append(self.rows)
            yield batch

    monkeypatch.setattr(file_rows.TextLines, "batches", counted)
    reduced = reduce_files(tmp_path, "mobile", {"f": (gzip.compress(b"\n" * 20_000_000), 1000)})
    assert counts(reduced, "f") == {"rows": 1000, "file_rows": 1000}
    assert max(read) < 1_000_000


def written(folder: Path, block: Callable[[int], bytes], blocks: int) -> Path:
    """A zipped file of blocks."""
    path = folder / "f.csv.gz"
    with igzip.open(path, "wb", compresslevel=1) as file:
        for number in range(blocks):
            file.write(block(number))
    return path


EMPTY, UNKNOWN = b"\n" * 1_000_000, (GOOD.replace("|1|1|", "|1|99|") + "\n").encode() * 100_000
BLOCKS: dict[str, tuple[Callable[[int], bytes], int, int, dict[str, int]]] = {
    "20 million empty lines": (lambda _: EMPTY, 20, 20_000_000, {"file_misfit": 20_000_000}),
    "15 million unknown cells": (lambda _: UNKNOWN, 150, 15_000_000, {"unknown_cell": 15_000_000}),
    "10 million SIMs": (
        lambda block: "".join(
            f"{GOOD.replace(A, token(n))}\n" for n in range(block * 10**5, (block + 1) * 10**5)
        ).encode(),
        100,
        10_000_000,
        {"accepted": 10_000_000},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BLOCKS)
def test_memory_is_bounded_at_real_size(tmp_path: Path, bomb: str) -> None:
    block, blocks, rows, wanted = BLOCKS[bomb]
    script = [
        sys.executable,
        str(Path(__file__).with_name("measured.py")),
        str(written(tmp_path, block, blocks)),
        str(rows),
    ]
    found = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    assert {reason: found["counts"][reason] for reason in wanted} == wanted
    assert found["peak"] < 1_800

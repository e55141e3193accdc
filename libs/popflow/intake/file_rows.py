"""The rows of a landing file, whatever its format: opened once, within its contract's limits, checked to its end.

All engines read by this; one may take the plain records in itself as they pass, and leave the others. What a row means,
its cell, its time, is theirs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from popflow.feeds import Feed
from popflow.intake.encrypted import Undecryptable, is_encrypted
from popflow.intake.file_checks import WholeFile, checked, open_landed, refuse_changed
from popflow.intake.packing import PackFile
from popflow.intake.parquet_columns import ParquetColumns
from popflow.intake.text_lines import DAMAGE, HashedFile, LineSieve, TextLines

BATCH_ROWS, BATCH_BYTES = 1 << 20, 64 << 20  # what is classified at a time: it bounds a task's memory


class Sieves(NamedTuple):
    """Who takes in plain records as they are read, and sets the others aside.

    of_lines: from a csv column's places in the file to a LineSieve. of_columns: from whether a file's timestamps bear a
    zone to what takes a batch and gives the places of the rows that it sets aside.
    """

    of_lines: Callable[[dict[str, int]], LineSieve]
    of_columns: Callable[[bool], Callable[[pa.RecordBatch], np.ndarray]]


class FileRows(NamedTuple):
    """A file's rows, once. tables: row_number and line, or the columns of a Parquet file.

    columns: a Parquet column's name in the tables. positions: a csv column's place in the file, from 1. Reading ends
    with the check of the whole file: any table may be followed by WholeFile, and then none of them counts.
    """

    tables: Iterator[pa.Table]
    positions: dict[str, int]
    columns: dict[str, str]
    instants: bool = False  # timestamps bear a zone


@contextlib.contextmanager
def rows_of(file: PackFile, feed: Feed, scratch: Path, sieves: Sieves | None = None) -> Iterator[FileRows]:
    """A file, opened; its rows number what the manifest says, and there is one at least, or WholeFile is raised.

    sieves: the tables then hold what these set aside.
    """
    if feed.format == "parquet":
        with checked(file, scratch) as source:
            read = ParquetColumns(source, feed, encoded=sieves is not None)
            sieve = sieves.of_columns(read.instants) if sieves else None
            yield FileRows(_gathered(_counted(read, file, sieve)), {}, read.columns, read.instants)
        return
    filler = feed.delimiter if feed.format == "csv" else " "
    with open_landed(file) as source:
        hashed = HashedFile(source, file.bytes)
        encrypted = file.name if is_encrypted(file.name) else None
        filler = filler if filler and len(filler.encode()) == 1 else "\n"
        text = TextLines(hashed, feed.compression == "gzip", filler, feed.limits.line_bytes, encrypted)
        with contextlib.closing(text) as lines:
            positions = _positions(feed, lines, file)
            line_sieve = sieves.of_lines(positions) if sieves else None
            yield FileRows(_gathered(_checked_lines(lines, file, line_sieve)), positions, {})


def _counted(read: ParquetColumns, file: PackFile, sieve: Any) -> Iterator[pa.Table]:
    _refuse_count(read.rows, file)
    rows = 0
    for batch in read.batches():
        left = sieve(batch) if sieve else np.arange(batch.num_rows)
        if len(left):
            yield read.table(batch, left, rows + 1)
        rows += batch.num_rows
    if rows != read.rows:  # its footer says what is not so
        raise WholeFile("file_damaged")


def _checked_lines(lines: TextLines, file: PackFile, sieve: LineSieve | None) -> Iterator[pa.RecordBatch]:
    with _damage_named(lines, file):
        for batch in lines.batches(sieve):
            if lines.rows > file.rows:
                break  # what unzips to more than its manifest says is not read on
            if batch.num_rows:
                yield batch
    refuse_changed(lines.sha256(), file)
    _refuse_count(lines.rows, file)


@contextlib.contextmanager
def _damage_named(lines: TextLines, file: PackFile) -> Iterator[None]:
    try:
        yield
    except DAMAGE as damage:
        refuse_changed(lines.sha256(), file)
        raise WholeFile("file_sealed" if isinstance(damage, Undecryptable) else "file_damaged") from None


def _refuse_count(rows: int, file: PackFile) -> None:
    if rows != file.rows:
        raise WholeFile("file_rows")
    if rows == 0:
        raise WholeFile("file_empty")


def _positions(feed: Feed, lines: TextLines, file: PackFile) -> dict[str, int]:
    """Place of each column in a csv file, from 1: the header's if it has one, else the contract's."""
    if feed.format != "csv":
        return {}
    names = feed.columns
    if feed.header:
        with _damage_named(lines, file):
            names = header_names(lines.header(), feed)
    if not set(feed.fields.needed_columns()) - set(feed.constants) <= set(names):
        raise WholeFile("file_columns")
    return {name: place for place, name in reversed(list(enumerate(names, 1)))}


def header_names(line: str, feed: Feed) -> list[str]:
    """The columns that a csv file's first line names."""
    return [name.strip().strip('"') for name in line.split(feed.delimiter)]


def _gathered(parts: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """Parts put together up to what is classified at a time."""
    held: list[pa.RecordBatch | pa.Table] = []
    rows = size = 0
    for part in parts:
        held.append(part)
        rows, size = rows + part.num_rows, size + part.nbytes
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _one(held)
            held, rows, size = [], 0, 0
    if held:
        yield _one(held)


def _one(parts: list[pa.RecordBatch | pa.Table]) -> pa.Table:
    return pa.concat_tables([part if isinstance(part, pa.Table) else pa.table(part) for part in parts])

"""The first rows of a file whose feed is not known yet, as columns of texts; nothing of them is shown."""

from __future__ import annotations

import gzip
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from isal import igzip

from popflow.errors import PopflowError, printable
from popflow.intake.parquet_columns import DAMAGE
from popflow.intake.regular_files import Irregular, open_regular, read_up_to

ROWS = 500
MOST = 4 << 20  # bytes that are looked at
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
DELIMITERS = ("|", ";", "\t", ",", "\x01")
QUOTED = re.compile(r"""\s*(["'])[^"']*\1\s*\W""")  # a line whose first field is in quotation marks
NO_NAME = re.compile(r"[0-9A-Fa-f]{12,}|[0-9]{5,}")  # a value: tokens, times, numbers of people; it is never shown


@dataclass(frozen=True)
class FirstLines:
    """Format of a file, and the values of its first rows by column; types: of a Parquet file's columns."""

    format: str
    compression: str
    delimiter: str | None
    header: bool
    columns: dict[str, list[str]]
    types: dict[str, Any]


def first_lines(path: Path) -> FirstLines:
    """What the first rows of a file look like. Raises PopflowError, naming the file, where it is not a file of rows."""
    try:
        stream = open_regular(str(path)).stream
    except (Irregular, OSError):
        raise PopflowError(f"{printable(path)}: is not a file that can be read; name the MNO's first file") from None
    with stream:
        start = read_up_to(stream, 4)
        stream.seek(0)
        if start == PARQUET:
            return _of_parquet(path, stream)
        zipped = start.startswith(GZIP)
        raw: Any = igzip.GzipFile(fileobj=io.BufferedReader(stream), mode="rb") if zipped else stream
        try:
            text = read_up_to(raw, MOST)
        except (EOFError, gzip.BadGzipFile, OSError):
            raise PopflowError(f"{printable(path)}: cannot be unzipped; name another file of the MNO") from None
    lines = text.decode("utf-8-sig", "replace").splitlines()[:ROWS]
    if not lines:
        raise PopflowError(f"{printable(path)}: has no line; name another file of the MNO")
    compression = "gzip" if zipped else "none"
    try:
        return _of_json(lines, compression) if lines[0].lstrip().startswith("{") else _of_csv(lines, compression)
    except PopflowError as fault:
        raise PopflowError(f"{printable(path)}: {fault}") from None


def is_name(text: str) -> bool:
    """Whether a text may be a column's name, and no value: what may be a value is never shown."""
    return bool(text.strip()) and not text[0].isdigit() and not NO_NAME.search(text) and len(text) <= 64


def _of_csv(lines: list[str], compression: str) -> FirstLines:
    if sum(bool(QUOTED.match(line)) for line in lines) > len(lines) // 2:
        raise PopflowError("its fields stand in quotation marks, which would be part of their values; have it written "
                           "without them")  # fmt: skip
    delimiter = max(DELIMITERS, key=lambda one: min(line.count(one) for line in lines[:50]))
    rows = [line.split(delimiter) for line in lines]
    names = [name.strip().strip('"') for name in rows[0]]
    header = all(map(is_name, names)) and len(set(names)) == len(names)
    if not header:
        names = [f"c{place}" for place in range(1, max(map(len, rows)) + 1)]
    body = rows[1:] if header else rows
    columns = {name: [row[place] for row in body if place < len(row)] for place, name in enumerate(names)}
    return FirstLines("csv", compression, delimiter, header, columns, {})


def _of_json(lines: list[str], compression: str) -> FirstLines:
    columns: dict[str, list[str]] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        for name, value in row.items() if isinstance(row, dict) else ():
            columns.setdefault(name, []).append(value if isinstance(value, str) else json.dumps(value))
    return FirstLines("jsonl", compression, None, False, columns, {})


def _of_parquet(path: Path, stream: Any) -> FirstLines:
    try:
        file = pq.ParquetFile(stream, pre_buffer=False)
        batch = next(file.iter_batches(ROWS), None)
        rows = batch.to_pylist() if batch else []
        types = {field.name: field.type for field in file.schema_arrow}
    except DAMAGE:
        raise PopflowError(f"{printable(path)}: cannot be read as Parquet; name another file of the MNO") from None
    columns = {name: ["" if row[name] is None else str(row[name]) for row in rows] for name in types}
    return FirstLines("parquet", "none", None, False, columns, types)

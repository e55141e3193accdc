"""All that can be read in a file, as pieces of text with their place: lines, Parquet values, statistics, metadata."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

Piece = tuple[str, str]  # place, text
NAME = "file name"  # the place of what stands in the name itself, or in that of a folder
LONGEST_LINE = 1 << 16


def texts_of(file: Path) -> Iterator[Piece]:
    """The pieces of one file, its name included."""
    yield NAME, file.name
    with file.open("rb") as opened:
        magic = opened.read(4)
    if magic == b"PAR1":
        yield from _parquet(file)
    elif magic[:2] == b"\x1f\x8b":
        with gzip.open(file) as unpacked:
            yield from _lines(cast(IO[bytes], unpacked), "line")
    elif magic == b"PK\x03\x04":
        yield from _archive(file)
    else:
        with file.open("rb") as opened:
            yield from _lines(opened, "line")


def _lines(file: IO[bytes], word: str) -> Iterator[Piece]:
    """Lines, long ones in pieces that overlap, so that no token is cut in two."""
    for number, line in enumerate(file, start=1):
        text = line.decode("latin-1")
        for start in range(0, max(1, len(text)), LONGEST_LINE):
            yield f"{word} {number}", text[max(0, start - 200) : start + LONGEST_LINE]


def _archive(file: Path) -> Iterator[Piece]:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                yield from _lines(member, f"{name} line")


def _parquet(file: Path) -> Iterator[Piece]:
    opened = pq.ParquetFile(file)
    metadata = opened.metadata
    for key, value in (metadata.metadata or {}).items():
        yield "Parquet metadata", f"{key.decode('latin-1')} {value.decode('latin-1')}"
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            if column.is_stats_set and column.statistics.has_min_max:
                low_and_high = f"{_text(column.statistics.min)} {_text(column.statistics.max)}"
                yield f"Parquet statistic of {column.path_in_schema}, row group {group}", low_and_high
        for name, values in zip(opened.schema_arrow.names, opened.read_row_group(group).columns, strict=True):
            for text in set(_strings(values)):
                yield f"Parquet value of {name}, row group {group}", text


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _strings(values: pa.ChunkedArray | pa.Array) -> Iterator[str]:
    """Every text inside a column, those of structs, lists and maps too."""
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        kind = chunk.type
        if pa.types.is_dictionary(kind):
            yield from _strings(chunk.dictionary)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            yield from (text for text in chunk.unique().to_pylist() if text is not None)
        elif pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                yield from _strings(chunk.field(index))
        elif pa.types.is_map(kind):
            yield from _strings(chunk.keys)
            yield from _strings(chunk.items)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            yield from _strings(chunk.values)

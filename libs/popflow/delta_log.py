"""What a Delta table's log says of its data files, without opening one."""

from __future__ import annotations

import datetime as dt
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

# In the name of a partition's folder: Spark's reader would take it byte by byte, and as Spark writes it, delta-rs
# spells it otherwise and so removes nothing.
BEYOND_ASCII = re.compile("%[89A-Fa-f]|[^\x00-\x7f]")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table: its path below the table's, its partition, its least and greatest values."""

    path: str
    size: int
    partition: dict[str, Any]
    least: dict[str, Any]
    most: dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """A table's newest version as other programs read it."""

    table_id: str
    version: int
    schema_json: str
    partition_by: tuple[str, ...]
    files: list[DataFile]

    def with_files(self, files: list[DataFile]) -> Snapshot:
        """A snapshot that holds some of the files alone."""
        return replace(self, files=files)


def snapshot(table: DeltaTable) -> Snapshot:
    """A table's newest version, as other programs read it."""
    rows = pa.table(table.get_add_actions(flatten=False)).to_pylist()
    files = [
        DataFile(
            urllib.parse.unquote(row["path"]),
            row["size_bytes"],
            row.get("partition") or {},
            row["min"] or {},
            row["max"] or {},
        )
        for row in rows
    ]
    about = table.metadata()
    return Snapshot(str(about.id), table.version(), table.schema().to_json(), tuple(about.partition_columns), files)


def spans(table: DeltaTable, column: str) -> list[tuple[dict[str, str], Any, Any]]:
    """Each data file's partition, and the least and greatest value of a column in it; None where the log has none."""
    said = pa.table(table.get_add_actions(flatten=True))
    ends = [said[kind] if kind in said.schema.names else None for kind in (f"min.{column}", f"max.{column}")]
    least, most = (end.to_pylist() if end is not None else [None] * said.num_rows for end in ends)
    partitions = {n: said[f"partition.{n}"].to_pylist() for n in table.metadata().partition_columns}
    rows = zip(*partitions.values(), strict=True) if partitions else [()] * said.num_rows
    named = [dict(zip(partitions, map(str, row), strict=True)) for row in rows]
    return list(zip(named, least, most, strict=True))


def files_at(table: DeltaTable, moment: dt.datetime) -> set[str]:
    """Data files of the version that a table had at a moment, by their path below it; none before its first."""
    if moment.timestamp() * 1000 < min(commit["timestamp"] for commit in table.history()):
        return set()
    table.load_as_version(moment)
    return {urllib.parse.unquote(path) for path in paths(table)}


def paths(table: DeltaTable) -> list[str]:
    """Data files of a table by their path below it, as the log spells it."""
    said: list[str] = pa.table(table.get_add_actions())["path"].to_pylist()
    return said


def crowded(table: DeltaTable, most_files: int, small: int) -> list[list[tuple[str, str, str]]]:
    """Partitions with more than so many files of less than so many bytes, each as delta-rs takes it."""
    said = pa.table(table.get_add_actions(flatten=True))
    columns = table.metadata().partition_columns
    keys = list(zip(*(said[f"partition.{column}"].to_pylist() for column in columns), strict=True))
    sizes = zip(keys or [()] * said.num_rows, said["size_bytes"].to_pylist(), strict=True)
    found = Counter(key for key, size in sizes if size < small)
    return [
        [(column, "=", str(value)) for column, value in zip(columns, key, strict=True)]
        for key, files in found.items()
        if files > most_files
    ]


def beyond_ascii(files: Iterable[str]) -> bool:
    """Whether a partition's folder is one that Spark and delta-rs spell each in its own way."""
    return any(BEYOND_ASCII.search(file) for file in files)

"""The rows of landing files as a Spark frame: read in tasks from what was opened and hashed, never by a name.

Spark's own readers take names for patterns and folders for columns, and cannot tell what they opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from popflow.feeds import Feed
from popflow.intake import tasks
from popflow.intake.file_checks import WholeFile
from popflow.intake.file_rows import FileRows, rows_of
from popflow.intake.packing import Pack, PackFile
from popflow.intake.storage import task_scratch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EMITTED = 100_000  # rows a batch
COMMA_TOO_MANY = re.compile(r",([ \t\r\n]*\}[ \t\r\n]*)\Z")  # which DuckDB lets pass
HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def rows_frame(spark: SparkSession, packs: Sequence[Pack], feed: Feed) -> DataFrame:
    """Rows of one feed's files, and after the last row of each file one with its verdict ('' where it is whole).

    mno, delivery_id, file, verdict (null for rows), row_number, instants, micros (timestamps), line and places (csv:
    each needed column's place in the line, from 1), c0, c1, ... (other formats: the needed columns as text).
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    numbered = [(number, tasks.packed(pack)) for number, pack in enumerate(packs)]
    frame = spark.createDataFrame(numbered, "pack int, files string").repartitionById(len(numbered), "pack")
    return frame.mapInArrow(_Reading(feed), from_arrow_schema(schema_of(feed)))


def schema_of(feed: Feed) -> pa.Schema:
    """Columns of a feed's rows."""
    plain = {"mno": pa.string(), "delivery_id": pa.string(), "file": pa.string(), "verdict": pa.string(),
             "row_number": pa.int64(), "instants": pa.bool_(), "micros": pa.int64(), "line": pa.string(),
             "places": pa.list_(pa.int32())}  # fmt: skip
    return pa.schema(plain | {f"c{place}": pa.string() for place in range(len(needed(feed)))})


def needed(feed: Feed) -> list[str]:
    """Columns of a feed that its files must have."""
    return [name for name in feed.fields.needed_columns() if name not in feed.constants]


class _Reading:
    """What runs in a task."""

    def __init__(self, feed: Feed) -> None:
        self._feed, self._schema = feed, schema_of(feed)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text in batch.column("files").to_pylist():
                pack = tasks.unpacked(text)
                for file in pack.files:
                    yield from self._read(pack, file)

    def _read(self, pack: Pack, file: PackFile) -> Iterator[pa.RecordBatch]:
        verdict = ""
        try:
            with task_scratch() as scratch, rows_of(file, self._feed, scratch) as rows:
                for table in rows.tables:
                    yield from self._shaped(pack, file, self._columns(table, rows), table.num_rows)
        except WholeFile as reason:
            verdict = reason.reason
        yield from self._shaped(pack, file, {"verdict": pa.array([verdict])}, 1)

    def _columns(self, table: pa.Table, rows: FileRows) -> dict[str, Any]:
        columns = {"row_number": table["row_number"], "instants": pa.repeat(rows.instants, table.num_rows)}
        if rows.columns:
            return columns | {
                "micros" if pa.types.is_int64(table[name].type) else name: table[name] for name in rows.columns.values()
            }
        if self._feed.format == "csv":
            places = pa.scalar([rows.positions.get(name) for name in needed(self._feed)], pa.list_(pa.int32()))
            return columns | {"line": table["line"], "places": pa.repeat(places, table.num_rows)}
        found = zip(*(_of_json(line, needed(self._feed)) for line in table["line"].to_pylist()), strict=True)
        return columns | {f"c{place}": pa.array(values, pa.string()) for place, values in enumerate(found)}

    def _shaped(self, pack: Pack, file: PackFile, columns: dict[str, Any], rows: int) -> Iterator[pa.RecordBatch]:
        constants = {"mno": pack.mno, "delivery_id": pack.delivery_id, "file": file.name}
        columns = columns | {name: pa.repeat(pa.scalar(value), rows) for name, value in constants.items()}
        arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in self._schema]
        yield from pa.table(arrays, schema=self._schema).to_batches(max_chunksize=EMITTED)


def _of_json(line: str, names: list[str]) -> list[str | None]:
    """The fields of a JSON line as text, as DuckDB has them; of what is not JSON none. Of a doubled name the first."""
    try:
        found = _parsed(line)
        if HALF_A_CHARACTER.search(line):
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return [None] * len(names)
    return [_text(found.get(name)) if isinstance(found, dict) else None for name in names]


def _parsed(line: str) -> Any:
    def read(text: str) -> Any:
        return json.loads(text, object_pairs_hook=_first_of_each, parse_float=str, parse_int=_whole)

    try:
        return read(line)
    except json.JSONDecodeError:
        return read(COMMA_TOO_MANY.sub(r"\1", line))


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _whole(text: str) -> str:
    return "0" if text == "-0" else text


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""The columns of a Parquet file that a feed needs, as text or as microseconds, from a file that is open.

pyarrow reads the handle that was hashed. No name is opened a second time, so none is a pattern or a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from popflow.feeds import Feed
from popflow.intake.file_checks import WholeFile

ROWS = 1 << 16
MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
LARGEST_LONG = (1 << 63) - 1
DAMAGE = (pa.ArrowException, OSError, MemoryError, OverflowError, ValueError)  # what pyarrow says of broken files


class ParquetColumns:
    """A Parquet file's rows: tables of row_number and a column c0, c1, ... for each that the feed needs.

    Text stays text, whole numbers become their digits, timestamps microseconds; instants: these bear a zone. encoded:
    token and cell come as dictionaries in the batches, as they mostly lie in the file. Raises WholeFile for a file that
    is damaged, lacks a column or has it in a type that is not the contract's.
    """

    def __init__(self, source: BinaryIO, feed: Feed, encoded: bool = False) -> None:
        try:
            self._file = _opened(source)
            if encoded:
                texts = [feed.fields.sim_token.from_column, *feed.fields.cell_id.from_columns]
                self._file = _opened(source, self._file.metadata, texts)
            schema, self.rows = self._file.schema_arrow, self._file.metadata.num_rows
        except DAMAGE:
            raise WholeFile("file_damaged") from None
        needed = list(names_in_tables(feed))
        if any(len(schema.get_all_field_indices(name)) != 1 for name in needed):
            raise WholeFile("file_columns")
        kinds = {name: _plain(schema.field(name).type) for name in needed}
        if any(not fits(kind) for name, kind in kinds.items() for fits in _demands(feed, name)):
            raise WholeFile("file_columns")
        time = kinds.get(feed.fields.time.from_column)
        self.instants = isinstance(time, pa.TimestampType) and time.tz is not None
        self.columns = names_in_tables(feed)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in the order of the file, as pyarrow reads them."""
        try:
            yield from self._file.iter_batches(ROWS, columns=list(self.columns), use_threads=False)
        except DAMAGE:
            raise WholeFile("file_damaged") from None

    def table(self, batch: pa.RecordBatch, rows: np.ndarray, first: int) -> pa.Table:
        """Some rows of a batch whose first row has this number in the file."""
        try:
            wanted = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
            columns = {name: _simple(wanted.column(source)) for source, name in self.columns.items()}
        except DAMAGE:
            raise WholeFile("file_damaged") from None
        return pa.table({"row_number": pa.array(first + rows)} | columns)


def names_in_tables(feed: Feed) -> dict[str, str]:
    """The name in the tables of each column that a feed needs from the file."""
    needed = [name for name in feed.fields.needed_columns() if name not in feed.constants]
    return {name: f"c{place}" for place, name in enumerate(needed)}


def _opened(source: BinaryIO, known: pq.FileMetaData | None = None, texts: Sequence[str] = ()) -> pq.ParquetFile:
    """The file; known: its footer, read before; texts: columns that come as dictionaries where they are there."""
    there = {known.schema.column(place).path for place in range(known.num_columns)} if known else set()
    return pq.ParquetFile(source, metadata=known, buffer_size=1 << 20, pre_buffer=False,
                          read_dictionary=[name for name in texts if name in there],
                          page_checksum_verification=True, coerce_int96_timestamp_unit="us")  # fmt: skip


class Demand(NamedTuple):
    """What a contract asks of a column's type."""

    text: bool = True
    whole: bool = True
    time: bool = False

    def __call__(self, kind: pa.DataType) -> bool:
        """Whether a type is such."""
        return (self.text and _is_text(kind)) or (self.whole and _is_whole(kind)) or (self.time and _is_time(kind))


def _demands(feed: Feed, column: str) -> Iterator[Demand]:
    fields = feed.fields
    if column == fields.time.from_column:
        stamped = fields.time.kind.startswith("timestamp")
        yield Demand(text=not stamped, whole=not stamped, time=stamped)
    if column in fields.cell_id.from_columns:
        yield Demand(whole=fields.cell_id.base != "hex")  # hexadecimal is a way to write: 26 is no 0x26
    if column == fields.sim_token.from_column or (fields.event and column == fields.event.from_column):
        yield Demand()


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    # Older writers leave text without its mark; a column of nulls alone has no type.
    return any(of(kind) for of in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
                                   pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null))  # fmt: skip


def _is_whole(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind)


def _simple(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        return as_microseconds(column)
    if _is_text(column.type):
        return _as_utf8(column)
    return column.cast(pa.string())


def as_microseconds(column: pa.Array) -> pa.Array:
    """Timestamps as whole numbers, null where they are beyond a long; any other column as it is."""
    if not pa.types.is_timestamp(column.type):
        return column
    ticks = column.cast(pa.int64())
    if column.type.unit == "ns":
        return pc.divide(ticks, 1_000)
    factor = MICROSECONDS[column.type.unit]
    most = LARGEST_LONG // factor
    inside = pc.and_(pc.less_equal(ticks, most), pc.greater_equal(ticks, -most))
    return pc.multiply(pc.if_else(inside, ticks, None), factor)


def _as_utf8(column: pa.Array) -> pa.Array:
    """Text as UTF-8; a value that is none with each wrong byte replaced, so that it costs its own record alone."""
    try:
        text = column if pa.types.is_string(column.type) else column.cast(pa.string())
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        values = column.cast(pa.binary()).to_pylist()
        return pa.array([None if value is None else value.decode(errors="replace") for value in values], pa.string())

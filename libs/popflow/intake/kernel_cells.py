"""The night's cell table as the compiled part looks it up: by number or text to a place, by place to counties."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from popflow.intake import kernel_columns, kernel_table
from popflow.intake.column_arrays import read_only
from popflow.intake.feed_sql import DAYS
from popflow.intake.storage import open_address

DAY_COLUMNS = [f"day_{day}" for day in range(len(DAYS))]


class Cells(NamedTuple):
    """An open-addressing index, cells and counties packed in arrays; of keys and hashes one is filled.

    counties: for each day and place the county's place in `codes`, or -1. texts, offsets: the cells' texts without
    the prefix, whose length in bytes is `skipped`.
    """

    keys: np.ndarray
    hashes: np.ndarray
    places: np.ndarray
    texts: np.ndarray
    offsets: np.ndarray
    counties: np.ndarray
    codes: np.ndarray
    skipped: int

    @property
    def by_number(self) -> bool:
        """Whether cells are known by number."""
        return len(self.keys) > 1

    def looked_up(self, cells: pa.Array) -> pa.Table:
        """The rows of the cell table for some different cells: cell, day_0, day_1, day_2; unknown ones are left out."""
        cells = cells.drop_null()
        found = np.empty(len(cells), np.int32)
        if self.by_number:
            numbers = read_only(cells.to_numpy(zero_copy_only=False).astype(np.int64))
            kernel_columns.numbered(numbers, numbers, False, self.keys, self.places, found)
        else:
            data, offsets = bytes_of(cells)
            index = (self.hashes, self.places, self.texts, self.offsets)
            kernel_columns.named(data, offsets, self.skipped, *index, found)
        known = found >= 0
        columns: dict[str, pa.Array] = {"cell": cells.filter(pa.array(known))}
        for day, name in enumerate(DAY_COLUMNS):
            county = self.counties[day][found[known]]
            columns[name] = pa.array(self.codes[np.maximum(county, 0)], mask=county < 0)
        return pa.table(columns)


def load(address: str, prefix: str) -> Cells:
    """The cell table at an address; prefix: what a cell's text begins with, if cells are texts."""
    system, path = open_address(address)
    state = system.get_file_info(path)
    return _loaded(address, prefix, state.size, state.mtime_ns)


@functools.lru_cache(maxsize=1)  # a worker's tasks come one after the other, mostly of one MNO
def _loaded(address: str, prefix: str, _size: int, _changed: int) -> Cells:
    system, path = open_address(address)
    return indexed(pq.read_table(path, filesystem=system).combine_chunks(), prefix)


def indexed(table: pa.Table, prefix: str) -> Cells:
    """A cell table (`popflow.intake.cell_table`), indexed."""
    if prefix:
        table = table.filter(pc.starts_with(table.column("cell"), prefix))
    cells = _whole(table.column("cell"))
    codes = np.unique(np.concatenate([_whole(table.column(day)).drop_null().to_numpy() for day in DAY_COLUMNS]))
    codes = codes.astype(np.int32) if len(codes) else np.zeros(1, np.int32)
    if len(codes) >= 1 << kernel_table.DAY_BITS:
        raise OverflowError(f"{len(codes)} counties")
    counties = np.stack([_county_places(_whole(table.column(day)), codes) for day in DAY_COLUMNS])
    size = max(2, 1 << (2 * len(cells)).bit_length())  # at most half full
    places = np.full(size, -1, np.int32)
    if pa.types.is_integer(cells.type):
        keys = np.zeros(size, np.int64)
        kernel_table.index_numbers(keys, places, np.array(cells.to_numpy(), np.int64))
        return Cells(keys, np.zeros(1, np.uint64), places, np.zeros(1, np.uint8), np.zeros(1, np.int64), counties,
                     codes, 0)  # fmt: skip
    data, offsets = bytes_of(pc.utf8_slice_codeunits(cells, len(prefix)) if prefix else cells)
    hashes, texts = np.zeros(size, np.uint64), np.array(data)
    kernel_table.index_texts(hashes, places, texts, offsets)
    skipped = len(prefix.encode())
    return Cells(np.zeros(1, np.int64), hashes, places, texts, offsets, counties, codes, skipped)


def _county_places(codes: pa.Array, known: np.ndarray) -> np.ndarray:
    places = np.searchsorted(known, codes.fill_null(0).to_numpy()).astype(np.int16)
    places[codes.is_null().to_numpy(zero_copy_only=False)] = -1
    return places


def _whole(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def bytes_of(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of texts (string or binary), read-only, and where each begins; a null has none."""
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1] if offsets else [0]
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.frombuffer(b"\0", np.uint8)
    return read_only(content), np.array(starts, np.int64)

"""Presence of a pack by the compiled part, which takes plain records in; DuckDB classifies what it sets aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa

from popflow.feeds import Feed
from popflow.intake import feed_sql, kernel_cells, kernel_columns, kernel_lines, kernel_plan, kernel_table
from popflow.intake.column_arrays import Unplain, encoded, read_only, whole_numbers
from popflow.intake.file_counts import FileCounts
from popflow.intake.file_rows import Sieves
from popflow.intake.held_presence import ACCEPTED, BATCH_ROWS
from popflow.intake.kernel_cells import Cells
from popflow.intake.parquet_columns import as_microseconds
from popflow.intake.sim_days import SimDays
from popflow.intake.spill import Spill
from popflow.intake.text_lines import LineSieve

ODD_HELD = 1 << 12  # lines set aside that a call reports


class InKernel:
    """Tables of the compiled part: one of the file that is read, one of those before it."""

    odd_only = True

    def __init__(
        self, db: duckdb.DuckDBPyConnection, feed: Feed, cells: Cells, date: dt.date, spill: Spill, held: int
    ) -> None:
        self._db, self._feed, self._date, self._spill, self._held = db, feed, date, spill, held
        self._plan = kernel_plan.plan(feed)
        self._cells = cells
        self._pack, self._file = SimDays(held), SimDays(held)
        self._days = np.zeros((len(feed_sql.DAYS), 3), np.int64)  # records, slots of both halves of the day
        self._odd = np.empty((ODD_HELD, 3), np.int64)
        self._spilled = 0

    def start(self) -> Sieves:
        """Begin a file; what takes its plain records in."""
        self._spilled = len(self._spill)
        self._file, self._days = SimDays(self._held), np.zeros_like(self._days)
        return Sieves(self._of_lines, self._of_columns)

    def classifiable(self, records: str) -> str:
        """The records of a batch, as a table; `cells` knows the cells that they name, and no others."""
        self._db.execute(f"CREATE OR REPLACE TABLE set_aside AS {records}").fetchall()
        named = self._db.sql("SELECT DISTINCT cell FROM set_aside WHERE cell IS NOT NULL").to_arrow_table()
        kind = pa.int64() if self._cells.by_number else pa.string()
        known = self._cells.looked_up(named.column("cell").cast(kind).combine_chunks())
        self._db.register("cells_known", known)
        self._db.execute("CREATE OR REPLACE TABLE cells AS SELECT * FROM cells_known").fetchall()
        self._db.unregister("cells_known")
        return "SELECT * FROM set_aside"

    def add(self) -> None:
        """Take in what is accepted in the batch `found`."""
        self.put(self._db.sql(ACCEPTED).to_arrow_table())

    def put(self, found: pa.Table) -> None:
        """Take in SIM-days: place as in `popflow.intake.feed_sql`, sim_token, slots_lo, slots_hi."""
        if not found.num_rows:
            return
        words, good = self._token_words(found.column("sim_token").cast(pa.string()).combine_chunks())
        if not good.all():
            raise RuntimeError("a token was accepted that has not its contract's form")
        place = found.column("place").to_numpy()
        county = np.searchsorted(self._cells.codes, place % feed_sql.DAY_PLACE)
        places = (place // feed_sql.DAY_PLACE << kernel_table.DAY_BITS) | county
        slots = [found.column(name).to_numpy().astype(np.int64) for name in ("slots_lo", "slots_hi")]
        self._put_all(partial(kernel_table.put_rows, words, places.astype(np.int64), *slots), len(places), self._file)

    def count(self, counts: FileCounts) -> None:
        """Add what came in without DuckDB to a file's counts."""
        counts.add_days(self._days)

    def keep(self) -> None:
        """Take the file into the pack."""
        if len(self._pack):
            self._put_all(partial(kernel_table.merged, self._file.words), len(self._file.words), self._pack)
        else:
            self._pack = self._file
        self._file = SimDays(self._held)

    def drop(self) -> None:
        """Forget the file."""
        self._spill.drop_after(self._spilled)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What the pack comes to."""
        yield from self._presence(self._pack).to_batches(max_chunksize=BATCH_ROWS)
        yield from self._spill.batches()

    def _of_lines(self, positions: dict[str, int]) -> LineSieve:
        """What takes in lines; positions: a csv column's place in the file, from 1."""
        json, columns = self._feed.format == "jsonl", kernel_plan.needed(self._feed)
        places = kernel_plan.places(self._feed)
        if not json:
            numbers = np.array([positions[name] - 1 for name in columns])
            places = np.where(places < 0, places, numbers[places])
        count = len(columns) if json else max(places) + 1
        names = [name.encode() for name in columns]
        ends = np.cumsum([0, *map(len, names)]).astype(np.int64)
        delimiter = ord(self._feed.delimiter or " ")
        form = (json, delimiter, np.zeros((count, 2), np.int64), np.zeros(count, np.bool_),
                np.array(list(b"".join(names)), np.uint8), ends, places.astype(np.int64), self._plan.digits,
                self._plan.value_of, self._plan.time_form, self._plan.unit, self._plan.base)  # fmt: skip
        known = self._cells
        cells = (known.keys, known.hashes, known.places, known.texts, known.offsets, known.counties)
        window = np.array(feed_sql.window(self._feed.fields.time, self._date), np.int64)
        return partial(self._lines, form, cells, window)

    def _lines(
        self, form: tuple, cells: tuple, window: np.ndarray, chunk: bytes, first: int
    ) -> tuple[int, bytes, np.ndarray]:
        buffer, into, odd = np.frombuffer(chunk, np.uint8), self._file, []
        into.state[[kernel_lines.ROW, kernel_lines.POSITION, kernel_lines.ODD]] = first - 1, 0, 0
        why = kernel_lines.TABLE_FULL
        while why != kernel_lines.DONE:
            why = kernel_lines.text_lines(buffer, form, cells, window, into.words, into.state, self._days, self._odd,
                                          into.limit)  # fmt: skip
            odd.append(self._odd[: into.state[kernel_lines.ODD]].copy())
            into.state[kernel_lines.ODD] = 0
            if why == kernel_lines.TABLE_FULL:
                self._make_room(into)
        aside = np.concatenate(odd)
        lines = b"".join([chunk[start : end + 1] for start, end, _ in aside.tolist()])
        return int(into.state[kernel_lines.ROW]) - first + 1, lines, aside[:, 2]

    def _of_columns(self, instants: bool) -> Callable[[pa.RecordBatch], np.ndarray]:
        """What takes in columns of a Parquet file; instants: its timestamps bear a zone."""
        window = np.array(feed_sql.window(self._feed.fields.time, self._date, instants), np.int64)
        return partial(self._columns, window)

    def _columns(self, window: np.ndarray, batch: pa.RecordBatch) -> np.ndarray:
        odd, into, fields = np.empty(batch.num_rows, np.int64), self._file, self._feed.fields
        try:
            tokens, values = encoded(batch.column(fields.sim_token.from_column))
            times = whole_numbers(as_microseconds(batch.column(fields.time.from_column)))
            cells = self._cell_places([batch.column(name) for name in fields.cell_id.from_columns])
        except Unplain:
            return np.arange(batch.num_rows)
        into.state[[kernel_lines.POSITION, kernel_lines.ODD]] = 0
        words, good = self._token_words(values)
        why = kernel_lines.TABLE_FULL
        while why != kernel_lines.DONE:
            why = kernel_columns.records(tokens, words, good, times, cells, self._cells.counties, window, into.words,
                                         into.state, self._days, odd, into.limit)  # fmt: skip
            if why == kernel_lines.TABLE_FULL:
                self._make_room(into)
        return odd[: into.state[kernel_lines.ODD]]

    def _cell_places(self, parts: list[pa.Array]) -> np.ndarray:
        known = self._cells
        if self._plan.base:
            numbers = [self._part_numbers(part) for part in parts]
            found = np.empty(len(numbers[0]), np.int32)
            kernel_columns.numbered(numbers[0], numbers[-1], self._plan.two_parts, known.keys, known.places, found)
            return found
        index, values = encoded(parts[0])
        data, offsets = kernel_cells.bytes_of(values)
        found = np.empty(len(values) + 1, np.int32)
        found[-1] = -1  # what has no value has index -1
        kernel_columns.named(data, offsets, 0, known.hashes, known.places, known.texts, known.offsets, found[:-1])
        return found[index]

    def _part_numbers(self, part: pa.Array) -> np.ndarray:
        if not (pa.types.is_dictionary(part.type) or pa.types.is_string(part.type) or pa.types.is_binary(part.type)):
            return whole_numbers(part)
        index, values = encoded(part)
        data, offsets = kernel_cells.bytes_of(values)
        found = np.full(len(values) + 1, -1, np.int64)
        kernel_columns.numbers_of(data, offsets, self._plan.base, found[:-1])
        return read_only(found[index])

    def _token_words(self, tokens: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        data, offsets = kernel_cells.bytes_of(tokens)
        words, good = np.empty((len(tokens), 2), np.uint64), np.empty(len(tokens), np.bool_)
        kernel_columns.words_of(data, offsets, self._plan.digits, self._plan.value_of, words, good)
        return words, good

    def _put_all(self, put: partial, count: int, into: SimDays) -> None:
        start = 0
        while (start := put(start, into.words, into.state, into.limit)) < count:
            self._make_room(into)

    def _make_room(self, table: SimDays) -> None:
        if not table.grow():
            self._spill.put(self._presence(table))
            table.clear()

    def _presence(self, table: SimDays) -> pa.Table:
        return table.presence(self._plan.digits, self._cells.codes, self._date)

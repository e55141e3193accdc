"""What is seen of a file beside the night's own counts: times, hours, cells that are unknown, rows as they are read.

`Sighted` stands where the night holds presence (popflow.intake.held_presence) and keeps none: the classes of lines are
the night's. Of a sample, the lines that are left out are counted and hashed like all, and not classified.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from popflow.delivery.masks import odd_tokens
from popflow.feeds import Feed
from popflow.intake import feed_sql
from popflow.intake.cell_table import put_cells
from popflow.intake.file_counts import FileCounts
from popflow.intake.file_rows import Sieves
from popflow.intake.parquet_columns import names_in_tables
from popflow.intake.text_lines import NEWLINE, LineSieve

HEAD = 1_000  # the first rows of a file, of which a sample has all
MOST_CELLS = 100_000  # unknown cells that are told apart
MOST_DATES = 1_000
ANY_COUNTY = 100_000  # of a cell, where no table of cells is given
MIX = np.uint64(0x9E3779B97F4A7C15)


class RowRead(NamedTuple):
    """One row as it is read: time in the feed's unit, cell and county; place as popflow.intake.feed_sql has it.

    written: the needed columns as the file writes them. It holds a token: popflow.delivery.masks says what is shown.
    """

    row: int
    token: str | None
    time: int | None
    cell: int | str | None
    event: str | None
    place: int
    written: tuple[str | None, ...]

    def __repr__(self) -> str:
        """Its number alone, so that no error's text holds a token."""
        return f"RowRead(row={self.row})"


@dataclass
class Sight:
    """What was seen of one file. Counts are of the rows that were classified.

    Cells are left out of its text: a column of tokens may have been taken for them.
    """

    window: feed_sql.Window | None = None
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)  # (day 0, 1 or 2; hour): accepted records
    dates: Counter[int] = field(default_factory=Counter)  # days after the window's first: records of any time
    earliest: int | None = None
    latest: int | None = None
    unknown: Counter[int | str] = field(default_factory=Counter, repr=False)  # records by cell
    of_other_dates: set[int | str] = field(
        default_factory=set, repr=False
    )  # of the unknown cells, those that have other dates
    odd_tokens: Counter[str] = field(default_factory=Counter)
    first: list[RowRead] = field(default_factory=list)
    failed: dict[int, list[RowRead]] = field(default_factory=dict)  # by place


class Sighted:
    """A HeldPresence that sees and holds nothing. every: one row of so many is classified, and the first HEAD."""

    odd_only = False

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        feed: Feed,
        date: dt.date,
        cells: pa.Table | None,
        every: int = 1,
        rows: int = 0,
        failures: int = 0,
    ) -> None:
        self._db, self._feed, self._date, self._every = db, feed, date, every
        self._keep, self._failures = rows, failures
        self._all_known = cells is None
        self._source: feed_sql.Source | None = None
        self._records, self._instants = "", False
        self.seen = Sight()
        if cells is not None:
            put_cells(db, cells)

    def start(self) -> Sieves:
        """Begin a file; the sieves leave every row that is to be classified to DuckDB."""
        self.seen = Sight()
        return Sieves(self._of_lines, self._of_columns)

    def classifiable(self, records: str) -> str:
        """The records as they are; where no cells are given, all cells of the batch are known."""
        self._records = records
        if self._all_known:
            days = ", ".join(f"{ANY_COUNTY} AS day_{day}" for day in range(len(feed_sql.DAYS)))
            self._db.execute(f"""
                CREATE OR REPLACE TABLE cells AS SELECT DISTINCT cell, {days} FROM ({records}) WHERE cell IS NOT NULL
                """).fetchall()
        return records

    def add(self) -> None:
        """Look at the batch that was classified."""
        seen = self.seen
        seen.window = frame = feed_sql.window(self._feed.fields.time, self._date, self._instants)
        placed = feed_sql.placed(self._feed, self._records, frame, True)
        self._db.execute(f"CREATE OR REPLACE TABLE placed AS {placed}").fetchall()
        for day, hour, records in self._all(f"""
                SELECT place // {feed_sql.DAY_PLACE}, slot // 4, count(*) FROM placed WHERE place > 0 GROUP BY ALL"""):
            seen.hours[day, hour] += records
        if len(seen.unknown) < MOST_CELLS:
            unknown = (
                "SELECT cell, count(*), cell IN (SELECT cell FROM cells) FROM placed WHERE place = -4 GROUP BY cell"
            )
            for cell, records, elsewhere in self._all(unknown):
                seen.unknown[cell] += records
                seen.of_other_dates |= {cell} if elsewhere else set()
        self._look_at_times(frame)
        self._look_at_tokens()
        self._keep_rows()

    def count(self, counts: FileCounts) -> None:
        """Nothing came in without DuckDB."""

    def keep(self) -> None:
        """Nothing is held."""

    def drop(self) -> None:
        """Nothing is held."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """No presence."""
        return iter(())

    def _look_at_times(self, frame: feed_sql.Window) -> None:
        seen, day = self.seen, frame.slot * feed_sql.SLOTS_A_DAY
        for number, records in (
            self._all(f"""
                SELECT floor((CAST(time AS DOUBLE) - {frame.start}) / {day}) AS number, count(*)
                FROM placed WHERE time IS NOT NULL GROUP BY number ORDER BY count(*) DESC, number LIMIT {MOST_DATES}""")
        ):
            seen.dates[int(number)] += records
        ((earliest, latest),) = self._all("SELECT min(time), max(time) FROM placed")
        if earliest is not None:
            seen.earliest = earliest if seen.earliest is None else min(seen.earliest, earliest)
            seen.latest = latest if seen.latest is None else max(seen.latest, latest)

    def _look_at_tokens(self) -> None:
        found = self._db.sql("SELECT sim_token, count(*) AS records FROM placed GROUP BY sim_token").to_arrow_table()
        tokens = found.column("sim_token").combine_chunks()
        self.seen.odd_tokens.update(odd_tokens(self._feed, tokens, found.column("records").to_pylist()))

    def _keep_rows(self) -> None:
        seen = self.seen
        if len(seen.first) < self._keep:
            seen.first += self._rows("true", self._keep - len(seen.first))
        for place in range(-1, -len(feed_sql.REASONS) - 1, -1):
            held = seen.failed.setdefault(place, [])
            if len(held) < self._failures:
                held += self._rows(f"place = {place}", self._failures - len(held))

    def _rows(self, where: str, most: int) -> list[RowRead]:
        if self._source is None:
            raise RuntimeError("a batch was classified before its file was opened")
        written = feed_sql.written(self._feed, self._source)
        columns = ", ".join(f"w{place}" for place in range(len(self._feed.fields.needed_columns())))
        found = self._all(f"""
            WITH wanted AS (SELECT * FROM placed WHERE {where} ORDER BY row_number LIMIT {most})
            SELECT row_number, sim_token, time, cell, event, place, {columns}
            FROM wanted JOIN ({written}) USING (row_number) ORDER BY row_number""")
        return [RowRead._make([*row[:6], tuple(row[6:])]) for row in found]

    def _all(self, query: str) -> list[Any]:
        return self._db.execute(query).fetchall()

    def _of_lines(self, positions: dict[str, int]) -> LineSieve:
        self._source = feed_sql.text_source(self._feed, positions)
        first_row = 0

        def sieve(chunk: bytes, first: int) -> tuple[int, bytes, np.ndarray]:
            nonlocal first_row
            first_row = first_row or first
            ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == NEWLINE) + 1
            numbers = np.arange(first, first + len(ends))
            chosen = np.flatnonzero(self._chosen(numbers - first_row + 1))
            if len(chosen) == len(ends):
                return len(ends), chunk, numbers
            starts = np.concatenate([[0], ends[:-1]])
            lines = b"".join(chunk[starts[place] : ends[place]] for place in chosen)
            return len(ends), lines, numbers[chosen]

        return sieve

    def _of_columns(self, instants: bool) -> Callable[[pa.RecordBatch], np.ndarray]:
        self._instants = instants
        self._source = feed_sql.column_source(self._feed, names_in_tables(self._feed))
        rows = 0

        def sieve(batch: pa.RecordBatch) -> np.ndarray:
            nonlocal rows
            chosen = np.flatnonzero(self._chosen(np.arange(rows + 1, rows + batch.num_rows + 1)))
            rows += batch.num_rows
            return chosen

        return sieve

    def _chosen(self, numbers: np.ndarray) -> np.ndarray:
        """Which rows are classified: by a mix of their number, so that no rhythm of a file meets the sample's."""
        mixed = (numbers.astype(np.uint64) * MIX) >> np.uint64(33)
        return (numbers <= HEAD) | (mixed % np.uint64(self._every) == 0)


def local_time(value: int | None, window: feed_sql.Window, date: dt.date) -> dt.datetime | None:
    """A record's time in Asia/Shanghai, without its zone; None beyond the calendar. date: the delivery's."""
    if value is None:
        return None
    seconds = (value - window.start) * 900 // window.slot
    try:
        first = dt.datetime.combine(date + dt.timedelta(days=feed_sql.DAYS[0]), dt.time())
        return first + dt.timedelta(seconds=seconds)
    except OverflowError:
        return None


def cell_text(cell: int | str, feed: Feed) -> str:
    """A cell's id as cells.csv writes it."""
    if not feed_sql.cell_key_is_number(feed):
        return str(cell)
    of_area, part = divmod(int(cell), 1 << feed_sql.CELL_PART_BITS)
    parts = [str(of_area), str(part)] if len(feed.fields.cell_id.from_columns) == 2 else [str(cell)]
    return feed.fields.cell_id.separator.join(
        [*([feed.fields.cell_id.prefix] if feed.fields.cell_id.prefix else []), *parts]
    )

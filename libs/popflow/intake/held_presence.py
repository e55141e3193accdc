"""Presence of a pack while its files are read, of bounded size: what is beyond a limit goes to scratch, encrypted.

The batches that the SQL of `popflow.intake.feed_sql` has classified come by the table `found`. Of a file that is set
aside whole nothing stays. `InTables` holds all in DuckDB; `popflow.intake.kernel_presence` is its rival.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Protocol

import duckdb
import pyarrow as pa

from popflow.intake import feed_sql
from popflow.intake.cell_table import load_cells
from popflow.intake.file_counts import FileCounts
from popflow.intake.file_rows import Sieves
from popflow.intake.spill import Spill

BATCH_ROWS = 100_000


class HeldPresence(Protocol):
    """Presence of a pack, file by file. odd_only: DuckDB sees only records that are mostly odd."""

    odd_only: bool

    def start(self) -> Sieves | None:
        """Begin a file; what takes records in before DuckDB sees them."""

    def classifiable(self, records: str) -> str:
        """SQL of the records of a batch, whose cells the table `cells` then knows."""

    def add(self) -> None:
        """Take in what is accepted in the batch `found`."""

    def count(self, counts: FileCounts) -> None:
        """Add what came in without DuckDB to a file's counts."""

    def keep(self) -> None:
        """Take the file into the pack."""

    def drop(self) -> None:
        """Forget the file."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What the pack comes to: event_date, sim_token, county_code, slots."""


class InTables:
    """DuckDB's tables: taken, the presence of the file that is read; pack, that of the files before it."""

    odd_only = False

    def __init__(self, db: duckdb.DuckDBPyConnection, cells: str, date: dt.date, spill: Spill, held: int) -> None:
        self._db, self._spill, self._held = db, spill, held
        self._first = date + dt.timedelta(days=feed_sql.DAYS[0])
        self._spilled = 0
        load_cells(db, cells)
        self._create("pack")

    def start(self) -> Sieves | None:
        """Begin a file; DuckDB sees all its records."""
        self._spilled = len(self._spill)
        self._create("taken")
        return None

    def classifiable(self, records: str) -> str:
        """The records as they are; `cells` knows all cells."""
        return records

    def add(self) -> None:
        """Take in what is accepted in the batch `found`."""
        self._run(f"INSERT INTO taken {ACCEPTED}")
        self._relieve("taken")

    def count(self, counts: FileCounts) -> None:
        """Nothing came in without DuckDB."""

    def keep(self) -> None:
        """Take the file into the pack."""
        self._run("INSERT INTO pack FROM taken")
        self._relieve("pack")

    def drop(self) -> None:
        """Forget the file."""
        self._spill.drop_after(self._spilled)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What the pack comes to."""
        yield from self._presence("pack").to_arrow_reader(BATCH_ROWS)
        yield from self._spill.batches()

    def _relieve(self, table: str) -> None:
        """Put a table's rows together where they are many, and let them go where they are as many still."""
        if self._count(table) <= self._held:
            return
        self._run(f"""
            CREATE OR REPLACE TABLE together AS SELECT place, sim_token, bit_or(slots_lo) AS slots_lo,
                bit_or(slots_hi) AS slots_hi FROM {table} GROUP BY place, sim_token""")
        self._run(f"DROP TABLE {table}")
        self._run(f"ALTER TABLE together RENAME TO {table}")
        if self._count(table) > self._held // 2:
            self._spill.put(self._presence(table).to_arrow_table())
            self._create(table)

    def _presence(self, table: str) -> duckdb.DuckDBPyRelation:
        return self._db.sql(f"""
            SELECT CAST(DATE '{self._first}' + place // {feed_sql.DAY_PLACE} AS DATE) AS event_date, sim_token,
                lpad(CAST(place % {feed_sql.DAY_PLACE} AS VARCHAR), 6, '0') AS county_code,
                bit_or(slots_lo) AS slots_lo, bit_or(slots_hi) AS slots_hi
            FROM {table} GROUP BY place, sim_token""")

    def _create(self, table: str) -> None:
        columns = "place INTEGER, sim_token VARCHAR, slots_lo BIGINT, slots_hi BIGINT"
        self._run(f"CREATE OR REPLACE TABLE {table} ({columns})")

    def _count(self, source: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])

    def _run(self, statement: str) -> None:
        self._db.execute(statement).fetchall()


ACCEPTED = """SELECT place, sim_token, bit_or(slots_lo) AS slots_lo, bit_or(slots_hi) AS slots_hi
    FROM found WHERE place > 0 GROUP BY place, sim_token"""

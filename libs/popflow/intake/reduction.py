"""The reduction of landing files: a pack of files in, presence, tallies and quarantine out, as Arrow batches.

A pure function on files, called in Spark tasks and, without Spark, by tests and benchmarks. Each file is read once, in
batches that each go through one DuckDB aggregate; what is held is bounded, whatever a file holds. A file that is
damaged, differs from its manifest or does not fit its contract is set aside whole and named; the others of the pack go
on. No line, token or DuckDB message leaves: errors name file and kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from popflow.contracts import Feed
from popflow.errors import PopflowError
from popflow.intake import feed_sql
from popflow.intake.cell_table import load_cells
from popflow.intake.file_checks import WholeFile
from popflow.intake.file_counts import FileCounts, Tally
from popflow.intake.file_rows import FileRows, rows_of
from popflow.intake.packing import Pack, PackFile
from popflow.intake.regular_files import shown
from popflow.intake.spill import Spill
from popflow.intake.storage import task_scratch

MISFIT_SHARE = 0.5  # a file of which more is unparseable does not fit its contract
BATCH_ROWS = 100_000
Quarantined = tuple[str, int | None, str]  # file, row, reason


class Limits(NamedTuple):
    """What one task may use."""

    memory: str = "1GB"  # DuckDB's own limit; what needs more sets its file aside
    threads: int = 1
    held: int = 1_000_000  # rows of presence in memory, some 100 bytes each; more goes to scratch, encrypted


def reduce_pack(pack: Pack, feed: Feed, cells: str, schema: pa.Schema, limits: Limits) -> Iterator[pa.RecordBatch]:
    """Presence, tallies and quarantine of a pack, in batches of the contract `intake`.

    cells: address of the night's cell table (`popflow.intake.cell_table`). A SIM, county and date come once, or, of a
    pack beyond limits.held, a few times, with slots to be ORed; `reduced_rows` counts them, under the name of the
    pack's first file.
    """
    with task_scratch() as scratch, _connection(limits) as db:
        load_cells(db, cells)
        reduction = PackReduction(db, pack, feed, scratch, limits.held)
        tallies: list[Tally] = []
        quarantined: list[Quarantined] = []
        for file in pack.files:
            found, set_aside = reduction.take(file)
            tallies += found
            quarantined += set_aside
        rows = 0
        for presence in reduction.presence():
            rows += presence.num_rows
            yield _shaped(presence, pack, "presence", schema)
        tallies.append(Tally(pack.files[0].name, "reduced_rows", rows))
        yield _shaped(_tally_batch(tallies), pack, "tallies", schema)
        if quarantined:
            yield _shaped(_quarantine_batch(quarantined), pack, "quarantine", schema)


class PackReduction:
    """The files of one pack, one after the other, in one DuckDB.

    Tables: found, the aggregate of a batch; taken, the presence of the file that is read; pack, that of the files
    before it. What the two hold beyond `held` rows is spilled.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, pack: Pack, feed: Feed, scratch: Path, held: int) -> None:
        self._db, self._pack, self._feed, self._scratch, self._held = db, pack, feed, scratch, held
        self._spill = Spill(scratch)
        self._check_tokens = False
        self._start("pack")

    def take(self, file: PackFile) -> tuple[list[Tally], list[Quarantined]]:
        """Reduce one file into the pack; its tallies, and its rows or itself for the quarantine."""
        spilled = len(self._spill)
        counts = FileCounts(self._feed)
        try:
            self._start("taken")
            with rows_of(file, self._feed, self._scratch) as rows:
                for table in rows.tables:
                    self._add(table, rows, counts, file)
            self._refuse(counts, file)
        except WholeFile as verdict:
            self._spill.drop_after(spilled)
            whole = [Tally(file.name, "rows", file.rows), Tally(file.name, verdict.reason, file.rows)]
            return whole, [(file.name, None, verdict.reason)]
        self._run("INSERT INTO pack FROM taken")
        self._relieve("pack")
        quarantined: list[Quarantined] = [(file.name, row, reason) for reason, row in counts.first_rows()]
        return counts.tallies(file.name, self._pack.delivery_date), quarantined

    def presence(self) -> Iterator[pa.RecordBatch]:
        """What the pack comes to: event_date, sim_token, county_code, slots."""
        yield from self._presence("pack").to_arrow_reader(BATCH_ROWS)
        yield from self._spill.batches()

    def _add(self, table: pa.Table, rows: FileRows, counts: FileCounts, file: PackFile) -> None:
        try:
            self._db.register("rows", table)
            self._aggregate(rows)
            if not self._check_tokens and self._has_odd_tokens():
                self._check_tokens = True  # this batch once more; the next ones of such a feed are checked at once
                self._aggregate(rows)
            counts.add(self._db, table.num_rows)
            self._run("""
                INSERT INTO taken SELECT place, sim_token, bit_or(slots_lo), bit_or(slots_hi)
                FROM found WHERE place > 0 GROUP BY place, sim_token""")
            self._relieve("taken")
        except duckdb.OutOfMemoryException:
            raise WholeFile("file_memory") from None
        except (
            duckdb.FatalException,
            duckdb.InternalException,
        ) as error:  # of this DuckDB nothing can be asked any more
            raise PopflowError(f"{shown(file.name)}: the reduction failed ({type(error).__name__})") from None
        except duckdb.Error:  # its message may hold the line it stumbled over
            raise WholeFile("file_failed") from None
        finally:
            self._db.unregister("rows")

    def _aggregate(self, rows: FileRows) -> None:
        frame = feed_sql.window(self._feed.fields.time, self._pack.delivery_date, rows.instants)
        if rows.columns:
            records = feed_sql.column_records(self._feed, rows.columns)
        else:
            records = feed_sql.text_records(self._feed, rows.positions)
        query = feed_sql.reduced(self._feed, records, frame, self._check_tokens)
        self._run(f"CREATE OR REPLACE TABLE found AS {query}")

    def _has_odd_tokens(self) -> bool:
        pattern = feed_sql.quoted(self._feed.fields.sim_token.pattern)
        return self._count(f"found WHERE place > 0 AND NOT regexp_full_match(sim_token, {pattern})") > 0

    def _refuse(self, counts: FileCounts, file: PackFile) -> None:
        if counts.accounted() != counts.rows:
            raise RuntimeError(
                f"{shown(file.name)}: {counts.rows} rows were read and {counts.accounted()} accounted for"
            )
        if counts.refused["unparseable"] > MISFIT_SHARE * counts.rows:
            raise WholeFile("file_misfit")

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
            self._start(table)

    def _presence(self, table: str) -> duckdb.DuckDBPyRelation:
        first = self._pack.delivery_date + dt.timedelta(days=feed_sql.DAYS[0])
        return self._db.sql(f"""
            SELECT CAST(DATE '{first}' + place // {feed_sql.DAY_PLACE} AS DATE) AS event_date, sim_token,
                lpad(CAST(place % {feed_sql.DAY_PLACE} AS VARCHAR), 6, '0') AS county_code,
                bit_or(slots_lo) AS slots_lo, bit_or(slots_hi) AS slots_hi
            FROM {table} GROUP BY place, sim_token""")

    def _start(self, table: str) -> None:
        columns = "place INTEGER, sim_token VARCHAR, slots_lo BIGINT, slots_hi BIGINT"
        self._run(f"CREATE OR REPLACE TABLE {table} ({columns})")

    def _count(self, source: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])

    def _run(self, statement: str) -> None:
        self._db.execute(statement).fetchall()


def _connection(limits: Limits) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory,
            "temp_directory": "",  # its spill would lie there in clear
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # The records are always the probing side: by the planner's guess a small file's lines would be hashed.
            "disabled_optimizers": "join_order,build_side_probe_side",
        }
    )
    db.execute("SET enable_external_access = false")  # it reads what is handed to it, and opens nothing by a name
    return db


def _tally_batch(tallies: list[Tally]) -> pa.RecordBatch:
    columns = {name: [getattr(tally, name) for tally in tallies] for name in Tally._fields}
    return pa.RecordBatch.from_pydict(columns)


def _quarantine_batch(rows: list[Quarantined]) -> pa.RecordBatch:
    files, numbers, reasons = zip(*rows, strict=True)
    return pa.RecordBatch.from_pydict({"file": files, "row_number": pa.array(numbers, pa.int64()), "reason": reasons})


def _shaped(batch: pa.RecordBatch, pack: Pack, kind: str, schema: pa.Schema) -> pa.RecordBatch:
    constants = {"mno": pack.mno, "delivery_id": pack.delivery_id, "kind": kind}
    columns = []
    for field in schema:
        if field.name in constants:
            columns.append(pa.repeat(pa.scalar(constants[field.name], field.type), batch.num_rows))
        elif field.name in batch.schema.names:
            columns.append(batch.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(batch.num_rows, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)

"""The reduction of landing files: a pack of files in, presence, tallies and quarantine out, as Arrow batches.

A pure function on files, called in Spark tasks and, without Spark, by tests and benchmarks. Each file is read once, in
batches that each go through one DuckDB aggregate, of the engine kernel those records alone that it does not take in
itself; what is held is bounded, whatever a file holds. A file that is
damaged, differs from its manifest or does not fit its contract is set aside whole and named; the others of the pack go
on. No line, token or DuckDB message leaves: errors name file and kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import pyarrow as pa

from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake import feed_sql
from popflow.intake.file_checks import WholeFile
from popflow.intake.file_counts import FileCounts, Tally
from popflow.intake.file_rows import FileRows, rows_of
from popflow.intake.held_presence import HeldPresence, InTables
from popflow.intake.kernel_use import without_kernel
from popflow.intake.packing import Pack, PackFile
from popflow.intake.spill import Spill
from popflow.intake.storage import task_scratch

MISFIT_SHARE = 0.5  # a file of which more is unparseable does not fit its contract
FileEngine = Literal["kernel", "duckdb"]
Quarantined = tuple[str, int | None, str]  # file, row, reason


class Limits(NamedTuple):
    """What one task may use."""

    memory: str = "1GB"  # DuckDB's own limit; what needs more sets its file aside
    threads: int = 1
    held: int = 1_000_000  # rows of presence in memory, some 100 bytes each; more goes to scratch, encrypted


def reduce_pack(
    pack: Pack, feed: Feed, cells: str, schema: pa.Schema, limits: Limits, engine: FileEngine = "kernel"
) -> Iterator[pa.RecordBatch]:
    """Presence, tallies and quarantine of a pack, in batches of the contract `intake`.

    cells: address of the night's cell table (`popflow.intake.cell_table`). A SIM, county and date come once, or, of a
    pack beyond limits.held, a few times, with slots to be ORed; `reduced_rows` counts them, under the name of the
    pack's first file. What the kernel cannot do here, DuckDB does.
    """
    with task_scratch() as scratch, connection(limits) as db:
        held = _held_presence(db, pack, feed, cells, Spill(scratch), limits, engine)
        reduction = PackReduction(db, pack, feed, scratch, held)
        tallies: list[Tally] = []
        quarantined: list[Quarantined] = []
        for file in pack.files:
            found, set_aside = reduction.take(file)
            tallies += found
            quarantined += set_aside
        rows = 0
        for presence in held.batches():
            rows += presence.num_rows
            yield _shaped(presence, pack, "presence", schema)
        tallies.append(Tally(pack.files[0].name, "reduced_rows", rows))
        yield _shaped(_tally_batch(tallies), pack, "tallies", schema)
        if quarantined:
            yield _shaped(_quarantine_batch(quarantined), pack, "quarantine", schema)


class PackReduction:
    """The files of one pack, one after the other; found: the aggregate of a batch, in one DuckDB."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, pack: Pack, feed: Feed, scratch: Path, held: HeldPresence
    ) -> None:
        self._db, self._pack, self._feed, self._scratch, self._held = db, pack, feed, scratch, held
        self._check_tokens = held.odd_only

    def take(self, file: PackFile) -> tuple[list[Tally], list[Quarantined]]:
        """Reduce one file into the pack; its tallies, and its rows or itself for the quarantine."""
        counts = FileCounts(self._feed)
        try:
            with rows_of(file, self._feed, self._scratch, self._held.start()) as rows:
                for table in rows.tables:
                    self._add(table, rows, counts, file)
            self._held.count(counts)
            self._refuse(counts, file)
        except WholeFile as verdict:
            self._held.drop()
            whole = [Tally(file.name, "rows", file.rows), Tally(file.name, verdict.reason, file.rows)]
            return whole, [(file.name, None, verdict.reason)]
        self._held.keep()
        quarantined: list[Quarantined] = [(file.name, row, reason) for reason, row in counts.first_rows()]
        return counts.tallies(file.name, self._pack.delivery_date), quarantined

    def _add(self, table: pa.Table, rows: FileRows, counts: FileCounts, file: PackFile) -> None:
        try:
            self._db.register("rows", table)
            records = self._held.classifiable(self._records(rows))
            self._aggregate(records, rows)
            if not self._check_tokens and self._has_odd_tokens():
                self._check_tokens = True  # this batch once more; the next ones of such a feed are checked at once
                self._aggregate(records, rows)
            counts.add(self._db, table.num_rows)
            self._held.add()
        except duckdb.OutOfMemoryException:
            raise WholeFile("file_memory") from None
        except (
            duckdb.FatalException,
            duckdb.InternalException,
        ) as error:  # of this DuckDB nothing can be asked any more
            raise PopflowError(f"{printable(file.name)}: the reduction failed ({type(error).__name__})") from None
        except duckdb.Error:  # its message may hold the line it stumbled over
            raise WholeFile("file_failed") from None
        finally:
            self._db.unregister("rows")

    def _records(self, rows: FileRows) -> str:
        if rows.columns:
            return feed_sql.column_records(self._feed, rows.columns)
        return feed_sql.text_records(self._feed, rows.positions)

    def _aggregate(self, records: str, rows: FileRows) -> None:
        frame = feed_sql.window(self._feed.fields.time, self._pack.delivery_date, rows.instants)
        query = feed_sql.reduced(self._feed, records, frame, self._check_tokens)
        self._db.execute(f"CREATE OR REPLACE TABLE found AS {query}").fetchall()

    def _has_odd_tokens(self) -> bool:
        pattern = feed_sql.quoted(self._feed.fields.sim_token.pattern)
        odd = f"SELECT count(*) FROM found WHERE place > 0 AND NOT regexp_full_match(sim_token, {pattern})"
        return int(self._db.execute(odd).fetchall()[0][0]) > 0

    def _refuse(self, counts: FileCounts, file: PackFile) -> None:
        if counts.accounted() != counts.rows:
            raise RuntimeError(
                f"{printable(file.name)}: {counts.rows} rows were read and {counts.accounted()} accounted for"
            )
        if counts.refused["unparseable"] > MISFIT_SHARE * counts.rows:
            raise WholeFile("file_misfit")


def _held_presence(
    db: duckdb.DuckDBPyConnection, pack: Pack, feed: Feed, cells: str, spill: Spill, limits: Limits, engine: str
) -> HeldPresence:
    if engine == "kernel" and not without_kernel(feed):
        from popflow.intake.kernel_cells import load
        from popflow.intake.kernel_plan import plan
        from popflow.intake.kernel_presence import InKernel

        with contextlib.suppress(OverflowError):  # more counties than it can number
            known = load(cells, plan(feed).prefix)
            return InKernel(db, feed, known, pack.delivery_date, spill, limits.held)
    return InTables(db, cells, pack.delivery_date, spill, limits.held)


def connection(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A DuckDB for landing files: within limits, without spill in clear, opening nothing by a name."""
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

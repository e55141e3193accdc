"""The reduction of landing files: a pack of files in, presence, tallies and quarantine out, as Arrow batches.

A pure function on files, called in Spark tasks and, without Spark, by tests and benchmarks. Each file is read once and
goes through one DuckDB aggregate. A file that is damaged, differs from its manifest or does not fit its contract is set
aside whole and named; the others of the pack go on. No line, token or DuckDB message leaves: errors name file and kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from popflow.contracts import Feed
from popflow.errors import PopflowError
from popflow.intake import feed_sql
from popflow.intake.cell_table import load_cells
from popflow.intake.file_checks import WholeFile, parquet_copy, parquet_is_sound, parquet_shape, positions, text_lines
from popflow.intake.packing import Pack, PackFile
from popflow.intake.storage import task_scratch

MISFIT_SHARE = 0.5  # a file of which more is unparseable does not fit its contract
BATCH_ROWS = 100_000


class Limits(NamedTuple):
    """What one task may use."""

    memory: str = "1GB"  # DuckDB's own limit; beyond it spills
    threads: int = 1


class Tally(NamedTuple):
    """One count of one file."""

    file: str
    reason: str
    records: int
    event_date: dt.date | None = None


def reduce_pack(pack: Pack, feed: Feed, cells: str, schema: pa.Schema, limits: Limits) -> Iterator[pa.RecordBatch]:
    """Presence, tallies and quarantine of a pack, in batches of the contract `intake`.

    cells: address of the night's cell table (`popflow.intake.cell_table`). Within a pack a SIM, county and date come
    once; `reduced_rows` counts them, under the name of the pack's first file.
    """
    with task_scratch() as scratch, _connection(scratch, limits) as db:
        load_cells(db, cells)
        db.execute("CREATE TABLE pack (place INTEGER, sim_token VARCHAR, slots_lo BIGINT, slots_hi BIGINT)")
        reduction = PackReduction(db, pack, feed, scratch)
        tallies: list[Tally] = []
        quarantined: list[tuple[str, int | None, str]] = []
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
    """The files of one pack, one after the other, in one DuckDB."""

    def __init__(self, db: duckdb.DuckDBPyConnection, pack: Pack, feed: Feed, scratch: Path) -> None:
        self._db, self._pack, self._feed, self._scratch = db, pack, feed, scratch
        self._check_tokens = False

    def take(self, file: PackFile) -> tuple[list[Tally], list[tuple[str, int | None, str]]]:
        """Reduce one file into the pack; its tallies, and its rows or itself for the quarantine."""
        try:
            rows = self._reduce(file)
            if not self._check_tokens and self._has_odd_tokens():
                self._check_tokens = True  # one more reading; the next files of such a feed are checked at once
                rows = self._reduce(file)
            return self._accept(file, rows)
        except WholeFile as verdict:
            whole = [Tally(file.name, "rows", file.rows), Tally(file.name, verdict.reason, file.rows)]
            return whole, [(file.name, None, verdict.reason)]

    def _reduce(self, file: PackFile) -> int:
        return self._reduce_text(file) if self._feed.format != "parquet" else self._reduce_parquet(file)

    def _has_odd_tokens(self) -> bool:
        pattern = feed_sql.quoted(self._feed.fields.sim_token.pattern)
        odd = f"SELECT count(*) FROM found WHERE place > 0 AND NOT regexp_full_match(sim_token, {pattern})"
        return bool(self._all(odd)[0][0])

    def presence(self) -> Iterator[pa.RecordBatch]:
        """What the pack comes to: event_date, sim_token, county_code, slots."""
        first = self._pack.delivery_date + dt.timedelta(days=feed_sql.DAYS[0])
        relation = self._db.sql(f"""
            SELECT CAST(DATE '{first}' + place // {feed_sql.DAY_PLACE} AS DATE) AS event_date, sim_token,
                lpad(CAST(place % {feed_sql.DAY_PLACE} AS VARCHAR), 6, '0') AS county_code,
                bit_or(slots_lo) AS slots_lo, bit_or(slots_hi) AS slots_hi
            FROM pack GROUP BY place, sim_token""")
        yield from relation.to_arrow_reader(BATCH_ROWS)

    def _reduce_text(self, file: PackFile) -> int:
        with text_lines(file, self._feed) as lines:
            places = positions(self._feed, lines, file)
            reader = lines.reader()
            self._db.register("lines", reader)
            try:
                self._aggregate(feed_sql.text_records(self._feed, places), feed_sql.window(self._time, self._date))
            except duckdb.Error as error:
                lines.raise_damage(file)
                raise _task_failure(file, error) from None
            finally:
                self._db.unregister("lines")
            lines.check(file)
            return lines.rows

    def _reduce_parquet(self, file: PackFile) -> int:
        with parquet_copy(file, self._scratch) as path:
            instants, rows = parquet_shape(path, self._feed)
            window = feed_sql.window(self._time, self._date, instants)
            try:
                self._aggregate(feed_sql.parquet_records(self._feed, path, instants), window)
            except (duckdb.BinderException, duckdb.ConversionException):
                raise WholeFile("file_columns") from None
            except duckdb.Error as error:
                if parquet_is_sound(path):
                    raise _task_failure(file, error) from None
                raise WholeFile("file_damaged") from None  # its hash is the manifest's: it was damaged when it was made
            return rows

    @property
    def _time(self) -> Any:
        return self._feed.fields.time

    @property
    def _date(self) -> dt.date:
        return self._pack.delivery_date

    def _aggregate(self, records: str, frame: feed_sql.Window) -> None:
        query = feed_sql.reduced(self._feed, records, frame, self._check_tokens)
        self._db.execute(f"CREATE OR REPLACE TABLE found AS {query}").fetchall()

    def _accept(self, file: PackFile, rows: int) -> tuple[list[Tally], list[tuple[str, int | None, str]]]:
        if rows != file.rows:
            raise WholeFile("file_rows")
        if rows == 0:
            raise WholeFile("file_empty")
        refused = {
            feed_sql.REASONS[-place - 1]: (records, first_rows)
            for place, records, first_rows in self._all(f"""
            SELECT place, sum(records)::BIGINT, min(CAST(detail AS BIGINT), {feed_sql.QUARANTINED_ROWS})
            FROM found WHERE place < 0 GROUP BY place ORDER BY place DESC""")
        }
        counts = {reason: refused.get(reason, (0, []))[0] for reason in feed_sql.REASONS}
        accepted = self._all("SELECT coalesce(sum(records), 0)::BIGINT FROM found WHERE place > 0")[0][0]
        if accepted + sum(counts.values()) != rows:
            raise RuntimeError(
                f"{file.name}: {rows} rows were read and {accepted + sum(counts.values())} accounted for"
            )
        if counts["unparseable"] > MISFIT_SHARE * rows:
            raise WholeFile("file_misfit")
        self._db.execute("""
            INSERT INTO pack SELECT place, sim_token, bit_or(slots_lo), bit_or(slots_hi)
            FROM found WHERE place > 0 GROUP BY place, sim_token""").fetchall()
        tallies = [Tally(file.name, "rows", rows)]
        tallies += [Tally(file.name, reason, count) for reason, count in counts.items() if count]
        tallies += self._by_date(file) + self._sampled(file)
        return tallies, [(file.name, row, reason) for reason, (_, first) in refused.items() for row in sorted(first)]

    def _by_date(self, file: PackFile) -> list[Tally]:
        found = self._all(f"""
            SELECT place // {feed_sql.DAY_PLACE} AS day, sum(records)::BIGINT, bit_or(slots_lo), bit_or(slots_hi)
            FROM found WHERE place > 0 GROUP BY day ORDER BY day""")
        tallies = []
        for day, records, low, high in found:
            date = self._date + dt.timedelta(days=feed_sql.DAYS[day])
            slots = low | high << 48
            tallies += [
                Tally(file.name, "accepted", records, date),
                Tally(file.name, "first_hour", ((slots & -slots).bit_length() - 1) // 4, date),
                Tally(file.name, "last_hour", (slots.bit_length() - 1) // 4, date),
            ]
        return tallies

    def _sampled(self, file: PackFile) -> list[Tally]:
        records, different = self._all(f"""
            SELECT coalesce(sum(records), 0)::BIGINT, count(DISTINCT (sim_token, detail >> {feed_sql.EVENT_BITS}))
            FROM found WHERE place > 0 AND detail IS NOT NULL""")[0]
        kinds = feed_sql.event_kinds(self._feed)
        by_kind = self._all(f"""
            SELECT detail & {(1 << feed_sql.EVENT_BITS) - 1} AS kind, sum(records)::BIGINT
            FROM found WHERE place > 0 AND detail IS NOT NULL GROUP BY kind ORDER BY kind""")
        tallies = [Tally(file.name, "sampled", records), Tally(file.name, "sampled_duplicates", records - different)]
        return tallies + [Tally(file.name, f"sampled_{kinds[number]}", count) for number, count in by_kind]

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        return self._db.execute(query).fetchall()


def _connection(scratch: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory,
            "temp_directory": str(scratch / "spill"),
            "temp_file_encryption": "true",
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            # The records are always the probing side: by the planner's guess a small file's lines would be hashed.
            "disabled_optimizers": "join_order,build_side_probe_side",
        }
    )


def _task_failure(file: PackFile, error: duckdb.Error) -> Exception:
    # DuckDB's message may hold the line it stumbled over.
    return PopflowError(f"{file.name}: the reduction failed ({type(error).__name__})")


def _tally_batch(tallies: list[Tally]) -> pa.RecordBatch:
    columns = {name: [getattr(tally, name) for tally in tallies] for name in Tally._fields}
    return pa.RecordBatch.from_pydict(columns)


def _quarantine_batch(rows: list[tuple[str, int | None, str]]) -> pa.RecordBatch:
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

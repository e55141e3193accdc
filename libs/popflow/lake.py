"""Delta tables by contract name, zone by zone: the only code that reads or writes them.

Spark reads and writes what is as large as the nation. What fits the driver (aggregates, reference) goes through
delta-rs, where a commit takes 20 ms and not 2 s; and what an analyst reads, who needs no Java.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.dataset import dataset, partitioning
from pyarrow.fs import SubTreeFileSystem

from popflow import conditions, delta_log, environment
from popflow.contracts import Contracts, refuse_unlisted, stated
from popflow.damage import in_our_words
from popflow.delta_log import Snapshot
from popflow.encryption import settings_of
from popflow.errors import NoTable, PopflowError
from popflow.modes import OPEN_ZONES, close_process, open_to_readers
from popflow.older_tables import bring_up, version_of
from popflow.paths import (
    below,
    file_system,
    for_delta_rs,
    for_spark,
    is_local,
    table_reader,
)
from popflow.session import jars_folder, row_groups, session
from popflow.tables import Table
from popflow.zones import Zones

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

Batches = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

PROTOCOL = {"delta.minReaderVersion": "1", "delta.minWriterVersion": "3"}  # 3: whoever writes checks constraints
COMPACTED_BYTES = 128 << 20  # of a file that many small ones become


class Lake(Zones):
    """The Delta tables of one lake.

    root, zones: see `Zones`. on_access is told of each access before it happens (table, and read, write, delete or
    vacuum), and forbids it by raising; without one, it is forbidden under a purpose that the table's contract lacks.
    """

    def __init__(
        self,
        root: str | Path,
        contracts: Contracts,
        spark: SparkSession | None = None,
        zones: Mapping[str, str] | None = None,
        on_access: Callable[[str, str], None] | None = None,
    ) -> None:
        super().__init__(root, zones)
        self.on_access = on_access or (lambda table, verb: refuse_unlisted(contracts.table(table), stated()))
        self.contracts = contracts
        self._spark = spark

    @property
    def spark(self) -> SparkSession:
        """The run's Spark session, started at first use."""
        if self._spark is None:
            self._spark = session(settings=settings_of(self.zone("restricted"), jars_folder))
        return self._spark

    def path(self, name: str) -> str:
        """Where the table of a contract lies; for one that is stored in another, that one's place."""
        contract = self.contracts.table(name)
        return below(self.zone(contract.zone), contract.stored_in or contract.folder or name)

    @in_our_words
    def exists(self, name: str) -> bool:
        """Whether the table has been written at all."""
        return self._open(name) is not None

    @in_our_words
    def read(self, name: str, **equals: Any) -> DataFrame:
        """The table's rows by Spark, contract columns only; equals: column = value, or a list of values.

        delta-rs tells in 20 ms which files these are, at this moment; Spark's Delta takes several jobs each time.
        Raises PopflowError for a table that plain Parquet readers would misread.
        """
        contract, stored = self._contracts_of(name)
        wanted = conditions.filters(contract, equals)
        frame = self._frame_of(stored, *self._files_with(name, wanted))
        return frame.where(conditions.for_spark(wanted)).select(*contract.columns)

    @in_our_words
    def read_pandas(self, name: str, columns: Sequence[str] | None = None, **equals: Any) -> pd.DataFrame:
        """Rows of a table as a pandas frame, without Java; for published and reference tables.

        columns: those that are wanted, all of the contract's where None.
        """
        return self.read_arrow(name, columns, **equals).to_pandas(date_as_object=True)

    @in_our_words
    def read_arrow(self, name: str, columns: Sequence[str] | None = None, **equals: Any) -> pa.Table:
        """Rows of a table as Arrow, for what is too large for pandas, such as millions of cells."""
        contract, stored = self._contracts_of(name)
        if self.encrypts(contract):
            return self.read(name, **equals).select(*(columns or contract.columns)).toArrow()
        wanted = conditions.filters(contract, equals)
        files = self._dataset_of(name, stored, wanted)
        return files.to_table(list(columns or contract.columns), conditions.for_arrow(wanted))

    @in_our_words
    def through(self, name: str, columns: Sequence[str], task: Batches, schema: pa.Schema) -> pa.Table:
        """What a task makes of a table's rows, batch by batch, so that their number does not matter.

        task: takes record batches of the columns and gives those of a schema, here or, where only Spark reads the
        table, in its tasks; of what it gives all is returned.
        """
        contract, stored = self._contracts_of(name)
        if self.encrypts(contract):
            from pyspark.sql.pandas.types import from_arrow_schema

            return self.read(name).select(*columns).mapInArrow(task, from_arrow_schema(schema)).toArrow()
        wanted = conditions.filters(contract, {})
        filters = conditions.for_arrow(wanted)
        batches = self._dataset_of(name, stored, wanted).to_batches(list(columns), filter=filters)
        return pa.Table.from_batches(task(batches), schema)

    def _dataset_of(self, name: str, stored: Table, wanted: Sequence[tuple[str, str, Any]]) -> Any:
        """The files that may hold wanted rows. Not by delta-rs: it looks at all, and ends many a process in abort()."""
        schema, found = stored.arrow_schema(), self._files_with(name, wanted)[1]
        folders = partitioning(pa.schema([schema.field(column) for column in stored.partition_by]), flavor="hive")
        return dataset(found, schema, "parquet", self._file_system(name), folders)

    def frame(self, name: str, rows: pd.DataFrame | Sequence[tuple]) -> pa.Table:
        """A pandas frame, or tuples in the order of the contract, as Arrow with the table's columns and types."""
        schema = self.contracts.table(name).arrow_schema()
        if isinstance(rows, Sequence):
            return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
        return pa.Table.from_pandas(rows[schema.names], schema, preserve_index=False)

    def replace(self, name: str, rows: DataFrame | pa.Table, **partition: Any) -> None:
        """Write rows in place of those of a partition (by default of the whole table), in one commit.

        A Spark frame is written by Spark; Arrow, which fits the driver, by delta-rs. Raises PopflowError where Arrow
        rows break the contract; the message holds none of them.
        """
        self.replace_partitions(name, rows, [partition] if partition else [])

    def replace_partitions(
        self, name: str, rows: DataFrame | pa.Table, partitions: Sequence[Mapping[str, Any]]
    ) -> None:
        """Put rows in the place of several partitions, or of the whole table where none is given; one commit."""
        contract = self._refuse_append_only(name)
        self.on_access(name, "write")
        self._create(name)
        condition = " OR ".join(f"({conditions.sql(partition)})" for partition in partitions)
        with self._readable(contract):
            if isinstance(rows, pa.Table) and not self.encrypts(contract) and not self._is_spelled_otherwise(name):
                self._overwrite(name, rows, condition or None)
                return
            writer = self._ordered(contract, self._spark_frame(rows)).write.format("delta").mode("overwrite")
            if condition:
                writer = writer.option("replaceWhere", condition)
            writer.save(for_spark(self.path(name)))

    def rewrite(self, name: str) -> None:
        """Write all rows of a table anew by Spark, into new files; no reader sees a change."""
        contract = self.contracts.table(name)
        self.on_access(name, "write")
        frame = self._ordered(contract, self.read(name))
        with self._readable(contract):
            writer = frame.write.format("delta").mode("overwrite").option("dataChange", "false")
            writer.save(for_spark(self.path(name)))

    def append_once(self, name: str, rows: DataFrame | pa.Table, app_id: str, metadata: str) -> bool:
        """Append in one commit that a rerun under the same app id does not repeat; True if it was written now.

        Arrow rows become one data file a partition, sorted as the contract says. By Spark, also what is small: of two
        that append under one app id at the same moment its Delta lets one through, delta-rs both.
        """
        self.on_access(name, "write")
        self._create(name)
        if self._is_written(name, app_id):
            return False
        contract = self.contracts.table(name)
        frame = self._ordered(contract, self._spark_frame(rows))
        frame = frame.sortWithinPartitions(*contract.sorted_by) if contract.sorted_by else frame
        writer = frame.write.format("delta").mode("append")
        writer = writer.option("txnAppId", app_id).option("txnVersion", 1).option("userMetadata", metadata)
        before = self._version(name)
        try:
            with self._readable(contract), row_groups(self.spark, small=bool(contract.sorted_by)):
                writer.save(for_spark(self.path(name)))
        except Exception:
            if self._is_written(name, app_id):
                return False  # by somebody else, while we were at it
            raise
        return self._version(name) > before

    @in_our_words
    def history(self, name: str, newest: int | None = None) -> list[dict[str, Any]]:
        """The commits of a table, the newest first, at most so many of them; empty where there is none."""
        table = self._open(name)
        return table.history(newest) if table else []

    def commits(self, name: str) -> int:
        """How many commits a table has had; 0 where there is none."""
        table = self._open(name)
        return table.version() + 1 if table else 0

    @in_our_words
    def partitions(self, name: str) -> list[dict[str, str]]:
        """Partitions that the table has now, each by its columns' values as text; empty where there is no table."""
        table = self._open(name)
        return [{c: str(v) for c, v in one.items()} for one in table.partitions()] if table else []

    @in_our_words
    def spans(self, name: str, column: str) -> list[tuple[dict[str, str], Any, Any]]:
        """Each data file's partition, and the least and greatest value of a column in it, from the log alone.

        None for a value that the log does not say; an empty list where there is no table.
        """
        table = self._open(name)
        if table is None:
            return []
        self.on_access(name, "read")
        return delta_log.spans(table, column)

    @in_our_words
    def snapshot(self, name: str) -> Snapshot:
        """The table's newest version. Raises PopflowError for a table that plain Parquet readers would misread."""
        table = self._refuse_features(name)
        self.on_access(name, "read")
        return delta_log.snapshot(table)

    @in_our_words
    def files_at(self, name: str, moment: dt.datetime) -> set[str]:
        """Data files of the version that the table had at a moment, by their path below it; none before its first."""
        return delta_log.files_at(self._refuse_missing(name), moment)

    def open_file(self, name: str, path: str) -> pa.NativeFile:
        """A data file of a table, by the path that its snapshot gives, to be read at any place."""
        return self._file_system(name).open_input_file(path)

    def delete(self, name: str, condition: str) -> None:
        """Delete the rows for which the SQL condition holds; one on partition columns reads no file."""
        self._refuse_append_only(name)
        if table := self._open(name):
            self.on_access(name, "delete")
            with self._readable(self.contracts.table(name)):
                if self._is_spelled_otherwise(name):
                    self.spark.sql(f"DELETE FROM delta.`{for_spark(self.path(name))}` WHERE {condition}")
                else:
                    table.delete(condition)

    def vacuum(self, name: str, keep_hours: float) -> None:
        """Remove files that no version younger than keep_hours needs, those of failed attempts too."""
        if table := self._open(name):
            self.on_access(name, "vacuum")
            hours = math.ceil(keep_hours)
            with self._readable(self.contracts.table(name)):
                table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)

    def compact(self, name: str, most_files: int, small: int) -> int:
        """Put the small files of each partition together that has more than so many; the number of files less.

        small: bytes below which a file is. The rows stay as they are and in their partition. Nothing is done to a table
        that is encrypted, whose files Spark writes large enough at once.
        """
        if self.encrypts(self.contracts.table(name)) or not (table := self._open(name)):
            return 0
        before = len(table.file_uris())
        for only in delta_log.crowded(table, most_files, small):
            self.on_access(name, "write")
            with self._readable(self.contracts.table(name)):
                table.optimize.compact(partition_filters=only or None, target_size=COMPACTED_BYTES)
        return before - len(table.file_uris())

    def _create(self, name: str) -> None:
        contract = self.contracts.table(name)
        if contract.zone not in OPEN_ZONES:
            close_process()
        if table := self._open(name):
            bring_up(table, contract, self.path(name))
            return
        self.make_zone(contract.zone)
        rules = {f"delta.constraints.{rule}": sql for rule, sql in contract.constraints().items()}
        with self._readable(contract):
            DeltaTable.create(
                for_delta_rs(self.path(name)),
                schema=contract.arrow_schema(),
                partition_by=contract.partition_by,
                configuration=PROTOCOL | contract.delta_properties() | rules,
                mode="ignore",
                raise_if_key_not_exists=False,  # delta-rs does not know all that Spark's Delta knows
            )

    def _overwrite(self, name: str, rows: pa.Table, condition: str | None) -> None:
        schema = self.contracts.table(name).arrow_schema()
        try:
            typed = rows.select(schema.names).cast(schema)
            write_deltalake(for_delta_rs(self.path(name)), typed, mode="overwrite", predicate=condition)
        except CommitFailedError:
            raise PopflowError(f"{self.path(name)}: another run wrote there at the same moment; start again") from None
        except (DeltaError, pa.ArrowInvalid, ValueError):  # their messages show rows
            raise PopflowError(
                f"{name}: rows break the contract; nothing was written (data_contracts, table {name})"
            ) from None

    def _contracts_of(self, name: str) -> tuple[Table, Table]:
        """A table's contract, and that of the table in which its rows are stored."""
        contract = self.contracts.table(name)
        return contract, self.contracts.table(contract.stored_in or name)

    def _files_with(self, name: str, wanted: Sequence[tuple[str, str, Any]]) -> tuple[DeltaTable, list[str]]:
        """The table, and those of its files that may hold the wanted rows, by their path below it."""
        table = self._refuse_features(name)
        self.on_access(name, "read")
        root = table.table_uri.removeprefix("file://")
        return table, [uri.removeprefix(root) for uri in table.file_uris(file_pruning_predicate=list(wanted) or None)]

    def _frame_of(self, contract: Table, table: DeltaTable, files: Sequence[str]) -> DataFrame:
        root, schema = for_spark(self.path(contract.table)), contract.spark_schema()
        if delta_log.beyond_ascii(files):
            return self.spark.read.format("delta").option("versionAsOf", table.version()).load(root)
        reader = table_reader(self.spark, root).schema(schema)
        return (
            reader.parquet(*(f"{root}/{file}" for file in files)) if files else self.spark.createDataFrame([], schema)
        )

    @contextmanager
    def _readable(self, contract: Table) -> Iterator[None]:
        """What is written inside to a table that is for everybody is opened to everybody, whatever the umask."""
        try:
            yield
        finally:
            if contract.zone in OPEN_ZONES and is_local(self.path(contract.table)):
                open_to_readers(Path(self.path(contract.table)))

    def _file_system(self, name: str) -> SubTreeFileSystem:
        files, base = file_system(self.path(name))
        return SubTreeFileSystem(base, files)

    def _is_spelled_otherwise(self, name: str) -> bool:
        """Whether the table has files that delta-rs cannot remove, since Spark spells their partition otherwise."""
        contract = self.contracts.table(name)
        if all(contract.columns[column].type == "date" for column in contract.partition_by):
            return False
        table = self._open(name)
        return table is not None and delta_log.beyond_ascii(delta_log.paths(table))

    def _version(self, name: str) -> int:
        return self._refuse_missing(name).version()

    def _is_written(self, name: str, app_id: str) -> bool:
        return self._refuse_missing(name).transaction_version(app_id) is not None

    def encrypts(self, contract: Table) -> bool:
        """Whether the table's files are encrypted, so that only Spark reads and writes them."""
        return contract.zone == "restricted" and environment.MASTER_KEYS.is_set()

    def _open(self, name: str) -> DeltaTable | None:
        try:
            table = DeltaTable(for_delta_rs(self.path(name)))
        except TableNotFoundError:
            return None
        written_by = version_of(table)
        known = self.contracts.table(self.contracts.table(name).stored_in or name).version
        if written_by > known:
            raise PopflowError(
                f"{self.path(name)} was written by version {written_by} of its contract and this popflow knows "
                f"{known}; use the popflow that wrote it, or a newer one"
            )
        return table

    def _refuse_missing(self, name: str) -> DeltaTable:
        table = self._open(name)
        if table is None:
            raise NoTable(f"no table '{name}' at {self.path(name)} yet")
        return table

    def _refuse_features(self, name: str) -> DeltaTable:
        table = self._refuse_missing(name)
        if table.protocol().min_reader_version > 1:
            raise PopflowError(f"{self.path(name)} has Delta features beyond plain Parquet files: who wrote it?")
        return table

    def _refuse_append_only(self, name: str) -> Table:
        contract = self.contracts.table(name)
        if contract.append_only:
            raise PopflowError(f"{name} is append-only: what is published cannot be taken back")
        return contract

    def _spark_frame(self, rows: DataFrame | pa.Table) -> DataFrame:
        """Rows for Spark to write. Arrow in one piece: each would become a file, one for every core of a cluster."""
        return self.spark.createDataFrame(rows).coalesce(1) if isinstance(rows, pa.Table) else rows

    def _ordered(self, contract: Table, frame: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F

        fields = contract.spark_schema().fields
        return frame.select(*(F.col(field.name).cast(field.dataType).alias(field.name) for field in fields))

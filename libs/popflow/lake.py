"""Delta tables by contract name, zone by zone: the only code that reads or writes them.

Zones are separate roots, so that each can have credentials of its own. Spark reads and writes what is as large as the
nation. What fits the driver (aggregates, reference) goes through delta-rs, where a commit takes 20 ms and not 2 s; and
what an analyst reads, who needs no Java.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
import os
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.dataset import dataset, partitioning
from pyarrow.fs import FileSystem, FileType, SubTreeFileSystem

from popflow.contracts import Contracts, Table, refuse_unlisted, stated
from popflow.encryption import VARIABLE as MASTER_KEYS
from popflow.encryption import settings_of
from popflow.errors import NoTable, PopflowError
from popflow.session import jars_folder, session

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import Column, DataFrame, SparkSession

PROTOCOL = {"delta.minReaderVersion": "1", "delta.minWriterVersion": "3"}  # 3: whoever writes checks constraints
BEYOND_ASCII = re.compile("%[89A-F]")  # in the name of a partition's folder, which Spark would read byte by byte


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table: its path below the table's, its partition, its least and greatest values."""

    path: str
    size: int
    partition: dict[str, Any]
    least: dict[str, Any]
    most: dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """A table's newest version as other programs read it."""

    table_id: str
    version: int
    schema_json: str
    partition_by: tuple[str, ...]
    files: list[DataFile]

    def with_files(self, files: list[DataFile]) -> Snapshot:
        """The same with some of its files."""
        return replace(self, files=files)


class Lake:
    """The Delta tables of one lake.

    root is a folder or an object-storage address; zones, or else the environment's POPFLOW_ZONE_<NAME>, may say where
    a zone lies apart. on_access is told of each access before it happens (table, and read, write, delete or vacuum),
    and forbids it by raising; without one, an access under a purpose that the table's contract does not list is.
    """

    def __init__(
        self,
        root: str | Path,
        contracts: Contracts,
        spark: SparkSession | None = None,
        zones: Mapping[str, str] | None = None,
        on_access: Callable[[str, str], None] | None = None,
    ) -> None:
        self.root = str(root).rstrip("/")
        self.on_access = on_access or (lambda table, verb: refuse_unlisted(contracts.table(table), stated()))
        self.contracts = contracts
        self._spark = spark
        self._zones = dict(zones or {})

    @property
    def spark(self) -> SparkSession:
        """The run's Spark session, started at first use."""
        if self._spark is None:
            self._spark = session(settings=settings_of(self.zone("restricted"), jars_folder))
        return self._spark

    def zone(self, name: str) -> str:
        """Root of a zone: reference, restricted, published, ops or share."""
        return self._zones.get(name) or os.environ.get(f"POPFLOW_ZONE_{name.upper()}") or f"{self.root}/{name}"

    def local_zone(self, name: str) -> Path:
        """The folder of a zone whose files are appended to, which object storage cannot do; there or not.

        Raises PopflowError where the zone is no folder of this machine.
        """
        zone = self.zone(name)
        if "://" in zone:
            variable = f"POPFLOW_ZONE_{name.upper()}"
            raise PopflowError(f"{zone}: files of the zone {name} are appended to; name a folder for it by {variable}")
        return Path(zone)

    def path(self, name: str) -> str:
        """Where the table of a contract lies; for one that is stored in another, that one's place."""
        contract = self.contracts.table(name)
        return f"{self.zone(contract.zone)}/{contract.stored_in or name}"

    def exists(self, name: str) -> bool:
        """Whether the table has been written at all."""
        return self._open(name) is not None

    def read(self, name: str, **equals: Any) -> DataFrame:
        """The table's rows by Spark, contract columns only; equals: column = value, or a list of values.

        delta-rs tells in 20 ms which files these are, at this moment; Spark's Delta takes several jobs each time.
        Raises PopflowError for a table that plain Parquet readers would misread.
        """
        from pyspark.sql import functions as F

        contract, stored = self._contracts_of(name)
        wanted = _filters(contract, equals)
        frame = self._frame_of(stored, *self._files_with(name, wanted))
        conditions = [F.col(c).isin(v) if how == "in" else F.col(c) == F.lit(v) for c, how, v in wanted]
        return frame.where(_all(conditions)).select(*contract.columns)

    def read_pandas(self, name: str, columns: Sequence[str] | None = None, **equals: Any) -> pd.DataFrame:
        """The same as a pandas frame, without Java; for published and reference tables.

        columns: those that are wanted, all of the contract's where None.
        """
        return self.read_arrow(name, columns, **equals).to_pandas(date_as_object=True)

    def read_arrow(self, name: str, columns: Sequence[str] | None = None, **equals: Any) -> pa.Table:
        """The same as an Arrow table, for what is too large for pandas, such as millions of cells."""
        contract, stored = self._contracts_of(name)
        if self._encrypted(contract):
            return self.read(name, **equals).select(*(columns or contract.columns)).toArrow()
        wanted, schema = _filters(contract, equals), stored.arrow_schema()
        _, found = self._files_with(name, wanted)
        # Not delta-rs's own reading: it looks at every file of the table, and ends many a process in abort().
        folders = partitioning(pa.schema([schema.field(column) for column in stored.partition_by]), flavor="hive")
        files = dataset(found, schema, "parquet", _file_system(self.path(name)), folders)
        return files.to_table(list(columns or contract.columns), pq.filters_to_expression(wanted) if wanted else None)

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
        """The same in place of the rows of several partitions; of the whole table where none is given."""
        contract = self._refuse_append_only(name)
        self.on_access(name, "write")
        self._create(name)
        condition = " OR ".join(f"({_sql_all(partition)})" for partition in partitions)
        if isinstance(rows, pa.Table) and not self._encrypted(contract):
            self._overwrite(name, rows, condition or None)
            return
        frame = self.spark.createDataFrame(rows) if isinstance(rows, pa.Table) else rows
        writer = self._ordered(contract, frame).write.format("delta").mode("overwrite")
        if condition:
            writer = writer.option("replaceWhere", condition)
        writer.save(_spark_address(self.path(name)))

    def append_once(self, name: str, rows: DataFrame | pa.Table, app_id: str, metadata: str) -> bool:
        """Append in one commit that a rerun under the same app id does not repeat; True if it was written now.

        By Spark, also what is small: of two that append under one app id at the same moment its Delta lets one through,
        delta-rs both.
        """
        self.on_access(name, "write")
        self._create(name)
        if self._is_written(name, app_id):
            return False
        frame = self.spark.createDataFrame(rows) if isinstance(rows, pa.Table) else rows
        writer = self._ordered(self.contracts.table(name), frame).write.format("delta").mode("append")
        writer = writer.option("txnAppId", app_id).option("txnVersion", 1).option("userMetadata", metadata)
        before = self._version(name)
        try:
            writer.save(_spark_address(self.path(name)))
        except Exception:
            if self._is_written(name, app_id):
                return False  # by somebody else, while we were at it
            raise
        return self._version(name) > before

    def history(self, name: str) -> list[dict[str, Any]]:
        """The commits of a table, the newest first; empty where there is none."""
        table = self._open(name)
        return table.history() if table else []

    def partitions(self, name: str) -> list[dict[str, str]]:
        """Partitions that the table has now, each by its columns' values as text; empty where there is no table."""
        table = self._open(name)
        return [{c: str(v) for c, v in one.items()} for one in table.partitions()] if table else []

    def snapshot(self, name: str) -> Snapshot:
        """The table's newest version. Raises PopflowError for a table that plain Parquet readers would misread."""
        table = self._refuse_features(name)
        self.on_access(name, "read")
        rows = pa.table(table.get_add_actions(flatten=False)).to_pylist()
        files = [
            DataFile(row["path"], row["size_bytes"], row.get("partition") or {}, row["min"] or {}, row["max"] or {})
            for row in rows
        ]
        about = table.metadata()
        return Snapshot(str(about.id), table.version(), table.schema().to_json(), tuple(about.partition_columns), files)

    def files_at(self, name: str, moment: dt.datetime) -> set[str]:
        """Data files of the version that the table had at a moment, by their path below it; none before its first."""
        table = self._refuse_missing(name)
        if moment.timestamp() * 1000 < min(commit["timestamp"] for commit in table.history()):
            return set()
        table.load_as_version(moment)
        return {urllib.parse.unquote(path) for path in pa.table(table.get_add_actions())["path"].to_pylist()}

    def open_file(self, name: str, path: str) -> pa.NativeFile:
        """A data file of a table, by the path that its snapshot gives, to be read at any place."""
        files, address = FileSystem.from_uri(_with_scheme(f"{self.path(name)}/{path}"))
        return files.open_input_file(address)

    def read_text(self, zone: str, name: str) -> str | None:
        """A small file beside the tables of a zone; None where there is none."""
        files, path = FileSystem.from_uri(_with_scheme(f"{self.zone(zone)}/{name}"))
        if files.get_file_info(path).type is FileType.NotFound:
            return None
        with files.open_input_stream(path) as stream:
            return bytes(stream.read()).decode()

    def write_text(self, zone: str, name: str, text: str) -> None:
        """Write such a file; a reader sees the old one or the new one."""
        files, path = FileSystem.from_uri(_with_scheme(f"{self.zone(zone)}/{name}"))
        files.create_dir(path.rsplit("/", 1)[0])
        with files.open_output_stream(f"{path}.part") as stream:
            stream.write(text.encode())
        files.move(f"{path}.part", path)

    def delete(self, name: str, condition: str) -> None:
        """Delete the rows for which the SQL condition holds; one on partition columns reads no file."""
        self._refuse_append_only(name)
        if table := self._open(name):
            self.on_access(name, "delete")
            table.delete(condition)

    def vacuum(self, name: str, keep_hours: float) -> None:
        """Remove files that no version younger than keep_hours needs, those of failed attempts too."""
        if table := self._open(name):
            self.on_access(name, "vacuum")
            hours = math.ceil(keep_hours)
            table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)

    def make_zone(self, name: str) -> Path | None:
        """The folder of a zone, made if need be, the restricted one for its owner alone; None in object storage."""
        if "://" in self.zone(name):
            return None
        folder = Path(self.zone(name))
        folder.mkdir(mode=0o700 if name == "restricted" else 0o777, parents=True, exist_ok=True)
        return folder

    def _create(self, name: str) -> None:
        contract = self.contracts.table(name)
        if self.exists(name):
            return
        self.make_zone(contract.zone)
        rules = {f"delta.constraints.{rule}": sql for rule, sql in contract.constraints().items()}
        DeltaTable.create(
            delta_rs_address(self.path(name)),
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
            write_deltalake(delta_rs_address(self.path(name)), typed, mode="overwrite", predicate=condition)
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
        root, schema = _spark_address(self.path(contract.table)), contract.spark_schema()
        if any(BEYOND_ASCII.search(file) for file in files):
            return self.spark.read.format("delta").option("versionAsOf", table.version()).load(root)
        reader = self.spark.read.schema(schema).option("basePath", root)
        return (
            reader.parquet(*(f"{root}/{file}" for file in files)) if files else self.spark.createDataFrame([], schema)
        )

    def _version(self, name: str) -> int:
        return self._refuse_missing(name).version()

    def _is_written(self, name: str, app_id: str) -> bool:
        return self._refuse_missing(name).transaction_version(app_id) is not None

    def _encrypted(self, contract: Table) -> bool:
        """Whether the table's files are encrypted, so that only Spark reads and writes them."""
        return contract.zone == "restricted" and MASTER_KEYS in os.environ

    def _open(self, name: str) -> DeltaTable | None:
        try:
            table = DeltaTable(delta_rs_address(self.path(name)))
        except TableNotFoundError:
            return None
        written_by = int(table.metadata().configuration.get("popflow.contractVersion", "1"))
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

    def _ordered(self, contract: Table, frame: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F

        fields = contract.spark_schema().fields
        return frame.select(*(F.col(field.name).cast(field.dataType).alias(field.name) for field in fields))


def _spark_address(path: str) -> str:
    """The address under which Spark finds what everything else calls s3://."""
    return path.replace("s3://", "s3a://", 1)


def delta_rs_address(path: str) -> str:
    """The address under which delta-rs finds what Spark calls s3a://."""
    return path.replace("s3a://", "s3://", 1)


def _file_system(address: str) -> FileSystem:
    files, base = FileSystem.from_uri(_with_scheme(address))
    return SubTreeFileSystem(base, files)


def _with_scheme(address: str) -> str:
    return delta_rs_address(address) if "://" in address else Path(address).absolute().as_uri()


def _filters(contract: Table, equals: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """What makes rows those of a table, and the wanted ones, as delta-rs and pyarrow take it."""
    filters = [(c, "in", list(v)) if isinstance(v, list | set | tuple) else (c, "=", v) for c, v in equals.items()]
    return [*filters, ("kind", "=", contract.table)] if contract.stored_in else filters


def _all(conditions: list[Column]) -> Column:
    from pyspark.sql import functions as F

    return functools.reduce(operator.and_, conditions, F.lit(True))


def _sql_all(equals: Mapping[str, Any]) -> str:
    return " AND ".join(_sql_equals(column, value) for column, value in equals.items())


def _sql_equals(column: str, value: Any) -> str:
    if isinstance(value, list | set | tuple):
        return "(" + " OR ".join(_sql_equals(column, one) for one in value) + ")"
    if isinstance(value, dt.date):
        return f"`{column}` = DATE'{value.isoformat()}'"
    if isinstance(value, int):
        return f"`{column}` = {value}"
    return f"`{column}` = '{value}'"

"""The run's one Spark session: Delta, its jars, and settings for one machine; a cluster brings its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow import environment, scratch
from popflow.encryption.jar import JARS as ZONE_CRYPTO_JARS
from popflow.errors import PopflowError
from popflow.modes import close_process, is_open
from popflow.paths import local_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

THROUGHPUT = "-XX:+UseParallelGC"  # nobody waits for an answer: total time counts, not the longest pause
DAY_PARTITIONS = 8  # files of one date of a person table on one machine; a cluster sets spark.sql.shuffle.partitions
ROW_GROUP, ROW_GROUP_BYTES = "parquet.block.size", str(1 << 20)  # some 15,000 rows of flows


def session(app_name: str = "popflow", settings: Mapping[str, str] | None = None) -> SparkSession:
    """The run's one Spark session, with Delta; under spark-submit it takes master and jars from there."""
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(app_name)
    for name, value in (_settings() | dict(settings or {})).items():
        builder = builder.config(name, value)
    close_process()  # shuffle files hold tokens, and Spark makes them as the umask says
    log = spark_log()
    try:
        with scratch.children_in(scratch.of_process()), _standard_error_to(log):
            return builder.getOrCreate()
    except PySparkRuntimeError:
        scratch.keep()
        raise PopflowError(
            f"Spark did not start: is Java 17 installed? (apt-get install openjdk-17-jre-headless); it said: {log}"
        ) from None


def in_tasks(spark: SparkSession, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Results of a function for some items, as `map` gives them, each made in a task of its own."""
    each = list(items)
    return spark.sparkContext.parallelize(each, len(each)).map(function).collect() if each else []


@contextmanager
def row_groups(spark: SparkSession, *, small: bool) -> Iterator[None]:
    """Files that are written inside are cut into small parts, where it is asked for, which a reader can pass over."""
    if small:
        spark.conf.set(ROW_GROUP, ROW_GROUP_BYTES)
    try:
        yield
    finally:
        spark.conf.unset(ROW_GROUP)


def spark_log() -> Path:
    """Where the JVM writes what it has to say, which may quote data: the process's scratch, or POPFLOW_SPARK_LOG."""
    named = environment.SPARK_LOG.path()
    return named.absolute() if named else scratch.of_process() / "spark.log"


@contextmanager
def _standard_error_to(log: Path) -> Iterator[None]:
    """The JVM inherits standard error when it starts, and only then."""
    sys.stderr.flush()
    kept = os.dup(2)
    file = _own_log(log)
    try:
        os.dup2(file, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(file)


def _own_log(log: Path) -> int:
    """The log, opened. Raises PopflowError where it is a link, another user's, or open to others."""
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise PopflowError(f"{log}: Spark's log cannot be written there ({error.strerror})") from None
    found = os.fstat(file)
    if found.st_uid != os.getuid() or is_open(found):
        os.close(file)
        raise PopflowError(f"{log}: others can read Spark's log, which may quote data; chmod 600 it, or remove it")
    return file


def _settings() -> dict[str, str]:
    always = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.log.level": "ERROR",
        # Small partitions are put together to 64 MB; by default each core keeps one, and each becomes a file.
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.hadoop.fs.permissions.umask-mode": "077",  # Hadoop sets modes itself, whatever the process's umask
        # Beyond so many groups collect_list sorts its input; the default of 128 makes it sort always.
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "100000",
        # Where every partition of one side is found to be small, a join needs no sorting of both.
        "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64m",
    }
    always |= _object_storage()
    environment.WORKERS_PYTHON.set_unless_given(sys.executable)
    if environment.UNDER_SPARK_SUBMIT.is_set():  # under spark-submit master, memory and jars are the caller's
        return always
    return always | {
        "spark.master": environment.MASTER.text() or f"local[{os.cpu_count()},4]",  # local[n] never retries a task
        "spark.jars": ",".join(
            jar.as_uri() for jar in sorted(jars_folder().glob("*.jar")) if not jar.match(ZONE_CRYPTO_JARS)
        ),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": environment.DRIVER_MEMORY.text() or "4g",
        "spark.driver.extraJavaOptions": _java_options(),
        "spark.local.dir": str(scratch.of_process()),
        "spark.sql.warehouse.dir": (scratch.of_process() / "warehouse").as_uri(),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": str(DAY_PARTITIONS),
        # By default they are put together to one a core, which makes three uneven ones for two cores.
        "spark.sql.adaptive.coalescePartitions.minPartitionNum": str(DAY_PARTITIONS),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",  # VACUUM on small tables takes 100 s otherwise
    }


def _java_options() -> str:
    """Java options that were asked for; the JVM writes nothing to the folder that all users share."""
    asked = environment.JAVA_OPTIONS.text() or THROUGHPUT
    return f'{asked} -XX:-UsePerfData "-Djava.io.tmpdir={scratch.of_process()}"'


def _object_storage() -> dict[str, str]:
    """For Spark's S3A what delta-rs and pyarrow read from the environment themselves: an S3-compatible address."""
    if endpoint := environment.S3_ENDPOINT.text():
        region = environment.S3_REGION.text() or "us-east-1"
        settings = {"endpoint": endpoint, "endpoint.region": region, "path.style.access": "true"}
        return {f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}
    return {}


def jars_folder() -> Path:
    """Where Delta's jars lie: POPFLOW_JARS, else .jars of the checkout. Raises PopflowError where there are none."""
    folder = local_path(environment.JARS.text() or Path(__file__).parents[2] / ".jars")
    if not any(folder.glob("io.delta_delta-spark*.jar")):
        raise PopflowError(f"no Delta jars in {folder}; 'make setup' fetches them, or set POPFLOW_JARS to their folder")
    return folder

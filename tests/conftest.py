"""What the whole suite shares: one Spark session, the contracts, small literal frames."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from popflow import contracts as contracts_module
from popflow.contracts import Contracts
from popflow.lake import Lake
from popflow.session import session

os.environ.setdefault("POPFLOW_DRIVER_MEMORY", "2g")
# Plans of few rows are over before the optimising compiler has paid: with it, half of all CPU goes into compiling.
# Without it the JVM keeps 48 MB for code, and stops compiling when they are full.
os.environ.setdefault("POPFLOW_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m")


# Files of enumerated worlds, fuzzing, whole pages and processes, many seconds each. `make check` leaves them
# out, so that it takes under two minutes; `make test` runs them.
LONG = {f"test_{name}.py" for name in (
    "attack_by_linear_programs", "audit_days_not_linked", "audit_stamps", "briefing", "check_fuzz", "documentation",
    "feed_tried", "fuzz", "gate_and_auditor", "inflow_and_matrices", "kernel_fuzz", "lake_arguments_fuzzed",
    "malformed_files", "notebooks", "number_text", "order_and_repetition", "protect_flows", "quality_checks",
    "report_commands", "send_a_delivery", "slow_clients", "audit_arrivals", "arrivals_enumerated")}  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that need Spark go to one process, with the run's one session; every other file to a process as a whole.

    A file needs Spark where one of its tests takes the session, or has the marker `spark` because it asks for it later.
    """
    of_spark = {item.path for item in items
                if "spark" in getattr(item, "fixturenames", ()) or item.get_closest_marker("spark")}  # fmt: skip
    for item in items:
        item.add_marker(pytest.mark.xdist_group("spark" if item.path in of_spark else item.path.name))
        if item.path in of_spark:
            item.add_marker(pytest.mark.spark)
        if item.path.name in LONG:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one Spark session of the run."""
    with tempfile.TemporaryDirectory() as folder:
        spark = session("popflow-tests", {"spark.sql.warehouse.dir": folder, "spark.sql.shuffle.partitions": "2"})
        yield spark
        spark.stop()


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    """The contracts that popflow ships."""
    return contracts_module.load()


@pytest.fixture
def lake(tmp_path: Path, contracts: Contracts, spark: SparkSession) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake", contracts, spark)

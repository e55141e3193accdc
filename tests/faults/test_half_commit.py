"""The short form of the kills: one release, killed around its commit, and published again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.lake import Lake

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from half_commit import ROWS, publish  # noqa: E402


@pytest.mark.parametrize("where", ["between files and log", pytest.param("after the commit", marks=pytest.mark.slow)])
def test_a_release_killed_around_its_commit_is_published_once(tmp_path: Path, contracts: Contracts, spark, where: str):
    lake = Lake(tmp_path / "lake", contracts, spark)
    frame = spark.createDataFrame([], contracts.table("flows").spark_schema())
    lake.append_once("flows", frame, "none", "{}")
    command = [sys.executable, str(HERE / "half_commit.py"), lake.root, where]
    settings = os.environ | {"POPFLOW_DRIVER_MEMORY": "1g", "POPFLOW_MASTER": "local[1]"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True, env=settings)
    assert done.returncode == -9, done.stderr[-1000:]
    files = [path for path in Path(lake.path("flows")).rglob("*.parquet") if "_delta_log" not in path.parts]
    assert files, "it died before it wrote anything"
    committed = lake.read("flows").count()
    assert committed == (0 if where == "between files and log" else len(ROWS))
    assert publish(lake) is (committed == 0)
    assert publish(lake) is False
    assert sorted(row.persons for row in lake.read("flows").collect()) == [row[7] for row in ROWS]

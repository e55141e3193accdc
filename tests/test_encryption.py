"""Files of the restricted zone are encrypted on disk, and readable while their master key is there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from popflow.cli import app
from popflow.encryption import (
    add_master_key,
    at_rest_settings,
    drop_master_key,
    in_transit_settings,
    key_names,
    plain_files,
    settings_of,
)
from popflow.errors import PopflowError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "master.keys"
    add_master_key(path, "2020-01")
    return path


def test_the_newest_key_writes_and_older_ones_stay(keys: Path):
    add_master_key(keys, "2020-02")
    assert key_names(keys) == ["2020-01", "2020-02"]
    settings = at_rest_settings("/lake/restricted/", keys)
    assert settings["spark.hadoop.parquet.encryption.uniform.key"] == "2020-02"
    assert settings["spark.hadoop.popflow.encrypted.zone"] == "/lake/restricted"
    assert not [value for value in settings.values() if value in keys.read_text().split()[1::2]]  # names, never keys


def test_a_key_is_forgotten_only_when_no_file_needs_it(keys: Path):
    add_master_key(keys, "2020-02")
    with pytest.raises(PopflowError, match="still need '2020-01'"):
        drop_master_key(keys, "2020-01", ["2020-01"])
    with pytest.raises(PopflowError, match="is the newest key"):
        drop_master_key(keys, "2020-02", [])
    drop_master_key(keys, "2020-01", ["2020-02"])
    assert key_names(keys) == ["2020-02"]
    assert keys.stat().st_mode & 0o077 == 0


def test_files_in_object_storage_are_not_taken_for_encrypted(keys: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_MASTER_KEYS", str(keys))
    with pytest.raises(PopflowError, match="let the bucket encrypt"):
        settings_of("s3://lake/restricted", lambda: pytest.fail("no jar is needed"))
    add_master_key(keys, "2020-02")
    drop = ["keys", "drop", "2020-01", "--file", str(keys), "--lake", "s3://lake"]
    with pytest.raises(PopflowError, match="let the bucket encrypt"):
        app(drop, standalone_mode=False)
    assert key_names(keys) == ["2020-01", "2020-02"]


def test_a_key_file_that_is_missing_open_or_empty_is_refused(keys: Path, tmp_path: Path):
    keys.chmod(0o640)
    with pytest.raises(PopflowError, match="others than its owner"):
        at_rest_settings("/lake/restricted", keys)
    with pytest.raises(PopflowError, match="no file of master keys"):
        at_rest_settings("/lake/restricted", tmp_path / "nowhere")
    keys.write_text("")
    keys.chmod(0o600)
    with pytest.raises(PopflowError, match="holds no master key"):
        at_rest_settings("/lake/restricted", keys)
    with pytest.raises(PopflowError, match="no name"):
        add_master_key(keys, "two words")


def test_traffic_shuffle_and_spill_are_encrypted():
    settings = in_transit_settings()
    for name in ("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled"):
        assert settings[name] == "true"


ROUND_TRIP = """
    import datetime as dt, os, sys
    from pathlib import Path
    from popflow import contracts
    from popflow.encryption import *
    from popflow.lake import Lake
    keys, day = Path(os.environ["POPFLOW_MASTER_KEYS"]), dt.date(2020, 1, 22)
    lake = Lake(sys.argv[1], contracts.load())
    row = (day, "mobile", "secret-token-7", "p", "a" * 32, "b" * 32, "person", 1)
    big = lake.spark.createDataFrame([row] * 50, lake.contracts.table("subscribers").spark_schema())
    lake.replace("subscribers", big, as_of=day)
    exact = lake.frame("flows_exact", [(day, "420102", "430102", 4711, 3, {"mobile": 1})])
    lake.replace("flows_exact", exact, date=day)  # what delta-rs writes elsewhere
    lake.replace("cells", lake.frame("cells", []))
    assert lake.read("subscribers", sim_token="secret-token-7").count() == 50
    assert lake.read_pandas("flows_exact", date=day).persons.tolist() == [4711]
    add_master_key(keys, "2020-02")
    lake.spark.sparkContext._jsc.hadoopConfiguration().set("parquet.encryption.uniform.key", "2020-02")
    lake.replace("flows_exact", exact, date=day)
    assert lake.read_pandas("flows_exact").persons.tolist() == [4711]
    print("USED", *keys_in_use(Path(lake.zone("restricted")), key_names(keys)))
"""


@pytest.mark.slow
def test_what_a_lake_writes_to_its_restricted_zone_is_encrypted_on_disk(tmp_path: Path, keys: Path):
    environment = os.environ | {"POPFLOW_DRIVER_MEMORY": "1g", "POPFLOW_MASTER_KEYS": str(keys)}
    command = [sys.executable, "-c", textwrap.dedent(ROUND_TRIP), str(tmp_path / "lake")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "USED 2020-01 2020-02" in done.stdout, done.stderr[-2000:]
    files = list((tmp_path / "lake" / "restricted").rglob("*.parquet"))
    assert len(files) >= 2
    assert plain_files(tmp_path / "lake" / "restricted") == []
    assert not any(b"secret-token" in file.read_bytes() for file in files)

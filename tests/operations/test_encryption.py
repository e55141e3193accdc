"""Files of the restricted zone are encrypted on disk, and readable while their master key is there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from popflow.errors import PopflowError
from popflow.operations.encryption import (
    add_master_key,
    at_rest_settings,
    drop_master_key,
    in_transit_settings,
    is_encrypted,
    key_names,
    plain_files,
)


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
    import glob, os, sys
    from pathlib import Path
    from popflow.lake import session
    from popflow.operations.encryption import *
    root, keys = Path(sys.argv[1]), Path(sys.argv[2])
    own = Path(os.environ.get("POPFLOW_JARS", sys.argv[3]))
    jars = ",".join([*sorted(glob.glob(f"{own}/*.jar")), str(zone_crypto_jar(root))])
    settings = at_rest_settings(f"{root}/restricted", keys) | in_transit_settings() | {"spark.jars": jars}
    spark = session("encryption", settings)
    for zone in ("restricted", "published"):
        frame = spark.createDataFrame([("secret-token-%d" % i, i) for i in range(100)], "sim string, n int")
        frame.repartition(2).write.format("delta").mode("append").save(f"{root}/{zone}/t")
        assert spark.read.format("delta").load(f"{root}/{zone}/t").where("sim = 'secret-token-7'").count() == 1
    add_master_key(keys, "2020-02")
    spark.sparkContext._jsc.hadoopConfiguration().set("parquet.encryption.uniform.key", "2020-02")
    frame.limit(10).write.format("delta").mode("append").save(f"{root}/restricted/t")
    assert spark.read.format("delta").load(f"{root}/restricted/t").count() == 110
    print("USED", *keys_in_use(root / "restricted", key_names(keys)))
"""


@pytest.mark.slow
def test_a_delta_table_of_the_restricted_zone_is_encrypted_on_disk(tmp_path: Path, keys: Path):
    jars = Path(__file__).parents[2] / ".jars"
    command = [sys.executable, "-c", textwrap.dedent(ROUND_TRIP), str(tmp_path), str(keys), str(jars)]
    environment = os.environ | {"POPFLOW_DRIVER_MEMORY": "1g"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "USED 2020-01 2020-02" in done.stdout, done.stderr[-2000:]
    assert plain_files(tmp_path / "restricted") == []
    published = list((tmp_path / "published" / "t").glob("*.parquet"))
    assert published
    assert not any(is_encrypted(file) for file in published)
    for file in (tmp_path / "restricted").rglob("*.parquet"):
        assert b"secret-token" not in file.read_bytes()
    assert any(b"secret-token" in file.read_bytes() for file in published)

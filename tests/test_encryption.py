"""Files of the restricted zone are encrypted on disk, bound to their places, and readable while their key is there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from popflow.cli import app
from popflow.encryption import at_rest_settings, in_transit_settings, jar, settings_of
from popflow.encryption.faults import fault_in
from popflow.encryption.files import keys_in_use, keys_of, plain_files
from popflow.encryption.key_file import add_master_key, drop_master_key, master_keys
from popflow.errors import PopflowError

KEY = b"a2V5" * 10 + b"a2U="  # 32 bytes


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "master.keys"
    add_master_key(path, "2020-01")
    return path


def encrypted(path: Path, footer: bytes, size: int | None = None) -> Path:
    """A file as Parquet encrypts it: magic, pages, the footer with its length, magic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PARE" + bytes(100) + footer + (size or len(footer)).to_bytes(4, "little") + b"PARE")
    return path


def test_the_newest_key_writes_and_older_ones_stay(keys: Path):
    add_master_key(keys, "2020-02")
    assert list(master_keys(keys)) == ["2020-01", "2020-02"]
    settings = at_rest_settings("/lake/restricted/", keys)
    assert settings["spark.hadoop.parquet.encryption.uniform.key"] == "2020-02"
    assert not [value for value in settings.values() if value in keys.read_text().split()[1::2]]  # names, never keys


@pytest.mark.parametrize("written", ["lake", "./lake", "away/../lake", "link", "file://{here}/lake", "{here}//lake/"])
def test_java_is_told_the_one_real_path_of_the_zone(
    written: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    monkeypatch.chdir(tmp_path)
    settings = at_rest_settings(written.format(here=tmp_path) + "/restricted", Path("master.keys"))
    assert settings["spark.hadoop.popflow.encrypted.zone"] == f"{tmp_path}/lake/restricted"
    assert settings["spark.hadoop.popflow.master.keys"] == str(keys)


def test_a_key_is_forgotten_only_when_no_file_needs_it(keys: Path):
    add_master_key(keys, "2020-02")
    with pytest.raises(PopflowError, match="still need '2020-01'"):
        drop_master_key(keys, "2020-01", ["2020-01"])
    with pytest.raises(PopflowError, match="is the newest key"):
        drop_master_key(keys, "2020-02", [])
    drop_master_key(keys, "2020-01", ["2020-02"])
    assert list(master_keys(keys)) == ["2020-02"]
    assert keys.stat().st_mode & 0o077 == 0


def test_a_key_is_found_in_a_footer_of_any_length(tmp_path: Path):
    """The name of the key stands at the footer's beginning, here 107 KB before the file's end."""
    zone = tmp_path / "restricted"
    encrypted(zone / "t" / "date=1" / "a.parquet", b'{"masterKeyID":"2019-11","x":1}' + bytes(107_000))
    encrypted(zone / "t" / "b.parquet", rb'{"keyMaterial":"{\"masterKeyID\":\"2019-12\"}"}')
    (zone / "t" / "plain.parquet").write_bytes(b"PAR1....PAR1")
    assert keys_in_use(zone) == {"2019-11", "2019-12"}


def test_a_file_that_does_not_tell_its_key_keeps_all_keys(tmp_path: Path):
    with pytest.raises(PopflowError, match=r"a\.parquet: names no master key"):
        keys_of(encrypted(tmp_path / "a.parquet", b"nothing"))
    with pytest.raises(PopflowError, match=r"b\.parquet: the end of this encrypted file is missing or damaged"):
        keys_of(encrypted(tmp_path / "b.parquet", b"nothing", size=10**6))


def test_keys_drop_looks_through_the_whole_zone_under_the_lock(
    keys: Path, tmp_path: Path, contracts, monkeypatch: pytest.MonkeyPatch
):
    from popflow.lake import Lake
    from popflow.operations.turns import one_at_a_time

    add_master_key(keys, "2020-02")
    drop = ["keys", "drop", "2020-01", "--file", str(keys), "--lake", str(tmp_path / "lake")]
    with pytest.raises(PopflowError, match="there is no lake"):
        app(drop, standalone_mode=False)
    assert not (tmp_path / "lake").exists()
    encrypted(tmp_path / "lake" / "restricted" / "t" / "a.parquet", b'"masterKeyID":"2020-01"' + bytes(107_000))
    with pytest.raises(PopflowError, match="still need '2020-01'"):
        app(drop, standalone_mode=False)
    with one_at_a_time(Lake(tmp_path / "lake", contracts), "a night"), pytest.raises(PopflowError, match="at work"):
        app(drop, standalone_mode=False)
    assert list(master_keys(keys)) == ["2020-01", "2020-02"]


def test_files_in_object_storage_are_not_taken_for_encrypted(keys: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_MASTER_KEYS", str(keys))
    with pytest.raises(PopflowError, match="let the bucket encrypt"):
        settings_of("s3://lake/restricted", lambda: pytest.fail("no jar is needed"))
    add_master_key(keys, "2020-02")
    drop = ["keys", "drop", "2020-01", "--file", str(keys), "--lake", "s3://lake"]
    with pytest.raises(PopflowError, match="let the bucket encrypt"):
        app(drop, standalone_mode=False)
    assert list(master_keys(keys)) == ["2020-01", "2020-02"]


def test_a_key_file_that_is_missing_open_or_empty_is_refused(keys: Path, tmp_path: Path):
    keys.chmod(0o640)
    for use in (lambda: at_rest_settings("/lake/restricted", keys), lambda: add_master_key(keys, "2020-02")):
        with pytest.raises(PopflowError, match=r"others than its owner can read the master keys; chmod 600 it"):
            use()
    with pytest.raises(PopflowError, match="no file of master keys"):
        at_rest_settings("/lake/restricted", tmp_path / "nowhere")
    keys.chmod(0o600)
    keys.write_text("")
    with pytest.raises(PopflowError, match="holds no master key"):
        at_rest_settings("/lake/restricted", keys)
    with pytest.raises(PopflowError, match="not a name"):
        add_master_key(keys, "two words")


def test_a_key_after_a_line_without_its_end_stands_on_its_own_line(keys: Path):
    before = master_keys(keys)
    keys.write_text(keys.read_text().rstrip("\n"))
    add_master_key(keys, "2020-02")
    assert next(iter(master_keys(keys).items())) == ("2020-01", before["2020-01"])
    assert [line.split()[0] for line in keys.read_text().splitlines()] == ["2020-01", "2020-02"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"2020-02", "holds a name, a blank and a key"),
        (b"2020-02 " + KEY + b" more", "holds a name, a blank and a key"),
        (b"\xff\xfe " + KEY, "holds a name, a blank and a key"),
        (b"2020-02 no*base64=", "not base64"),
        (b"2020-02 " + KEY[:8], "6 bytes, not 32"),
        (b"2020-01 " + KEY, "of this name already exists"),
    ],
)
def test_a_malformed_line_is_named_by_its_number_and_never_shown(keys: Path, line: bytes, said: str):
    keys.write_bytes(keys.read_bytes() + b"\n" + line + b"\n")
    with pytest.raises(PopflowError, match=rf"master\.keys: line 3: .*{said}") as refused:
        master_keys(keys)
    assert KEY[:8].decode() not in str(refused.value)


def test_the_name_of_the_jar_is_its_sources_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another version's jar lies in the folder: it is neither used nor handed to Spark."""
    compiled = []
    monkeypatch.setattr(jar, "_compile", lambda folder: compiled.append(folder))
    (tmp_path / "popflow-zone-crypto.jar").touch()
    first = jar.zone_crypto_jar(tmp_path)
    assert jar.zone_crypto_jar(tmp_path) == first
    assert len(compiled) == 1
    source = tmp_path / "java" / "ZoneCrypto.java"
    source.parent.mkdir()
    source.write_text("changed")
    monkeypatch.setattr(jar, "SOURCES", source.parent)
    assert jar.zone_crypto_jar(tmp_path) != first
    assert len(compiled) == 2


def test_plain_files_are_found_whatever_the_lakes_own_path_holds(tmp_path: Path):
    """A zone below a folder called _delta_log is not a log."""
    zone = tmp_path / "_delta_log" / "_scratch" / "restricted"
    for name in ("t/date=1/a.parquet", "t/_delta_log/1.checkpoint.parquet", "_scratch/1/cells.parquet"):
        path = zone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1....PAR1")
    encrypted(zone / "t" / "b.parquet", b"x")
    assert plain_files(zone) == [zone / "t/date=1/a.parquet"]
    assert plain_files(zone, (zone / "t/date=1/a.parquet").stat().st_ctime_ns + 1) == []


def test_traffic_shuffle_and_spill_are_encrypted():
    settings = in_transit_settings()
    for name in ("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled"):
        assert settings[name] == "true"


def test_what_parquet_says_of_a_key_is_one_line_and_the_rest_stays_unsaid():
    stack = (
        "row (secret-token-7)\nCaused by: org.apache.parquet.crypto.KeyAccessDeniedException: popflow: no master key"
    )
    said = str(fault_in(RuntimeError(f"{stack} '2020-01' in /k\n\tat org.apache")))
    assert said == "no master key '2020-01' in /k; put the key back from its copy"
    assert fault_in(RuntimeError("popflow: something else")) is None


ROUND_TRIP = """
    import datetime as dt, os, shutil, sys
    from pathlib import Path
    from popflow import contracts
    from popflow.encryption.faults import fault_in
    from popflow.encryption.files import *
    from popflow.encryption.key_file import *
    from popflow.lake import Lake
    keys, day, eve = Path(os.environ["POPFLOW_MASTER_KEYS"]), dt.date(2020, 1, 22), dt.date(2020, 1, 21)
    lake = Lake(sys.argv[1], contracts.load())
    row = (day, "mobile", "secret-token-7", "p", "a" * 32, "b" * 32, "person", 1)
    big = lake.spark.createDataFrame([row] * 50, lake.contracts.table("subscribers").spark_schema())
    lake.replace("subscribers", big, as_of=day)
    for date, persons in ((day, 4711), (eve, 4712)):
        exact = lake.frame("flows_exact", [(date, "420102", "430102", persons, 3, {"mobile": 1})])
        lake.replace("flows_exact", exact, date=date)  # what delta-rs writes elsewhere
    lake.replace("cells", lake.frame("cells", []))
    assert lake.read("subscribers", sim_token="secret-token-7").count() == 50
    assert lake.read_pandas("flows_exact", date=day).persons.tolist() == [4711]

    def fault():
        try:
            lake.read_pandas("flows_exact")
        except Exception as error:
            return str(fault_in(error))

    files = sorted(Path(lake.path("flows_exact")).glob("date=*/*.parquet"))
    kept = [file.read_bytes() for file in files]
    for file, other in zip(files, reversed(kept)):
        file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
        file.write_bytes(other)
    print("SWAPPED", fault())
    for file, own in zip(files, kept):
        file.write_bytes(own)
    assert fault() is None
    plain = Path(lake.path("cells")).rglob("*.parquet")
    import pyarrow.parquet as pq
    pq.write_table(exact.drop_columns(["date"]), files[0])
    print("PLAIN", fault())
    from popflow.operations.rotation import encrypt_tables
    encrypt_tables(lake)  # as for a lake to which keys are new
    print("ANEW", plain_files(Path(lake.zone("restricted"))), fault(), sorted(lake.read_pandas("flows_exact").persons))
    add_master_key(keys, "2020-02")
    conf = lake.spark.sparkContext._jsc.hadoopConfiguration()
    conf.set("parquet.encryption.uniform.key", "2020-02")
    lake.replace("flows_exact", exact, date=eve)
    assert sorted(lake.read_pandas("flows_exact").persons) == [4711, 4712]
    print("USED", *sorted(keys_in_use(Path(lake.zone("restricted")))))
    lines = keys.read_text().splitlines(keepends=True)
    parquet = lake.spark._jvm.org.apache.parquet.crypto.keytools.KeyToolkit
    keys.write_text(lines[1])
    parquet.removeCacheEntriesForAllTokens()
    print("MISSING", fault())
    keys.write_text(f"2020-01 {lines[1].split()[1]}\\n{lines[1]}")
    parquet.removeCacheEntriesForAllTokens()
    print("WRONG", fault())
"""


@pytest.mark.slow
def test_what_a_lake_writes_to_its_restricted_zone_is_encrypted_and_bound_to_its_place(tmp_path: Path, keys: Path):
    """The lake's path is relative and has a blank, %, # and Chinese in it; the locale is not of UTF-8."""
    environment = os.environ | {"POPFLOW_DRIVER_MEMORY": "1g", "POPFLOW_MASTER_KEYS": keys.name, "LC_ALL": "POSIX"}
    command = [sys.executable, "-c", textwrap.dedent(ROUND_TRIP), "./湖 50% #1/lake"]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, env=environment, cwd=tmp_path
    )
    assert "USED 2020-01 2020-02" in done.stdout, done.stderr[-2000:]
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert "is not the file that was written there, but flows_exact/date=" in said["SWAPPED"]
    assert "a file of the restricted zone is plain where an encrypted one belongs" in said["PLAIN"]
    assert said["ANEW"] == "[] None [4711, 4712]"
    assert said["MISSING"] == f"no master key '2020-01' in {keys}; put the key back from its copy"
    assert said["WRONG"].startswith(f"the master key '2020-01' in {keys} is not the one that a file was encrypted with")
    zone = tmp_path / "湖 50% #1" / "lake" / "restricted"
    assert len(list(zone.rglob("*.parquet"))) >= 3
    assert plain_files(zone) == []
    assert not any(b"secret-token" in file.read_bytes() for file in zone.rglob("*.parquet"))
    assert not [file for file in zone.rglob("*") if file.stat().st_mode & 0o077]

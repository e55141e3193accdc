"""The night from object storage to object storage, on a cluster of two workers, against a server that speaks S3.

`make s3` installs server and jars and runs this.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from key_files import key_file
from popflow import contracts
from popflow.errors import PopflowError
from popflow.intake.storage import files_under
from popflow.lake import Lake
from popflow.operations.leaks import scan_lake
from popflow.operations.retention import enforce_retention, verify_retention
from popflow.synthetic.nation import simulate
from some_nights import TABLES, fingerprint_of

HOUSE = Path(__file__).parents[2]
SERVER = os.environ.get("POPFLOW_S3_SERVER", "")
FIRST = dt.date(2020, 1, 21)
DATES = [FIRST, FIRST + dt.timedelta(days=1)]
TOKEN = "3f" + "0a9b7c" * 5
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SERVER, reason="POPFLOW_S3_SERVER is not set; run it by `make s3`"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of a server that speaks S3, with nothing in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen([SERVER, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    running.kill()
    running.wait()


@pytest.fixture(scope="module")
def lakes(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Lake]]:
    """The same nights in a folder on this machine, and in object storage by two workers."""
    root = tmp_path_factory.mktemp("s3")
    simulate(root / "simulation", FIRST, len(DATES), 12_000, 1)
    storage = {"AWS_ENDPOINT_URL": server, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    storage |= {"AWS_ACCESS_KEY_ID": "popflow", "AWS_SECRET_ACCESS_KEY": "popflow"}
    files = {"POPFLOW_KEY_FILE": "person.key", "POPFLOW_OFFSET_KEY_FILE": "offsets.key"}
    settings = {name: str(key_file(root / file)) for name, file in files.items()} | {"POPFLOW_DRIVER_MEMORY": "2g"}
    there = {"POPFLOW_ZONE_OPS": str(root / "ops"), "POPFLOW_CLUSTER_STATE": str(root / "cluster")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (storage | settings).items():
            patch.setenv(name, value)
        for bucket in ("landing", "lake"):
            fs.FileSystem.from_uri(f"s3://{bucket}?allow_bucket_creation=true")[0].create_dir(bucket)
        fs.copy_files((root / "simulation" / "landing").as_uri(), "s3://landing")
        reference = str(root / "simulation" / "reference")
        cluster = [str(HOUSE / "scripts" / "cluster.sh"), "run"]
        assert '"local[' in nights([], str(root / "lake"), str(root / "simulation" / "landing"), reference, {})
        assert '"spark://' in nights(cluster, "s3://lake/popflow", "s3://landing", reference, there)
        known = contracts.load()
        in_storage = Lake("s3://lake/popflow", known, zones={"ops": str(root / "ops")})
        yield {"folder": Lake(root / "lake", known), "storage": in_storage}


def nights(before: list[str], lake: str, landing: str, reference: str, settings: dict[str, str]) -> str:
    """What the nights say at their end; they must go well."""
    words = [sys.executable, str(HOUSE / "tests" / "some_nights.py"), lake, landing, reference, *map(str, DATES)]
    done = subprocess.run([*before, *words], capture_output=True, text=True, check=False, env=os.environ | settings,
                          cwd=HOUSE)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return done.stdout


def test_the_tables_in_storage_equal_those_in_a_folder(lakes: dict[str, Lake]):
    found = {place: {name: fingerprint_of(lake.read_arrow(name)) for name in TABLES} for place, lake in lakes.items()}
    assert found["storage"] == found["folder"]
    assert not found["folder"]["flows"].startswith("0 rows")


def test_an_analyst_pulls_from_storage_without_java(lakes: dict[str, Lake]):
    asked = ["outflow", "--area", "wuhan", "--days", "2", "--before", "2020-01-23", "--level", "county"]
    form = ["--format", "csv", "--lake"]
    program = [sys.executable, "-c", "from popflow.cli import main; main()", "pull", *asked, *form]
    without = os.environ | {"JAVA_HOME": "/nowhere", "POPFLOW_JARS": "/nowhere"}
    said = {}
    for place, lake in lakes.items():
        done = subprocess.run([*program, lake.root], capture_output=True, text=True, check=False, env=without)
        assert done.returncode == 0, f"{place}: {done.stderr}"
        said[place] = done.stdout
    assert said["storage"] == said["folder"]
    assert len(said["folder"].splitlines()) > 5


def test_what_is_too_old_goes_when_vacuum_may_take_it(lakes: dict[str, Lake]):
    later = DATES[-1] + dt.timedelta(days=30)
    lake = lakes["storage"]
    report = enforce_retention(lake, later)
    assert report.deleted["person_day"] == 2
    assert report.ok  # versions of the last 24 hours need their files
    assert lake.partitions("person_day") == []
    assert data_files(lake.path("person_day"))
    lake.vacuum("person_day", 0)
    assert not data_files(lake.path("person_day"))
    assert verify_retention(lake, later) == []


def test_the_leak_scan_looks_into_storage(lakes: dict[str, Lake]):
    lake = lakes["storage"]
    before = scan_lake(lake).refuse()
    assert before.files > 20
    system, path = fs.FileSystem.from_uri("s3://lake/popflow/published/flows/note.txt")
    with system.open_output_stream(path) as file:
        file.write(f"could not read {TOKEN}\n".encode())
    with pytest.raises(PopflowError, match=r"^s3://lake/popflow/published/flows/note.txt: shape of a token"):
        scan_lake(lake).refuse()
    system.delete_file(path)


def data_files(table: str) -> list[str]:
    found = [info.path for info in files_under(table)]
    return [path for path in found if path.endswith(".parquet") and "_delta_log" not in path]

"""The same night where it is not at home: on a cluster of two workers, encrypted, on one feed that no code knows."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from fourth_feed import FOURTH, regional_line
from key_files import key_file
from popflow import contracts
from popflow.cli import app
from popflow.encryption.files import keys_in_use, plain_files
from popflow.encryption.key_file import add_master_key
from popflow.lake import Lake
from popflow.synthetic.nation import simulate

HOUSE = Path(__file__).parents[1]
FIRST = dt.date(2020, 1, 21)
DATES = [FIRST, FIRST + dt.timedelta(days=1)]


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "simulation"
    simulate(folder, FIRST, len(DATES), 12_000, 1)
    return folder


def ran(command: list[str], **settings: str) -> str:
    """What a command says; it must go well."""
    environment = os.environ | {"POPFLOW_DRIVER_MEMORY": "2g"} | settings
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=HOUSE)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A night's environment: the same key of the pseudonyms each time, so that nights can be compared."""
    folder = tmp_path_factory.mktemp("settings")
    return {"POPFLOW_KEY_FILE": str(key_file(folder / "person.key")), "POPFLOW_CLUSTER_STATE": str(folder / "cluster")}


def nights(lake: Path, simulation: Path, dates: list[dt.date], before: Sequence[str] = (), **settings: str) -> dict:
    """What some_nights.py says of the lake in which it has run nights: master, and a fingerprint of each table."""
    folders = map(str, (lake, simulation / "landing", simulation / "reference"))
    words = [sys.executable, str(HOUSE / "tests" / "some_nights.py"), *folders, *map(str, dates)]
    return json.loads(ran([*before, *words], **settings).splitlines()[-1])


@pytest.fixture(scope="module")
def at_home(simulation: Path, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> dict:
    """The nights on this machine, nothing encrypted, one key."""
    lake = tmp_path_factory.mktemp("at_home") / "lake"
    said = nights(lake, simulation, DATES, **settings)
    assert said["master"].startswith("local")
    assert len(said["tables"]) == 10
    assert not said["tables"]["flows"].startswith("0 rows")
    assert len(plain_files(lake / "restricted")) > 20
    return said["tables"]


@pytest.mark.slow
def test_two_workers_find_what_one_machine_finds(
    at_home: dict, simulation: Path, tmp_path: Path, settings: dict[str, str]
):
    workers = nights(tmp_path / "lake", simulation, DATES, [str(HOUSE / "scripts" / "cluster.sh"), "run"], **settings)
    assert workers["master"].startswith("spark://")
    assert workers["tables"] == at_home


@pytest.mark.slow
def test_nights_encrypted_at_rest_find_what_plain_ones_find(
    at_home: dict, simulation: Path, tmp_path: Path, settings: dict[str, str]
):
    """With a new master key for the second night."""
    master, lake = tmp_path / "master.keys", tmp_path / "lake"
    for name, date in zip(("first", "second"), DATES, strict=True):
        add_master_key(master, name)
        encrypted = nights(lake, simulation, [date], POPFLOW_MASTER_KEYS=str(master), **settings)
    assert encrypted["tables"] == at_home
    assert plain_files(lake / "restricted") == []
    assert keys_in_use(lake / "restricted") == {"first", "second"}


@pytest.mark.slow
def test_a_new_key_of_the_pseudonyms_between_two_nights_changes_no_flow(
    at_home: dict, simulation: Path, tmp_path: Path, settings: dict[str, str]
):
    """Late records make the second night compute the first date anew, whose ties between SIMs go by the new key."""
    lake, old = tmp_path / "lake", settings["POPFLOW_KEY_FILE"]
    new = str(key_file(tmp_path / "new.key", bytes(range(100, 132))))
    nights(lake, simulation, DATES[:1], **settings)
    rotate = ["keys", "rotate", "--old", old, "--new", new, "--lake", str(lake)]
    ran([sys.executable, "-c", "from popflow.cli import main; main()", *rotate], **settings)
    rotated = nights(lake, simulation, DATES[1:], **settings | {"POPFLOW_KEY_FILE": new})["tables"]
    changed = {name for name in at_home if rotated[name] != at_home[name]}
    of_keys, of_ties = {"person_day", "person_state"}, {"presence_hourly"}
    assert of_keys <= changed <= of_keys | of_ties
    assert rotated["person_state"].split()[0] == at_home["person_state"].split()[0]


@pytest.mark.slow
def test_one_new_feed_runs_a_night_of_its_own(simulation: Path, tmp_path: Path, spark):
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "regional.yaml").write_text(FOURTH)
    rows = sum(deliver_as_regional(simulation, tmp_path / "landing", date) for date in DATES)
    for kind in ("cells", "subscribers"):
        frame = pd.read_parquet(simulation / "reference" / f"{kind}.parquet")
        frame[frame.mno == "mobile"].assign(mno="regional").to_csv(tmp_path / f"{kind}.csv", index=False)
    lake = str(tmp_path / "lake")
    known = ["--contracts", str(feeds), "--lake", lake]
    for kind in ("cells", "subscribers"):
        as_of = ["--as-of", str(FIRST), "--sample"] if kind == "subscribers" else []
        app(["reference", "load", kind, str(tmp_path / f"{kind}.csv"), *as_of, *known], standalone_mode=False)
    for date in DATES:
        night = [
            "nightly",
            "--date",
            str(date),
            "--landing",
            str(tmp_path / "landing"),
            "--mno",
            "regional",
            "--sample",
        ]
        app([*night, *known], standalone_mode=False)
    made = Lake(lake, contracts.load().with_feeds(feeds))
    tallies = made.read_pandas("tallies")
    assert tallies[tallies.reason == "rows"].records.sum() == rows
    assert tallies[tallies.reason == "accepted"].records.sum() > 0.97 * rows
    assert [list(mnos) for mnos in made.read_pandas("releases").mnos] == [["regional"]]
    assert made.read_pandas("flows").persons.min() >= 20


def deliver_as_regional(simulation: Path, landing: Path, date: dt.date) -> int:
    """One MNO's simulated delivery in the new feed's form: CRLF, free text with commas in some rows; its lines."""
    (delivery,) = (simulation / "landing" / "mobile" / str(date)).iterdir()
    manifest = json.loads((delivery / "manifest.json").read_text())
    folder = landing / "regional" / str(date) / delivery.name
    folder.mkdir(parents=True)
    files = []
    for number, file in enumerate(manifest["files"]):
        lines = gzip.decompress((delivery / file["name"]).read_bytes()).decode().splitlines()
        content = "".join(regional(line, number + place) + "\r\n" for place, line in enumerate(lines)).encode()
        name = f"{number}.csv"
        (folder / name).write_bytes(content)
        said = {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        files.append(file | said)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"mno": "regional", "files": files}))
    return sum(file["rows"] for file in files)


def regional(line: str, number: int) -> str:
    token, time, lac, ci, *_ = [*line.split("|"), "", "", "", ""]
    at = f"{time[:4]}-{time[4:6]}-{time[6:8]} {time[8:10]}:{time[10:12]}:{time[12:14]}.000250"
    return regional_line(token, at, lac, ci, "a,free,text" if number % 17 == 0 else "")

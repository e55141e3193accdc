"""The same night where it is not at home: on a cluster of two workers, and on one feed that no code knows."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fourth_feed import FOURTH, regional_line
from popflow import contracts
from popflow.cli import app
from popflow.lake import Lake
from popflow.synthetic.nation import simulate

HOUSE = Path(__file__).parents[1]
sys.path.insert(0, str(HOUSE / "tests" / "faults"))

from fingerprints import fingerprint  # noqa: E402

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


@pytest.mark.slow
def test_two_workers_find_what_one_machine_finds(simulation: Path, tmp_path: Path):
    key = tmp_path / "person.key"
    key.touch(mode=0o600)
    key.write_bytes(bytes(range(32)))
    settings = {"POPFLOW_KEY_FILE": str(key), "POPFLOW_CLUSTER_STATE": str(tmp_path / "cluster")}
    found = {}
    for place, before in (("local", []), ("cluster", [str(HOUSE / "scripts" / "cluster.sh"), "run"])):
        lake = Lake(tmp_path / place, contracts.load())
        folders = [lake.root, str(simulation / "landing"), str(simulation / "reference")]
        words = [sys.executable, str(HOUSE / "tests" / "some_nights.py"), *folders, *map(str, DATES)]
        said = ran([*before, *words], **settings)
        assert ("spark://" in said) == (place == "cluster")
        tables = ("intake", "deliveries", "person_day", "person_state", "flows_exact", "population_exact",
                  "stock_exact", "atoms", "flows", "releases", "activity")  # fmt: skip
        found[place] = {name: fingerprint(Path(lake.path(name))) for name in tables}
    assert found["cluster"] == found["local"]


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
        as_of = ["--as-of", str(FIRST)] if kind == "subscribers" else []
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

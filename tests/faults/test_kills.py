"""kill -9 anywhere, and the night run again: the same data, nothing published twice or half."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from popflow import contracts
from popflow.lake import Lake

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fingerprints import fingerprints  # noqa: E402

from key_files import key_file  # noqa: E402

FIRST = dt.date(2020, 1, 20)
TABLES = ("intake", "deliveries", "person_day", "person_state", "flows_exact", "population_exact",
          "atoms", "flows", "releases")  # fmt: skip
STAGES = ("intake", "persons", "flows", "release")
KILLS = int(os.environ.get("POPFLOW_KILLS", "75"))
SEED = int(os.environ.get("POPFLOW_KILLS_SEED", "1"))


@dataclass
class World:
    """Simulated deliveries and a lake in which the first nights have run."""

    root: Path
    nights: int = 0

    @property
    def settings(self) -> dict[str, str]:
        """Of a night's environment."""
        return {"POPFLOW_KEY_FILE": str(self.root / "person.key"), "POPFLOW_DRIVER_MEMORY": "2g"}

    def order(self, lake: Path, where: dict) -> dict:
        """The night after the first ones."""
        date = FIRST + dt.timedelta(days=self.nights)
        landing = str(self.root / "simulation" / "landing")
        return {"lake": str(lake), "landing": landing, "date": str(date), "where": where}

    def night(self, lake: Path, where: dict, seconds: int = 1200) -> str:
        """Run it in a process of its own; what it said last."""
        command = [sys.executable, str(HERE / "one_night.py"), json.dumps(self.order(lake, where))]
        form = {"capture_output": True, "text": True, "check": False, "start_new_session": True}
        done = subprocess.run(command, env=os.environ | self.settings, timeout=seconds, **form)
        return (done.stdout.split() or [done.stderr[-1500:]])[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two nights done, the third to be killed."""
    from popflow.reference import load_reference
    from popflow.synthetic.nation import simulate

    world = World(tmp_path_factory.mktemp("faults"))
    simulate(world.root / "simulation", FIRST, 3, 12_000, 1)
    os.environ["POPFLOW_KEY_FILE"] = str(key_file(world.root / "person.key"))
    lake = Lake(world.root / "base", contracts.load())
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, world.root / "simulation" / "reference" / f"{kind}.parquet", as_of=FIRST)
    for _ in range(2):
        assert world.night(world.root / "base", {}) == "DONE"
        world.nights += 1
    yield world
    os.environ.pop("POPFLOW_KEY_FILE", None)


def places(kills: int, seed: int, seconds: float) -> list[dict]:
    """Where to kill: each stage boundary, each write, between data files and log of each table, and at random."""
    draw = random.Random(seed)
    found: list[dict] = [{"stage": stage} for stage in STAGES]
    found += [{"write": number} for number in range(1, 12)] + [{"commit": table} for table in TABLES]
    while len(found) < kills:  # soon: a night that goes on where it was killed is short
        found.append({"seconds": round(draw.uniform(3, 0.6 * seconds), 1)})
    draw.shuffle(found)
    return found[:kills]


def copy_of(world: World, name: str) -> Path:
    lake = world.root / name
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(world.root / "base", lake)
    return lake


@pytest.mark.slow
def test_a_night_killed_anywhere_and_run_again_leaves_the_same_data(world: World):
    began = time.monotonic()
    undisturbed = copy_of(world, "undisturbed")
    assert world.night(undisturbed, {}) == "DONE"
    usual = time.monotonic() - began
    wanted = fingerprints(undisturbed)

    def killed(numbered: tuple[int, list[dict]]) -> int:
        """Kills in one lake after another, each night begins in what the one before left; how many came in time.

        A night that was through before it was killed has nothing left to do: the next one begins in a new lake.
        """
        number, group = numbered
        lake, in_time = copy_of(world, f"killed{number}"), 0
        for where in [*group, {}]:
            said = world.night(lake, where)
            in_time += said == "KILLED"
            assert said == "DONE" or (said == "KILLED" and where), f"{where}: {said}"
            if said == "DONE":
                found = fingerprints(lake)
                assert found == wanted, f"{group}: {[name for name in wanted if wanted[name] != found.get(name)]}"
                lake = copy_of(world, f"killed{number}")
        shutil.rmtree(lake)
        print(f"kills survived in lake {number}: {in_time} of {group}", flush=True)
        return in_time

    with ThreadPoolExecutor(2) as pool:
        survived = sum(pool.map(killed, enumerate(_groups(places(KILLS, SEED, usual), 6))))
    print(f"kills survived: {survived} of {KILLS} places; the others come after the night's end")
    assert survived >= KILLS // 2


@pytest.mark.slow
def test_two_nights_of_one_date_at_once_leave_the_same_data(world: World):
    undisturbed, both = copy_of(world, "undisturbed2"), copy_of(world, "both")
    assert world.night(undisturbed, {}) == "DONE"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: world.night(both, {}), range(2)))
    assert world.night(both, {}) == "DONE"
    assert fingerprints(both) == fingerprints(undisturbed)


@pytest.mark.slow
def test_a_delivery_taken_away_in_mid_read_leaves_the_same_data(world: World):
    undisturbed, robbed = copy_of(world, "undisturbed3"), copy_of(world, "robbed")
    assert world.night(undisturbed, {}) == "DONE"
    date = FIRST + dt.timedelta(days=world.nights)
    (delivery,) = (world.root / "simulation" / "landing" / "mobile" / str(date)).iterdir()
    elsewhere = world.root / "elsewhere"
    said = world.night(robbed, {"vanish": str(delivery), "to": str(elsewhere)})
    elsewhere.rename(delivery)
    assert "no complete delivery of mobile; nothing was published" in said, said
    assert world.night(robbed, {}) == "DONE"
    assert fingerprints(robbed) == fingerprints(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("room", [1, 3, 6])
def test_a_full_disk_leaves_the_same_data(world: World, tmp_path: Path, room: int):
    """A file system with so many MB left, in a namespace of its own; then with room enough."""
    undisturbed = copy_of(world, f"undisturbed_{room}")
    assert world.night(undisturbed, {}) == "DONE"
    base = sum(file.stat().st_blocks for file in (world.root / "base").rglob("*")) // 2048 + 1
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    night = [sys.executable, str(HERE / "one_night.py"), json.dumps(world.order(small / "lake", {}))]
    script = f"""
        mount -t tmpfs -o size={base + room}m tmpfs {small} && cp -a {world.root / "base"} {small / "lake"} || exit 9
        {shlex.join(night)} && echo NO_ROOM_WAS_NEEDED
        mount -o remount,size={base + 200}m {small} && {shlex.join(night)} && cp -a {small / "lake"} {kept}
    """
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(command, env=os.environ | world.settings, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr and not done.stdout:
        pytest.skip("no namespaces of one's own on this machine")
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.split() == ["DONE"], done.stdout
    assert "o space left" in done.stderr or "PopflowError" in done.stderr, done.stderr[-1500:]
    assert fingerprints(kept) == fingerprints(undisturbed)


def _groups(items: list[dict], size: int) -> list[list[dict]]:
    return [items[start : start + size] for start in range(0, len(items), size)]

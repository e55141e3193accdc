"""kill -9 anywhere, and the night run again: the same data, nothing published twice or half."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
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
TABLES = ("intake", "deliveries", "person_day", "person_state", "flows_exact", "presence_hourly",
          "base_cells", "flows", "releases")  # fmt: skip
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


COMMAND = "import sys; from popflow.cli import main; sys.exit(main())"
TOKEN = re.compile(r"\b[0-9a-f]{32,}\b")


@pytest.fixture(scope="module")
def undisturbed(world: World) -> dict[str, str]:
    """What a night finds that nothing disturbs, by the command itself."""
    lake = copy_of(world, "by_command")
    command = [sys.executable, "-c", COMMAND, *_nightly(world, lake)]
    subprocess.run(command, env=os.environ | world.settings, check=True, capture_output=True, timeout=1200)
    return fingerprints(lake)


def _nightly(world: World, lake: Path) -> list[str]:
    order = world.order(lake, {})
    return ["nightly", "--date", order["date"], "--landing", order["landing"], "--lake", str(lake), "--sample"]


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["lake", "ops", "scratch"])
@pytest.mark.parametrize("room", [0, 1, 3, 6])
def test_a_full_disk_leaves_the_same_data(
    world: World, undisturbed: dict[str, str], tmp_path: Path, room: int, disk: str
):
    """A file system with so many MB left, in a namespace of its own; then with room enough.

    A night that finds too little room stops with one line of popflow's; one that finds enough is through.
    """
    lake, kept, small = tmp_path / "lake", tmp_path / "kept", tmp_path / "small"
    shutil.copytree(world.root / "base", lake)
    small.mkdir()
    held = {"lake": lake, "ops": lake / "ops", "scratch": None}[disk]
    used = sum(file.stat().st_blocks for file in held.rglob("*")) // 2048 + 1 if held else 0
    fill = f"cp -a {held}/. {small} && chmod 0700 {small}" if held else f"chmod 0700 {small}"
    place = {"ops": f"POPFLOW_ZONE_OPS={small}", "scratch": f"POPFLOW_SCRATCH={small}", "lake": "A=b"}[disk]
    at = small if disk == "lake" else lake
    night = shlex.join([sys.executable, "-c", COMMAND, *_nightly(world, at)])
    script = f"""
        mount -t tmpfs -o size={max(used + room, 1)}m tmpfs {small} && {fill} || exit 9
        [ {room} -gt 0 ] || cat /dev/zero > {small}/filler 2> {tmp_path / "full"}
        export {place}
        {night} 2> {tmp_path / "said"}; echo $?
        rm -f {small}/filler; mount -o remount,size={used + 900}m {small} && {night}; echo $?
        cp -a {at} {kept}
    """
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(command, env=os.environ | world.settings, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr and not done.stdout:
        pytest.skip("no namespaces of one's own on this machine")
    codes = [line for line in done.stdout.splitlines() if line.isdigit()]
    said = (tmp_path / "said").read_text(encoding="utf-8")
    print(f"{disk}, {room} MB left: {codes}\n{said}")
    assert codes in (["1", "0"], ["0", "0"]), (done.stdout[-1500:], done.stderr[-1500:])
    lines = [line for line in said.splitlines() if line.strip()]
    assert all(line.startswith("popflow: ") for line in lines), said
    assert bool(lines) == (codes[0] == "1"), said
    assert lines or room, "a full disk was not noticed"
    assert all("o space left" in line or "no room is left" in line for line in lines), said
    assert len(lines) <= 2, said  # of the night, and of its upkeep
    assert not TOKEN.search(said + done.stdout + done.stderr)
    assert fingerprints(kept) == undisturbed


def _groups(items: list[dict], size: int) -> list[list[dict]]:
    return [items[start : start + size] for start in range(0, len(items), size)]

"""Any text as a lake, anything where a lake should be, and any damage to a published one: one line of popflow's."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_every_command_on_a_lake import MAKE_A_LAKE, OF_A_LAKE, call
from typer.testing import CliRunner, Result

import published_lake
from popflow.cli import app
from popflow.errors import PopflowError, one_line

COMMANDS = [one.values for one in OF_A_LAKE if one.id not in MAKE_A_LAKE]
READING = [
    one.values for one in OF_A_LAKE if one.id in ("pull outflow", "releases", "status", "audit", "report", "doctor")
]
DATE = dt.date(2020, 1, 22)
ROWS = [
    ("area", "hubei", "all", "all", 1000),
    ("area", "hubei", "border", "inside_420000", 300),
    ("area", "hubei", "border", "outside_420000", 700),
    ("prefecture", "420100", "border", "outside_420000", 400),
    ("prefecture", "rest_of_hubei", "border", "outside_420000", 300),
]
SEVERAL, MANY = (settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck)) for n in (60, 1500))
SCHEMES = st.sampled_from(
    ["file://", "file:///", "file://elsewhere/", "gopher://", "://", "S3A:", "~", "-", "--", "..", "/"]
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.builds(str.__add__, SCHEMES, st.text(max_size=12)),
    st.text("[]*?{}%#\\^|'\"\n\t\x1b=&;$`", min_size=1, max_size=8),
    st.binary(max_size=12).map(os.fsdecode),
    st.integers(200, 5000).map("x".__mul__),
)


def a_fifo(place: Path) -> None:
    os.mkfifo(place)


def a_loop(place: Path) -> None:
    place.symlink_to(place)


def a_file(place: Path) -> None:
    place.write_bytes(b"\x00PAR1" * 9)


def an_empty_folder(place: Path) -> None:
    place.mkdir()


def a_link_to_nothing(place: Path) -> None:
    place.symlink_to(place.parent / "nothing")


def garbage(place: Path) -> None:
    for table in ("published/flows", "published/releases", "restricted/deliveries", "reference/counties"):
        log = place / table / "_delta_log"
        log.mkdir(parents=True)
        (log / f"{0:020}.json").write_bytes(random.Random(1).randbytes(99))
    (place / "ops").mkdir()
    (place / "ops" / "trail.jsonl").write_bytes(b"{}\n\xff")


THINGS = [a_fifo, a_loop, a_file, an_empty_folder, a_link_to_nothing, garbage]


@contextlib.contextmanager
def folder_of_ones_own() -> Iterator[Path]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "work").mkdir()
        os.chdir(folder / "work")
        try:
            yield folder
        finally:
            os.chdir(before)


def refuse_anything_but_ours(done: Result, words: list[str]) -> None:
    """Exit 0, 1 or 2; a failure is a PopflowError or one of the call's words, in one line without a library's text."""
    fault = done.exception
    assert fault is None or isinstance(fault, PopflowError | SystemExit), (words, type(fault), fault)
    text = one_line(fault) if isinstance(fault, PopflowError) else ""
    for alien in ("Traceback", "Errno", "Py4J", "DeltaError", "Parquet error", "deltalake", "panicked", "arrow::"):
        assert alien not in text + done.output, (words, text, done.output)


def run(name: str, command: Any, lake: str, folder: Path) -> Result:
    words = [lake if word == "THE LAKE" else word for word in call(name, command, Path("THE LAKE"), folder / "work")]
    done = CliRunner().invoke(app, words)
    refuse_anything_but_ours(done, words)
    return done


def texts(number: int, text: str) -> None:
    """Nothing is made for a lake that is not there."""
    with folder_of_ones_own() as folder:
        (folder / "work" / "a_file").touch()
        before = sorted(folder.rglob("*"))
        done = run(*COMMANDS[number % len(COMMANDS)], text, folder)
        assert done.exit_code != 0 or text.strip("./-") == "", text
        assert sorted(folder.rglob("*")) == before, text


@SEVERAL
@given(st.integers(0, 99), TEXTS)
@example(0, "")
@example(1, "s3:/")
@example(2, "\udcff")
@example(3, "a\x00b")
def test_any_text_as_a_lake_is_one_line(number: int, text: str) -> None:
    texts(number, text)


@pytest.mark.slow
@MANY
@given(st.integers(0, 99), TEXTS)
def test_any_text_as_a_lake_many_times(number: int, text: str) -> None:
    texts(number, text)


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_what_is_no_lake_is_one_line(name: str, command: Any, thing: Callable[[Path], None]) -> None:
    with folder_of_ones_own() as folder:
        thing(folder / "lake")
        run(name, command, str(folder / "lake"), folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("small") / "lake"
    for day in range(3):
        published_lake.publish(lake, DATE - dt.timedelta(days=day), ROWS)
    return lake


def damage(file: Path, way: str, draw: random.Random) -> None:
    content = bytearray(file.read_bytes())
    place = draw.randrange(max(len(content), 1))
    if way == "cut":
        del content[place:]
    elif way == "flip":
        content[place : place + 4] = draw.randbytes(4)
    elif way == "other text":
        content[place : place + 6] = b'"\xff,{}['
    elif way == "twice":
        content += bytes(content)
    file.unlink()
    if way == "folder":
        file.mkdir()
    elif way == "loop":
        file.symlink_to(file)
    elif way != "gone":
        file.write_bytes(content)


def damaged(small: Path, number: int, way: str, seed: int) -> None:
    with folder_of_ones_own() as folder:
        shutil.copytree(small, folder / "lake")
        files = sorted(path for path in (folder / "lake").rglob("*") if path.is_file())
        draw = random.Random(seed)
        damage(files[draw.randrange(len(files))], way, draw)
        run(*READING[number % len(READING)], str(folder / "lake"), folder)


WAYS = st.sampled_from(["cut", "flip", "other text", "twice", "folder", "loop", "gone"])


@SEVERAL
@given(number=st.integers(0, 5), way=WAYS, seed=st.integers(0, 10**6))
def test_a_damaged_published_lake_is_one_line(small: Path, number: int, way: str, seed: int) -> None:
    damaged(small, number, way, seed)


@pytest.mark.slow
@MANY
@given(number=st.integers(0, 5), way=WAYS, seed=st.integers(0, 10**6))
def test_a_damaged_published_lake_many_times(small: Path, number: int, way: str, seed: int) -> None:
    damaged(small, number, way, seed)

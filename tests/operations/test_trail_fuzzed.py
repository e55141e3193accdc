"""Whatever a trail or an anchor holds, the check says what is wrong with it, and an append refuses in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from popflow.errors import PopflowError
from popflow.operations.trail import Trail, verify
from popflow.operations.trail_entries import LONGEST

ENTRIES = 6
EXAMPLES = 40
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())
ODD = [
    b"[" * 100_000,
    b'{"number": ' + b"9" * 5000 + b"}",
    b'{"number": NaN}',
    b"\xff\xfe",
    b"\r",
    b"",
    b"null",
    b"1e999",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Trail:
    folder = tmp_path_factory.mktemp("trail")
    trail = Trail(folder / "trail.jsonl", folder / "anchor")
    for number in range(ENTRIES):
        trail.append("read", f"table{number}", "run", "epidemic_prevention", "about" * number)
    return trail


def copied(good: Trail, folder: Path, lines: list[bytes]) -> Trail:
    trail = Trail(folder / "trail.jsonl", folder / "anchor")
    trail.path.write_bytes(b"".join(lines))
    trail.anchor.write_bytes(good.anchor.read_bytes())
    return trail


def lines_of(trail: Trail) -> list[bytes]:
    return trail.path.read_bytes().splitlines(keepends=True)


def said(trail: Trail) -> str:
    verdict = verify(trail.path, trail.anchor)
    assert not verdict.ok
    text = verdict.summary()
    assert len(text) < 10_000
    assert text.isprintable()
    return text


@st.composite
def changed_bytes(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """Where, how many bytes go, and which come."""
    return draw(st.integers(0, 3000)), draw(st.integers(0, 40)), draw(st.binary(max_size=40) | st.sampled_from(ODD))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed_bytes())
@example((10, 0, b"["))
def test_any_change_of_bytes_is_found(good: Trail, tmp_path: Path, change: tuple[int, int, bytes]):
    at, gone, come = change
    text = good.path.read_bytes()
    new = text[:at] + come + text[at + gone :]
    if new != text:
        said(copied(good, tmp_path, [new]))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, ENTRIES - 1), st.sampled_from(["number", "uid", "hash", "previous", "at_utc", "about"]), VALUES)
def test_a_field_of_another_kind_is_found(good: Trail, tmp_path: Path, at: int, field: str, value: object):
    lines = lines_of(good)
    entry = json.loads(lines[at])
    if entry.get(field) == value and type(entry.get(field)) is type(value):
        return
    lines[at] = json.dumps(entry | {field: value}).encode() + b"\n"
    said(copied(good, tmp_path, lines))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, ENTRIES - 1), max_size=ENTRIES))
def test_any_other_order_is_found_and_appended_to_by_nobody(good: Trail, tmp_path: Path, order: list[int]):
    if order == list(range(ENTRIES)):
        return
    lines = lines_of(good)
    trail = copied(good, tmp_path, [lines[at] for at in order])
    said(trail)
    if not order or order[-1] != ENTRIES - 1 or len(order) < ENTRIES:
        with pytest.raises(PopflowError):
            trail.append("read", "presence", "run", "epidemic_prevention")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_an_anchor_of_any_bytes_is_refused_in_one_line(good: Trail, tmp_path: Path, anchor: bytes):
    trail = copied(good, tmp_path, lines_of(good))
    trail.anchor.write_bytes(anchor)
    with pytest.raises(PopflowError, match="an anchor holds"):
        trail.append("read", "presence", "run", "epidemic_prevention")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"[" * 200_000 + b"\n", "is longer than any entry"),
        (b"[" * 10_000 + b"\n", "is not an entry"),
        (b'{"number": 1' + b"0" * 5000 + b"}\n", "is not an entry"),
        (b"\xff\xfe\n", "is not an entry"),
        (b"\n", "is not an entry"),
    ],
    ids=["long", "deep", "huge number", "no text", "empty"],
)
def test_what_is_no_entry_is_said_by_line(good: Trail, tmp_path: Path, line: bytes, words: str):
    lines = lines_of(good)
    assert f"line 3: {words}" in said(copied(good, tmp_path, [*lines[:2], line, *lines[2:]]))


def test_the_forms_that_mean_the_same_to_a_reader_of_json_are_no_entries(good: Trail, tmp_path: Path):
    first, *rest = lines_of(good)
    repeated = first.replace(b'{"number": 0,', b'{"number": 0, "number": 0,')
    for other in (repeated, first.replace(b"\n", b"\r\n"), first.replace(b": ", b":"), b" " + first):
        assert "line 1: is not an entry" in said(copied(good, tmp_path, [other, *rest]))


def test_a_line_of_100_mb_is_passed_over_without_being_kept(good: Trail, tmp_path: Path):
    import tracemalloc

    trail = copied(good, tmp_path, lines_of(good))
    with trail.path.open("ab") as file:
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\n")
    tracemalloc.start()
    assert f"line {ENTRIES + 1}: is longer than any entry" in said(trail)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_of_many_findings_the_first_are_told_and_the_others_counted(good: Trail, tmp_path: Path):
    trail = copied(good, tmp_path, [*lines_of(good), *[b"rubbish\n"] * 10_000])
    assert "9980 more findings" in said(trail)


def test_an_entry_longer_than_a_line_may_be_is_refused(tmp_path: Path):
    trail = Trail(tmp_path / "trail.jsonl")
    with pytest.raises(PopflowError, match="say it shorter"):
        trail.append("read", "x" * LONGEST, "run", "epidemic_prevention")
    assert trail.entries() == []


def test_what_is_no_file_is_no_trail(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(PopflowError, match="is not a file"):
            verify(path)


@pytest.mark.slow
def test_many_more_changes_are_found(good: Trail, tmp_path: Path):
    many = settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck))

    @many
    @given(changed_bytes(), changed_bytes())
    def changed_twice(first: tuple[int, int, bytes], second: tuple[int, int, bytes]) -> None:
        text = good.path.read_bytes()
        new = text
        for at, gone, come in (first, second):
            new = new[:at] + come + new[at + gone :]
        if new != text:
            said(copied(good, tmp_path, [new]))

    changed_twice()

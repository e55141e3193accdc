"""Fuzzed manifests, feeds and files: nothing but PopflowError or a verdict of quarantine comes out, and no row is lost.

Each target runs for seconds with the other tests, and for minutes as a slow proof.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landing_files import A, B, D, counts, mobile_bytes, reduce_files, telecom_bytes, unicom_bytes

from popflow import contracts as contracts_module
from popflow.contracts import load
from popflow.errors import PopflowError
from popflow.intake.manifests import read_manifest

QUICK, LONG = 40, 1_500
RECORDS = [(A, "2020-01-22 10:00:00", 1, 1), (B, "2020-01-22 11:00:00", 1, 2), (A, "2020-01-22 12:00:00", 1, 99)]
MANIFEST = {"mno": "mobile", "event_date": str(D), "delivery_id": "m1", "created_at_utc": "", "files": [
    {"name": "a", "area": "", "bytes": 1, "sha256": "ab" * 32, "rows": 1}]}  # fmt: skip
FEED = yaml.safe_load((contracts_module.default_folder() / "landing" / "mobile.yaml").read_text())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), lambda inner: st.lists(
        inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """Sound bytes with some cut out, doubled, changed or put in."""
    content = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        content[start:end] = draw(st.sampled_from([b"", bytes(content[start:end]) * 2]) | st.binary(max_size=20))
    return bytes(content)


@st.composite
def changed(draw: st.DrawFn, sound: Any) -> Any:
    """A sound value with one place in it changed."""
    if isinstance(sound, dict) and sound and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(sound)))
        return sound | {key: draw(changed(sound[key]))}
    if isinstance(sound, list) and sound and draw(st.integers(0, 5)):
        return [*sound[:-1], draw(changed(sound[-1]))]
    return draw(JSON | st.sampled_from(["", "\0", "\ud800", "%", "^(a+)+$", "../..", "*", "9" * 400, -1, [], {}]))


def fuzzed(target: Callable[..., None], **given_: st.SearchStrategy) -> tuple[Callable[..., None], Callable[..., None]]:
    """The target as a test of seconds and as one of minutes."""

    def of(examples: int) -> Callable[..., None]:
        free = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        return free(given(**given_)(target))

    return of(QUICK), pytest.mark.slow(of(LONG))


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """What is refused is refused in one line that can be printed."""
    try:
        yield
    except PopflowError as refusal:
        said = str(refusal)
        if "\n" in said or not said.encode():
            raise AssertionError(said) from None


def manifest_holds_or_is_refused(content: bytes) -> None:
    """read_manifest on any bytes."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "manifest.json").write_bytes(content)
        with one_line():
            manifest = read_manifest(folder, load().feeds["mobile"], D, "m1")
            manifest.model_dump_json().encode()
            assert all(0 <= file.rows < 1 << 63 and 0 <= file.bytes < 1 << 63 for file in manifest.files)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


test_manifests, test_manifests_for_long = fuzzed(
    manifest_holds_or_is_refused,
    content=damaged(as_json(MANIFEST)) | changed(MANIFEST).map(as_json) | st.binary(max_size=50),
)


def feed_holds_or_is_refused(content: bytes) -> None:
    """with_feeds on any bytes; a feed that holds reads a file, however few of its rows."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mobile.yaml").write_bytes(content)
        with one_line():
            (feed,) = load().with_feeds(Path(folder), only=True).feeds.values()
            reduce_files(Path(folder), "mobile", {"f": (mobile_bytes(*RECORDS), 3)}, feed)


test_feeds, test_feeds_for_long = fuzzed(
    feed_holds_or_is_refused,
    content=damaged(yaml.safe_dump(FEED).encode())
    | changed(FEED).map(lambda value: yaml.dump(value).encode(errors="replace")),
)


def every_row_is_accounted_for(mno: str, content: bytes, rows: int) -> None:
    """The reduction on any file, beside a sound one that goes through."""
    sound = {"mobile": mobile_bytes, "telecom": telecom_bytes, "unicom": unicom_bytes}[mno](RECORDS[0])
    with tempfile.TemporaryDirectory() as folder:
        reduced = reduce_files(Path(folder), mno, {"odd": (content, rows), "sound": (sound, 1)})
    told = counts(reduced, "odd")
    assert told.pop("rows") == rows == sum(told.values())
    assert counts(reduced, "sound") == {"rows": 1, "accepted": 1}
    assert "file_failed" not in told


def lines(sound: bytes) -> st.SearchStrategy[bytes]:
    return damaged(gzip.decompress(sound)).map(lambda text: gzip.compress(text, 1)) | damaged(sound)


def text_file_is_accounted_for(mno: str, content: bytes) -> None:
    """A text file whose manifest tells its lines right."""
    rows = 3
    with contextlib.suppress(Exception):
        text = gzip.decompress(content)
        rows = text.count(b"\n") + (not text.endswith(b"\n") and text != b"")
    every_row_is_accounted_for(mno, content, rows)


test_csv, test_csv_for_long = fuzzed(
    text_file_is_accounted_for, mno=st.just("mobile"), content=lines(mobile_bytes(*RECORDS))
)
JSON_LINES = st.lists(
    changed({"sim": A, "ts": 1579658400000, "cell": "460-11-1-1", "evt": "U"}), min_size=1, max_size=5
).map(lambda values: gzip.compress("".join(f"{json.dumps(value)}\n" for value in values).encode()))
test_json, test_json_for_long = fuzzed(
    text_file_is_accounted_for, mno=st.just("telecom"), content=lines(telecom_bytes(*RECORDS)) | JSON_LINES
)


def parquet_of(columns: dict[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


KINDS = [pa.string(), pa.binary(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("ms"), pa.timestamp("us", "UTC"),
         pa.timestamp("ns"), pa.date32(), pa.decimal128(10, 0), pa.list_(pa.string()), pa.null()]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Parquet files with columns of any type, of the right names or others."""
    columns = {}
    for name in draw(
        st.lists(st.sampled_from(["sim", "event_time_utc", "cgi", "event", "x"]), min_size=1, unique=True)
    ):
        kind = draw(st.sampled_from(KINDS))
        number = pa.types.is_integer(kind) or pa.types.is_timestamp(kind)
        values = st.none() | (st.integers(-(1 << 63) + 1, (1 << 63) - 1) if number else st.nothing())
        values |= st.binary(max_size=40) if pa.types.is_binary(kind) else st.nothing()
        values |= (
            st.text(st.characters(codec="utf-8"), max_size=40) | st.just(A)
            if pa.types.is_string(kind)
            else st.nothing()
        )
        columns[name] = pa.array(draw(st.lists(values, min_size=3, max_size=3)), kind)
    return parquet_of(columns)


def parquet_file_is_accounted_for(content: bytes) -> None:
    """A Parquet file whose manifest says three rows."""
    every_row_is_accounted_for("unicom", content, 3)


test_parquet, test_parquet_for_long = fuzzed(
    parquet_file_is_accounted_for, content=damaged(unicom_bytes(*RECORDS)) | tables()
)

"""What is checked of a whole file before its rows count: fingerprint, damage, columns."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from popflow.contracts import Feed
from popflow.intake.packing import PackFile
from popflow.intake.sealed import Unsealable, is_sealed, unsealed
from popflow.intake.storage import is_local, open_address
from popflow.intake.text_lines import DAMAGE, HashedFile, TextLines

COPY_CHUNK = 1 << 20
FILE_REASONS = {
    "file_missing": "the manifest lists it and it is not there",
    "file_unlisted": "it is there and the manifest does not list it",
    "file_hash": "its fingerprint is not the manifest's",
    "file_rows": "it has another number of rows than the manifest says",
    "file_sealed": "none of the age identities opens it",
    "file_damaged": "it cannot be read to its end",
    "file_empty": "it has no rows",
    "file_columns": "it lacks a column that its contract needs, or has it in another type",
    "file_misfit": "most of its rows do not fit its contract",
}
PASSING = ["file_missing", "file_sealed"]  # what is not the file's fault: it may come back, its identity be added


class WholeFile(Exception):  # noqa: N818 - a verdict, not an error
    """A file is set aside whole, for one of FILE_REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CheckedLines(TextLines):
    """Lines of a file whose fingerprint the manifest gives."""

    def check(self, file: PackFile) -> None:
        """Raise WholeFile where the file read is not the manifest's."""
        _refuse_changed(self.sha256(), file)

    def raise_damage(self, file: PackFile) -> None:
        """Raise what stopped the reading: WholeFile where it is the file's own fault; nothing where nothing did."""
        if isinstance(self.failure, DAMAGE):
            self.check(file)
            raise WholeFile("file_sealed" if isinstance(self.failure, Unsealable) else "file_damaged") from None
        if self.failure:
            raise self.failure


@contextlib.contextmanager
def text_lines(file: PackFile, feed: Feed) -> Iterator[CheckedLines]:
    """A text file, opened."""
    filler = feed.delimiter if feed.format == "csv" else None
    with opened(file) as source:
        sealed = file.name if is_sealed(file.name) else None
        with contextlib.closing(CheckedLines(source, feed.compression == "gzip", filler or " ", sealed)) as lines:
            yield lines


@contextlib.contextmanager
def opened(file: PackFile) -> Iterator[pa.NativeFile]:
    """A landing file as a stream; one that is gone since its manifest was read is named."""
    system, path = open_address(file.address)
    try:
        stream = system.open_input_stream(path, compression=None)
    except FileNotFoundError:
        raise WholeFile("file_missing") from None
    with stream:
        yield stream


def positions(feed: Feed, lines: CheckedLines, file: PackFile) -> dict[str, int]:
    """Place of each column in a csv file, from 1: the header's if it has one, else the contract's."""
    if feed.format != "csv":
        return {}
    names = feed.columns
    if feed.header:
        try:
            names = [name.strip().strip('"') for name in lines.header().split(feed.delimiter)]
        except DAMAGE:
            lines.raise_damage(file)
            raise
    _refuse_missing(feed, names)
    return {name: place for place, name in reversed(list(enumerate(names, 1)))}


@contextlib.contextmanager
def parquet_copy(file: PackFile, scratch: Path) -> Iterator[str]:
    """Path of a Parquet file with the manifest's fingerprint: where it lies, or a copy from object storage.

    What a sealed one holds is written to memory alone: Parquet is not read from its beginning to its end.
    """
    if is_sealed(file.name):
        with os.fdopen(os.memfd_create("landing-file"), "r+b") as memory:
            _unseal(file, memory)
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    _, path = open_address(file.address)
    copy = None if is_local(file.address) else scratch / "landing-file"
    with opened(file) as source:
        hashed = HashedFile(source)
        if copy:
            with copy.open("wb") as target:
                shutil.copyfileobj(hashed, target, COPY_CHUNK)
        _refuse_changed(hashed.sha256(), file)
    yield str(copy or path)
    if copy:
        copy.unlink()


def _unseal(file: PackFile, target: BinaryIO) -> None:
    with opened(file) as source:
        hashed = HashedFile(source)
        try:
            with contextlib.closing(unsealed(io.BufferedReader(hashed), file.name)) as plain:
                shutil.copyfileobj(plain, target, COPY_CHUNK)
        except Unsealable:
            _refuse_changed(hashed.sha256(), file)
            raise WholeFile("file_sealed") from None
        _refuse_changed(hashed.sha256(), file)
        target.flush()


def _refuse_changed(sha256: str, file: PackFile) -> None:
    if sha256 != file.sha256:
        raise WholeFile("file_hash")


def parquet_shape(path: str, feed: Feed) -> tuple[bool, int]:
    """Whether a Parquet file's timestamps are instants (else local times of the feed's zone), and its rows."""
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError):
        raise WholeFile("file_damaged") from None
    _refuse_missing(feed, schema.names)
    time = feed.fields.time
    kind = schema.field(time.from_column).type
    if pa.types.is_timestamp(kind) != time.kind.startswith("timestamp"):
        raise WholeFile("file_columns")
    return pa.types.is_timestamp(kind) and kind.tz is not None, footer.num_rows


def parquet_is_sound(path: str) -> bool:
    """Whether all of a Parquet file can be read; asked only where DuckDB could not, which may have other reasons."""
    try:
        for _ in pq.ParquetFile(path).iter_batches():
            pass
    except (pa.ArrowException, OSError):
        return False
    return True


def _refuse_missing(feed: Feed, names: list[str]) -> None:
    if not set(feed.fields.needed_columns()) - set(feed.constants) <= set(names):
        raise WholeFile("file_columns")

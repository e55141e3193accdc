"""What a manifest says of a file, read from the file itself: bytes, SHA-256, records."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake.encrypted import SUFFIX, is_encrypted
from popflow.intake.parquet_columns import DAMAGE as PARQUET_DAMAGE
from popflow.intake.regular_files import Irregular, Opened, open_regular
from popflow.intake.text_lines import DAMAGE, HashedFile, TextLines


class Fingerprint(NamedTuple):
    """Bytes as they lie, SHA-256 of them, and records."""

    bytes: int
    sha256: str
    rows: int


def fingerprint(path: Path, feed: Feed, plain: Path | None = None) -> Fingerprint:
    """The fingerprint of a file; plain: the folder with the plain form of a file that is encrypted with age.

    Raises PopflowError, naming the file and the mend, for what cannot be read to its end, has no record, or is
    encrypted while its plain form is not there.
    """
    if not is_encrypted(path.name):
        return _of_plain(path, feed)
    if plain is None:
        raise PopflowError(f"{printable(path)}: is encrypted, and its records cannot be counted; give the folder of "
                           "the plain files by --plain")  # fmt: skip
    rows = _of_plain(plain / path.name.removesuffix(SUFFIX), feed).rows
    with _opened(path) as (stream, size):
        return Fingerprint(size, HashedFile(stream, size).sha256(), rows)


def _of_plain(path: Path, feed: Feed) -> Fingerprint:
    with _opened(path) as (stream, size):
        found = _of_parquet(path, stream, size) if feed.format == "parquet" else _of_text(path, stream, size, feed)
    if not found.rows:
        raise PopflowError(f"{printable(path)}: has no record; leave the file out of the delivery")
    return found


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Opened]:
    try:
        opened = open_regular(str(path))
    except Irregular:
        raise PopflowError(f"{printable(path)}: is a link, folder, pipe or device; put the file itself there") from None
    except OSError as error:
        raise PopflowError(f"{printable(path)}: cannot be read ({os.strerror(error.errno or 0)})") from None
    with opened.stream:
        yield opened


def _of_parquet(path: Path, stream: BinaryIO, size: int) -> Fingerprint:
    try:
        rows = pq.ParquetFile(stream, pre_buffer=False).metadata.num_rows
    except PARQUET_DAMAGE:
        raise _damaged(path, "Parquet") from None
    stream.seek(0)
    return Fingerprint(size, HashedFile(stream, size).sha256(), rows)


def _of_text(path: Path, stream: BinaryIO, size: int, feed: Feed) -> Fingerprint:
    lines = TextLines(HashedFile(stream, size), feed.compression == "gzip", "\n", feed.limits.line_bytes)
    with contextlib.closing(lines):
        try:
            if feed.header and feed.format == "csv":
                lines.header()
            for _ in lines.batches(_counting):
                pass
        except DAMAGE:
            raise _damaged(path, "gzip" if feed.compression == "gzip" else "text") from None
        return Fingerprint(size, lines.sha256(), lines.rows)


def _damaged(path: Path, kind: str) -> PopflowError:
    return PopflowError(f"{printable(path)}: cannot be read to its end as {kind}; write the file again, or correct "
                        "format and compression in the feed's contract")  # fmt: skip


def _counting(chunk: bytes, _first: int) -> tuple[int, bytes, np.ndarray]:
    """The sieve that counts lines and sets none aside."""
    return chunk.count(b"\n"), b"", np.empty(0, np.int64)

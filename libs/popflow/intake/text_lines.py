"""Text files as Arrow batches of numbered lines, hashed, unzipped and checked in one read.

No CSV or JSON reader sees the file: each of its lines becomes one value, blank, broken or binary as it may be, so that
every line keeps its number. Splitting into fields is SQL (`popflow.intake.feed_sql`).
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from isal import igzip, igzip_lib

from popflow.intake.encrypted import Undecryptable, decrypted

SCHEMA = pa.schema([("line", pa.string()), ("row_number", pa.int64())])
CHUNK = 1 << 18  # fits the second-level cache: larger chunks are slower
NEWLINE, CARRIAGE_RETURN, SPACE = 10, 13, 32
BOM = b"\xef\xbb\xbf"
# What unzipping and unsealing say of a file; any other fault of reading is the storage's.
DAMAGE: tuple[type[Exception], ...] = (Undecryptable, EOFError, gzip.BadGzipFile, igzip_lib.IsalError)  # type: ignore[assignment]

# Takes whole lines and the first one's number: how many they are, and those that it sets aside with their numbers.
LineSieve = Callable[[bytes, int], tuple[int, bytes, np.ndarray]]


class HashedFile(io.RawIOBase):
    """A file that computes its SHA-256 as it is read; of its first bytes alone, where it has grown since."""

    def __init__(self, source: BinaryIO, most: int) -> None:
        self._source, self._left = source, most
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """True, always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, hashing what is read."""
        chunk = self._source.read(min(len(buffer), self._left))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        self._hash.update(chunk)
        return len(chunk)

    def sha256(self) -> str:
        """Fingerprint of the whole file; reads what has not been read yet."""
        while chunk := self._source.read(min(CHUNK, self._left)):
            self._left -= len(chunk)
            self._hash.update(chunk)
        return self._hash.hexdigest()


class TextLines:
    """The lines of one text file, once: batches of SCHEMA, and afterwards its row count and fingerprint.

    A line comes without byte order mark, its line end (LF or CRLF) replaced by the filler: for csv the delimiter, which
    only adds empty trailing fields, for jsonl a space. encrypted: the name of a file that is encrypted with age.
    longest: bytes from which on a line comes empty.
    """

    def __init__(
        self, source: HashedFile, gzipped: bool, filler: str, longest: int, encrypted: str | None = None
    ) -> None:
        self._hashed, self._longest = source, longest
        as_it_lies = io.BufferedReader(self._hashed, 1 << 20)
        self._decrypted = decrypted(as_it_lies, encrypted) if encrypted else None
        raw = self._decrypted or as_it_lies
        self._text = igzip.GzipFile(fileobj=raw, mode="rb") if gzipped else raw
        self._filler = filler.encode()
        self._before = 0  # lines before the first row
        self.rows = 0

    def header(self) -> str:
        """The first line of a file that has a header; call it before `batches`."""
        self._before = 1
        return _as_utf8(self._text.readline(self._longest).removeprefix(BOM)).decode().rstrip("\r\n")

    def sha256(self) -> str:
        """Fingerprint of the file as it lies; nothing more is read of its lines."""
        self.close()
        return self._hashed.sha256()

    def close(self) -> None:
        """Let go of an encrypted file."""
        if self._decrypted:
            self._decrypted.close()

    def batches(self, sieve: LineSieve | None = None) -> Iterator[pa.RecordBatch]:
        """All lines, or those that a sieve sets aside, a batch of them, maybe empty, for each part of the file.

        Raises one of DAMAGE where the file cannot be unzipped or decrypted to its end.
        """
        for read in _whole_lines(self._text, self._longest):
            chunk = _as_utf8(read)
            if self.rows == 0:
                chunk = chunk.removeprefix(BOM)
            first = self._before + self.rows + 1
            rows, left, numbers = (sieve or _all)(chunk, first)
            self.rows += rows
            yield self._batch(left, numbers)

    def _batch(self, chunk: bytes, numbers: np.ndarray) -> pa.RecordBatch:
        text = np.frombuffer(bytearray(chunk), np.uint8)
        ends = np.flatnonzero(text == NEWLINE)
        before = ends[ends > 0] - 1
        text[before[text[before] == CARRIAGE_RETURN]] = self._filler[0]
        text[ends] = self._filler[0]
        offsets = np.empty(len(ends) + 1, np.int32)
        offsets[0] = 0
        np.add(ends, 1, out=offsets[1:], casting="unsafe")
        lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
        return pa.record_batch([lines, pa.array(numbers)], schema=SCHEMA)


def _all(chunk: bytes, first: int) -> tuple[int, bytes, np.ndarray]:
    """The sieve that sets every line aside."""
    rows = chunk.count(b"\n")
    return rows, chunk, np.arange(first, first + rows)


def _whole_lines(text: Any, longest: int) -> Iterator[bytes]:
    """Chunks that end with a line; the last line may lack its end."""
    rest: list[bytes] = []
    held = 0
    while chunk := text.read(CHUNK):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            first = chunk.find(b"\n") + 1 if held > longest else 0
            yield b"\n" + chunk[first:cut] if first else b"".join([*rest, chunk[:cut]])
            rest, held = [chunk[cut:]], len(chunk) - cut
        else:
            held += len(chunk)
            rest = [*rest, chunk] if held <= longest else []
    if held:
        yield b"".join(rest) + b"\n"


def _as_utf8(chunk: bytes) -> bytes:
    """The bytes if they are UTF-8, else each byte as a character of its own, so that no line is lost."""
    if chunk.isascii():
        return chunk
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return chunk.decode("latin-1").encode()
    return chunk

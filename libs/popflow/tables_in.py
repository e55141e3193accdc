"""Tables that people give, CSV or Parquet: wanted columns as text, batch by batch, or one line that says what is off.

What a library says of a broken file may show a value of it, so none of it passes: a fault is told by file, row, kind.
Rows are counted from the first below the header. Only regular files are opened, and no line is read beyond a bound.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import stat
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from popflow.errors import PopflowError

BATCH_ROWS = 65_536
LONGEST_LINE = 1 << 20  # bytes: a row of any table here has some hundred
LONGEST_HEADER = 1 << 16
NEWLINE = 10
DELIMITERS = ",;\t|"
GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK", b"PAR1"
WIDE = (b"\xff\xfe", b"\xfe\xff")  # the marks of UTF-16


class GivenTable:
    """A file of a table, open at its header; `columns` are its names in small letters, without blanks around them.

    what: the kind of file, for messages. known: names of columns that may occur; they tell the delimiter.
    Raises PopflowError for what is not a regular file, or neither CSV nor Parquet.
    """

    def __init__(self, path: str | Path, what: str, known: Collection[str]) -> None:
        self.path = Path(path)
        refuse_irregular(self.path, what)
        with self.path.open("rb") as file:
            head = file.read(4)
        named_parquet = self.path.suffix.lower() == ".parquet"
        self._form: _Csv | _Parquet
        if head == PARQUET or named_parquet:
            self._form = _Parquet(self.path)
        elif head.startswith(ZIP):
            raise PopflowError(f"{self.path}: a zip or Excel file; save the {what} as CSV or Parquet")
        else:
            self._form = _Csv(self.path, known)
        self.columns = self._form.names

    def batches(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The wanted columns, which must be there, as text without blanks around it; null where nothing stands.

        Raises PopflowError with file and row for what cannot be read, and for a wanted column that is there twice.
        """
        for name in wanted:
            if self.columns.count(name) > 1:
                raise PopflowError(f"{self.path}: column {name} appears {self.columns.count(name)} times; keep one")
        if not wanted:
            return
        yield from self._form.batches(wanted)


def refuse_irregular(path: Path, what: str) -> None:
    """Raise PopflowError for what is not a regular file: nothing, a folder, a pipe, a device."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise PopflowError(f"{path}: there is no such {what}") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise PopflowError(f"{path}: {kind}, no {what}; give a file")


class _Csv:
    def __init__(self, path: Path, known: Collection[str]) -> None:
        self._path, self._row = path, 0
        with self._told_in_our_words():
            self._stream = _Lines(path)
            header = self._stream.header()
            if not header:
                raise self._unreadable("it is empty")
            self._delimiter = max(DELIMITERS, key=lambda one: len(set(_names(header, one)) & set(known)))
            self.names = _names(header, self._delimiter)

    def batches(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        odd: list[tuple[int, int]] = []

        def keep(row: pa_csv.InvalidRow) -> str:
            odd.append((row.number, row.actual_columns))
            return "skip"

        columns = [str(self.names.index(name)) for name in wanted]
        with self._told_in_our_words():
            for batch in self._read(columns, keep):
                self._refuse_odd(odd)
                yield self._texts(batch, wanted)
                self._row += batch.num_rows
            self._refuse_odd(odd)
        if self._row != self._stream.lines:
            raise self._unreadable(f"{self._stream.lines:,} lines hold {self._row:,} rows, a field in quotation marks "
                                   "runs over a line's end")  # fmt: skip

    def _read(self, columns: list[str], keep: Callable[[pa_csv.InvalidRow], str]) -> Iterator[pa.RecordBatch]:
        first = self._stream.read(1)
        if not first:
            return iter(())
        self._stream.give_back(first)
        options = pa_csv.ReadOptions(
            use_threads=False, block_size=LONGEST_LINE, column_names=[str(place) for place in range(len(self.names))]
        )
        parse = pa_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=keep)
        types = dict.fromkeys(columns, pa.binary())
        convert = pa_csv.ConvertOptions(include_columns=columns, column_types=types, check_utf8=False)
        return iter(pa_csv.open_csv(pa.PythonFile(self._stream, "r"), options, parse, convert))

    def _refuse_odd(self, odd: list[tuple[int, int]]) -> None:
        if odd:
            number, fields = odd[0]
            fields_there = f"{fields} field{'s' if fields > 1 else ''}"
            raise PopflowError(f"{self._path}: cannot be read as CSV: row {number} has {fields_there} and the header "
                               f"{len(self.names)}; correct the row")  # fmt: skip

    def _texts(self, batch: pa.RecordBatch, wanted: Sequence[str]) -> pa.RecordBatch:
        columns = {name: batch.column(str(self.names.index(name))) for name in wanted}
        return _stripped(columns, self._path, self._row)

    @contextmanager
    def _told_in_our_words(self) -> Iterator[None]:
        try:
            yield
        except PopflowError:
            raise
        except csv.Error:
            raise self._unreadable("its first line is not a header") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise self._unreadable(f"after row {self._row} the gzip data is damaged or cut short") from None
        except UnicodeError:
            raise self._unreadable(f"after row {self._row} its text is not UTF-16, as its first bytes say") from None
        except (pa.ArrowException, ValueError):
            raise self._unreadable(
                f"after row {self._row} a line is too long, or a quotation mark is never closed"
            ) from None
        except OSError as error:
            raise self._unreadable(f"after row {self._row}: {error.strerror or 'the disk fails'}") from None

    def _unreadable(self, what: str) -> PopflowError:
        return PopflowError(
            f"{self._path}: cannot be read as CSV: {what}; give a header and then one row a line, in UTF-8"
        )


class _Lines(io.RawIOBase):
    """The bytes of a CSV file in UTF-8, unzipped, and how many lines below the header are not blank."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with path.open("rb") as file:
            zipped = file.read(len(GZIP)) == GZIP
        raw: BinaryIO = cast(BinaryIO, gzip.GzipFile(path, "rb")) if zipped else path.open("rb")
        file = io.BufferedReader(cast(io.RawIOBase, raw))
        wide = file.peek(2)[:2] in WIDE
        self._file = io.BufferedReader(cast(io.RawIOBase, _FromUtf16(file))) if wide else file
        self._ahead, self._newline = b"", True
        self.lines = 0

    def header(self) -> str:
        """The first line that is not blank; what no UTF-8 is stays as it is."""
        for line in iter(lambda: self._file.readline(LONGEST_LINE), b""):
            if text := line.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape").strip():
                return text
        return ""

    def readable(self) -> bool:
        return True

    def give_back(self, data: bytes) -> None:
        """What was read to see whether there is anything."""
        self._ahead, self.lines, self._newline = data, 0, True

    def read(self, size: int = -1) -> bytes:
        ahead, self._ahead = self._ahead, b""
        data = ahead + self._file.read(max(size - len(ahead), 0))
        in_line = np.frombuffer(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), np.uint8) != NEWLINE
        if len(in_line):
            # A line begins where something stands behind a line's end.
            self.lines += int(np.count_nonzero(in_line[1:] & ~in_line[:-1])) + int(self._newline and in_line[0])
            self._newline = not in_line[-1]
        return data


class _FromUtf16(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-16")()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        text = ""
        while not text:
            data = self._file.read(len(buffer) // 4 or 1)  # a character of two bytes becomes three at most
            text = self._decoder.decode(data, final=not data)
            if not data:
                break
        made = text.encode(errors="surrogatepass")
        buffer[: len(made)] = made
        return len(made)


def _names(header: str, delimiter: str) -> list[str]:
    row = next(csv.reader([header[:LONGEST_HEADER]], delimiter=delimiter), [])
    return [name.strip().lower() for name in row]


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _stripped(columns: dict[str, pa.Array], path: Path, rows_before: int) -> pa.RecordBatch:
    """Bytes as text without blanks around it, null where nothing stands. Raises PopflowError for what is not UTF-8."""
    texts = []
    for name, values in columns.items():
        try:
            text = pc.utf8_trim_whitespace(values.cast(pa.string()))
        except pa.ArrowException:
            row = rows_before + 1 + next(n for n, value in enumerate(values.to_pylist()) if not _is_utf8(value))
            raise PopflowError(f"{path}: {name} in row {row} is not UTF-8 text; save the file as UTF-8") from None
        texts.append(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
    return pa.record_batch(texts, list(columns))


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
            self._own = list(self._file.schema_arrow.names)
        except (pa.ArrowException, OSError, ValueError):
            raise self._unreadable("it is not a Parquet file, or damaged") from None
        self.names = [name.strip().lower() for name in self._own]

    def batches(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        row, own = 0, [self._own[self.names.index(name)] for name in wanted]
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, columns=own):
                columns = {name: self._bytes(batch.column(mine), name) for mine, name in zip(own, wanted, strict=True)}
                yield _stripped(columns, self._path, row)
                row += batch.num_rows
        except (pa.ArrowException, OSError, ValueError):
            raise self._unreadable(f"what follows row {row} is damaged") from None

    def _bytes(self, values: pa.Array, name: str) -> pa.Array:
        try:
            return values.cast(pa.string()).cast(pa.binary())
        except (pa.ArrowException, ValueError):
            raise PopflowError(f"{self._path}: column {name} holds no text; give it as text") from None

    def _unreadable(self, what: str) -> PopflowError:
        return PopflowError(f"{self._path}: cannot be read as Parquet: {what}; give CSV or Parquet")

"""Writes records as three MNOs deliver them: files by area, and the manifest last.

Text is compressed at gzip level 1 without a time stamp: the same records give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq

from popflow.dates import LOCAL
from popflow.synthetic.cells import Cells
from popflow.synthetic.formats import Lines, MobileLines, TelecomLines, UnicomRows, text_of
from popflow.synthetic.people import MNOS, Sims
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import Stream
from popflow.synthetic.records import Records

GZIP_LEVEL, GZIP_WINDOW = 1, 31
AREAS = ("420000", "north", "northeast", "east", "central_south", "southwest", "northwest")
SUFFIXES = ("csv.gz", "parquet", "jsonl.gz")


@dataclass(frozen=True)
class DeliveredFile:
    """A file as its manifest lists it."""

    name: str
    area: str
    bytes: int
    sha256: str
    rows: int


class LandingFile(Protocol):
    """One file of a delivery while it is written."""

    def write(self, records: Records, sims: Sims, draw: Stream) -> None:
        """Append records."""

    def close(self) -> DeliveredFile:
        """Finish the file and say what the manifest says of it."""


def area_of_provinces(places: Places) -> Ints:
    """Index of the area of each province: Hubei by itself, the others by region."""
    regions = np.array([int(code[0]) for code in places.province_codes])
    return np.where(places.province_codes == AREAS[0], 0, regions)


@dataclass(frozen=True)
class Delivery:
    """An MNO's delivery of a date; number: 1, or 2 for one that brings what was late on the last date."""

    mno: int
    date: dt.date
    number: int = 1

    @property
    def delivery_id(self) -> str:
        """Unique within an MNO."""
        return f"{self.date:%Y%m%d}-{self.number}"

    def folder(self, out: Path) -> Path:
        """Where its files lie."""
        return out / "landing" / MNOS[self.mno] / self.date.isoformat() / self.delivery_id


def write_manifest(out: Path, delivery: Delivery, files: list[DeliveredFile]) -> None:
    """The manifest of a delivery, once all its files are there; created the morning after its date."""
    next_day = delivery.date + dt.timedelta(days=delivery.number)
    created = dt.datetime.combine(next_day, dt.time(3), LOCAL).astimezone(dt.UTC)
    manifest = {
        "mno": MNOS[delivery.mno],
        "event_date": delivery.date.isoformat(),
        "delivery_id": delivery.delivery_id,
        "created_at_utc": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "files": [asdict(file) for file in sorted(files, key=lambda file: file.name)],
    }
    (delivery.folder(out) / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


class TextFile:
    """A gzipped text file that hashes what it writes."""

    def __init__(self, path: Path, area: str, lines: Lines) -> None:
        self.path, self.area, self.lines = path, area, lines
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
        self._hash, self._bytes, self._rows = hashlib.sha256(), 0, 0

    def write(self, records: Records, sims: Sims, draw: Stream) -> None:
        """Append records."""
        self._put(self._gzip.compress(text_of(self.lines.of(records, sims, draw))))
        self._rows += len(records)

    def close(self) -> DeliveredFile:
        """Finish the file and say what the manifest says of it."""
        self._put(self._gzip.flush())
        self._file.close()
        return DeliveredFile(self.path.name, self.area, self._bytes, self._hash.hexdigest(), self._rows)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._bytes += len(data)


class ParquetFile:
    """A Parquet file, a row group a chunk."""

    def __init__(self, path: Path, area: str, rows: UnicomRows) -> None:
        self.path, self.area, self.rows = path, area, rows
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(
            path, UnicomRows.SCHEMA, compression="zstd", use_dictionary=["sim", "cgi", "event"]
        )
        self._rows = 0

    def write(self, records: Records, sims: Sims, draw: Stream) -> None:
        """Append records."""
        self._writer.write_table(self.rows.of(records, sims, draw))
        self._rows += len(records)

    def close(self) -> DeliveredFile:
        """Finish the file and say what the manifest says of it."""
        self._writer.close()
        data = self.path.read_bytes()
        return DeliveredFile(self.path.name, self.area, len(data), hashlib.sha256(data).hexdigest(), self._rows)


def writer_formats(cells: Cells, date: dt.date, free_text: float) -> tuple[MobileLines, UnicomRows, TelecomLines]:
    """The formats of a date's records, in the order of MNOS."""
    return MobileLines(cells, date, free_text), UnicomRows(cells, date), TelecomLines(cells, date)


def new_file(path: Path, area: str, format_: Lines | UnicomRows) -> LandingFile:
    """A file of a delivery in its MNO's format."""
    return ParquetFile(path, area, format_) if isinstance(format_, UnicomRows) else TextFile(path, area, format_)

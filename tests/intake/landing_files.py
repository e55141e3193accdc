"""Small literal landing files in the three formats, and the cells that their records name."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from popflow.contracts import load
from popflow.feeds import Feed
from popflow.intake import cell_table, feed_sql, reduction
from popflow.intake.file_checks import FILE_REASONS
from popflow.intake.packing import Pack, PackFile

D = dt.date(2020, 1, 22)
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
A, B = "a" * 32, "b" * 32
reduce_pack: Callable[..., Iterable[pa.RecordBatch]] = reduction.reduce_pack  # the fixture `engine` puts others there
Record = tuple[str, str, int, int]  # token, local 'YYYY-MM-DD HH:MM:SS', lac, ci


def mobile_line(token: str, time: str, lac: Any, ci: Any) -> str:
    """A line of the mobile feed."""
    return f"{token}|{time.replace('-', '').replace(':', '').replace(' ', '')}|{lac}|{ci}|2|"


def mobile_bytes(*records: Record) -> bytes:
    """A file of the mobile feed."""
    return gzip.compress("".join(mobile_line(*record) + "\n" for record in records).encode(), mtime=0)


def telecom_bytes(*records: Record) -> bytes:
    """A file of the telecom feed."""
    lines = [
        json.dumps({"sim": t, "ts": int(_instant(at).timestamp() * 1000), "cell": f"460-11-{lac}-{ci}", "evt": "U"})
        for t, at, lac, ci in records
    ]
    return gzip.compress("".join(line + "\n" for line in lines).encode(), mtime=0)


def unicom_bytes(*records: Record) -> bytes:
    """A file of the unicom feed."""
    tokens, times, lacs, cis = zip(*records, strict=True) if records else ((), (), (), ())
    table = pa.table(
        {
            "sim": pa.array(tokens, pa.string()),
            "event_time_utc": pa.array([_instant(at) for at in times], pa.timestamp("us", tz="UTC")),
            "cgi": pa.array([f"460-01-{lac}-{ci}" for lac, ci in zip(lacs, cis, strict=True)], pa.string()),
            "event": pa.array(["update"] * len(tokens), pa.string()),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _instant(local: str) -> dt.datetime:
    return dt.datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)


def entry(name: str, content: bytes, rows: int, area: str = "420000") -> dict[str, Any]:
    """A file's entry in a manifest."""
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "area": area, "bytes": len(content), "sha256": digest, "rows": rows}


CELLS = [  # lac, ci, county, share, valid_from, valid_to
    (1, 1, "420102", 1.0, "2020-01-01", None),
    (1, 2, "430102", 1.0, "2020-01-01", None),
    (1, 3, "420103", 0.4, "2020-01-01", None),
    (1, 3, "420104", 0.6, "2020-01-01", None),
    (1, 4, "420102", 0.5, "2020-01-01", None),
    (1, 4, "420103", 0.5, "2020-01-01", None),
    (1, 5, "420102", 1.0, "2020-01-01", "2020-01-21"),
    (1, 5, "430102", 1.0, "2020-01-22", None),
    (1, 6, "420102", 1.0, "2020-02-01", None),
]
PREFIXES = {"mobile": "460-00", "unicom": "460-01", "telecom": "460-11"}


def cell_rows(prefixes: dict[str, str] = PREFIXES, cells: Sequence[tuple] = CELLS) -> list[tuple]:
    """Rows of cell_to_county."""

    def day(text: str | None) -> dt.date | None:
        return dt.date.fromisoformat(text) if text else None

    return [
        (mno, f"{prefix}-{lac}-{ci}", county, share, share < 1, day(start), day(end))
        for mno, prefix in prefixes.items()
        for lac, ci, county, share, start, end in cells
    ]


def cells_file(folder: Path, mno: str, feed: Feed) -> str:
    """Address of the cell table of an MNO that knows CELLS."""
    cells = folder / f"cells-{mno}.parquet"
    if not cells.exists():
        prefix = feed.fields.cell_id.prefix or PREFIXES[mno]
        names = ("mno", "cell_id", "county_code", "area_share", "is_border", "valid_from", "valid_to")
        columns = zip(*cell_rows({mno: prefix}), strict=True)
        known = pa.table(dict(zip(names, (list(column) for column in columns), strict=True)))
        cell_table.write_cells(cell_table.cell_table(known, feed, D), str(cells))
    return str(cells)


def reduce_files(
    folder: Path, mno: str, files: dict[str, tuple[bytes, int]], feed: Feed | None = None, **manifest: Any
) -> dict[str, list[tuple]]:
    """The reduction of some files by `reduce_pack`: sorted rows of presence, tallies and quarantine."""
    contracts = load()
    feed = feed or contracts.feeds[mno]
    cells = cells_file(folder, mno, feed)
    packed = []
    for name, (content, rows) in files.items():
        (folder / name).write_bytes(content)
        said = entry(name, content, rows) | manifest
        packed.append(PackFile(str(folder / name), name, said["area"], said["bytes"], said["sha256"], said["rows"]))
    pack = Pack(mno, "d1", D, packed)
    schema = contracts.table("intake").arrow_schema()
    batches = list(reduce_pack(pack, feed, cells, schema, reduction.Limits()))
    table = pa.Table.from_batches(batches, schema=schema).to_pylist()
    wanted = {"presence": ("event_date", "sim_token", "county_code", "slots_lo", "slots_hi"),
              "tallies": ("file", "reason", "event_date", "records"),
              "quarantine": ("file", "reason", "row_number")}  # fmt: skip
    return {
        kind: sorted((tuple(row[c] for c in columns) for row in table if row["kind"] == kind), key=str)
        for kind, columns in wanted.items()
    }


def counts(reduced: dict[str, list[tuple]], file: str) -> dict[str, int]:
    """What became of the records of one file."""
    told = ("rows", "accepted", *feed_sql.REASONS, *FILE_REASONS)
    return {reason: records for name, reason, _, records in reduced["tallies"] if name == file and reason in told}

"""The rows of a lake's tables as one hash a table, whatever their order, files and commits; read without Java."""

from __future__ import annotations

import hashlib
from pathlib import Path

import deltalake

# What a second run may differ in without any difference in the data.
OF_THE_RUN = {"run_id", "released_at_utc", "taken_in_at_utc", "records_seconds"}


def fingerprints(lake: Path) -> dict[str, str]:
    """Table name -> rows and hash."""
    tables = sorted(path.parent for path in lake.glob("*/*/_delta_log"))
    return {path.name: fingerprint(path) for path in tables}


def fingerprint(table: Path) -> str:
    """Number of rows and a hash over them, sorted."""
    frame = deltalake.DeltaTable(str(table)).to_pyarrow_table()
    names = sorted(set(frame.column_names) - OF_THE_RUN)
    rows = [_text(row) for row in frame.select(names).to_pylist() if row.get("reason") != "seconds"]
    return f"{len(rows)} rows {hashlib.sha256(chr(10).join(sorted(rows)).encode()).hexdigest()[:16]}"


def _text(row: dict) -> str:
    return repr([(name, sorted(map(str, v)) if isinstance(v, list) else str(v)) for name, v in sorted(row.items())])

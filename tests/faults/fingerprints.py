"""The rows of a lake's tables as one hash a table, whatever their order, files and commits; read without Java."""

from __future__ import annotations

import hashlib
from pathlib import Path

import deltalake
import pyarrow as pa

# What a second run may differ in without any difference in the data.
OF_THE_RUN = {"run_id", "released_at_utc", "taken_in_at_utc", "records_seconds"}


def fingerprints(lake: Path) -> dict[str, str]:
    """Table name -> rows and hash."""
    tables = sorted(path.parent for path in lake.glob("*/*/_delta_log"))
    return {path.name: fingerprint(path) for path in tables}


def fingerprint(table: Path) -> str:
    """The same of one table, by where it lies."""
    return fingerprint_of(deltalake.DeltaTable(str(table)).to_pyarrow_table())


def fingerprint_of(rows: pa.Table) -> str:
    """Number of rows and a hash over them, sorted."""
    names = sorted(set(rows.column_names) - OF_THE_RUN)
    texts = [_text(row) for row in rows.select(names).to_pylist() if row.get("reason") != "seconds"]
    return f"{len(texts)} rows {hashlib.sha256(chr(10).join(sorted(texts)).encode()).hexdigest()[:16]}"


def _text(row: dict) -> str:
    return repr([(name, sorted(map(str, v)) if isinstance(v, list) else str(v)) for name, v in sorted(row.items())])

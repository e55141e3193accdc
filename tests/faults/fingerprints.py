"""The rows of a lake's tables as one hash a table, whatever their order, files and commits; read without Java."""

from __future__ import annotations

from pathlib import Path

import deltalake
import duckdb
import pyarrow as pa

# What a second run may differ in without any difference in the data.
OF_THE_RUN = {"run_id", "released_at_utc", "taken_in_at_utc", "records_seconds"}


def fingerprints(lake: Path) -> dict[str, str]:
    """Table name -> rows and hash."""
    tables = sorted(path.parent for path in lake.glob("*/*/_delta_log"))
    return {path.name: fingerprint_of(deltalake.DeltaTable(str(path)).to_pyarrow_table()) for path in tables}


def fingerprint_of(rows: pa.Table) -> str:
    """Number of rows and the sum of their hashes; what lists and maps hold may stand in any order."""
    fields = [rows.schema.field(name) for name in sorted(set(rows.column_names) - OF_THE_RUN)]
    texts = ", ".join(f"coalesce({_as_text(field)}, 'null')" for field in fields)
    kept = "WHERE reason IS DISTINCT FROM 'seconds'" if "reason" in rows.column_names else ""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
        connection.register("found", rows)
        number, total = connection.execute(
            f"SELECT count(*), coalesce(sum(hash([{texts}])::HUGEINT), 0) FROM found {kept}"
        ).fetchone()
    return f"{number} rows {total % 2**64:016x}"


def _as_text(field: pa.Field) -> str:
    name = f'"{field.name}"'
    if pa.types.is_map(field.type):
        return f"list_sort(map_entries({name}))::VARCHAR"
    return f"list_sort({name})::VARCHAR" if pa.types.is_list(field.type) else f"{name}::VARCHAR"

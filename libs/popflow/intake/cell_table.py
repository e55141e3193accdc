"""The night's cell table: one row per cell with its county on each date that a delivery's records can have.

One county per cell and date, the one with the largest share of its service area, ties to the smaller code: no record
is ever doubled. Written once per MNO and delivery date, read by every task through pyarrow's file systems.
"""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from popflow.feeds import Feed
from popflow.intake import feed_sql
from popflow.intake.storage import open_address


def cell_table(cell_to_county: pa.Table, feed: Feed, date: dt.date) -> pa.Table:
    """Cells of one MNO: cell (number or text, as the feed joins it), day_0, day_1, day_2 (county code or null)."""
    with duckdb.connect(config={"threads": 1}) as db:
        db.register("cell_to_county", cell_to_county)
        days = ", ".join(
            f"arg_min(county, (-area_share, county)) FILTER (WHERE valid_from <= {day} "
            f"AND (valid_to IS NULL OR valid_to >= {day})) AS day_{i}"
            for i, day in enumerate(f"DATE '{date + dt.timedelta(days=offset)}'" for offset in feed_sql.DAYS)
        )
        return db.sql(f"""
            WITH cells AS (
                SELECT {_key(feed)} AS cell, CAST(county_code AS INTEGER) AS county, area_share, valid_from, valid_to
                FROM (SELECT *, {_parts(feed)} AS part FROM cell_to_county WHERE mno = {feed_sql.quoted(feed.mno)}))
            SELECT cell, {days} FROM cells WHERE cell IS NOT NULL GROUP BY cell""").to_arrow_table()


def _parts(feed: Feed) -> str:
    field = feed.fields.cell_id
    prefix = f"{field.prefix}{field.separator}" if field.prefix else ""
    rest = f"substr(cell_id, {len(prefix) + 1})"
    own = f"starts_with(cell_id, {feed_sql.quoted(prefix)})"
    return f"CASE WHEN {own} THEN string_split({rest}, {feed_sql.quoted(field.separator)}) END"


def _key(feed: Feed) -> str:
    if not feed_sql.cell_key_is_number(feed):
        return "cell_id"
    count = len(feed.fields.cell_id.from_columns)
    number = feed_sql.cell_number([feed_sql.number(f"part[{place}]") for place in range(1, count + 1)])
    return f"CASE WHEN len(part) = {count} THEN {number} END"


def write_cells(cells: pa.Table, address: str) -> None:
    """Write a cell table where tasks find it."""
    system, path = open_address(address)
    system.create_dir(path.rpartition("/")[0], recursive=True)
    with system.open_output_stream(path) as stream:
        pq.write_table(cells, stream)


def load_cells(db: duckdb.DuckDBPyConnection, address: str) -> None:
    """The cell table as the table `cells` of a task's DuckDB."""
    system, path = open_address(address)
    put_cells(db, pq.read_table(path, filesystem=system))


def put_cells(db: duckdb.DuckDBPyConnection, cells: pa.Table) -> None:
    """A cell table as the table `cells` of a DuckDB."""
    db.register("cells_read", cells)
    db.execute("CREATE TABLE cells AS SELECT * FROM cells_read").fetchall()
    db.unregister("cells_read")

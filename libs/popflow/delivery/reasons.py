"""Why a row or a file fails, in words that name column and mend and show no value that could be a person's."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from popflow.delivery.masks import cell_shown, form_of, shape_of
from popflow.delivery.sight import RowRead, Sight, cell_text, local_time
from popflow.errors import printable
from popflow.feeds import Feed
from popflow.intake import feed_sql, spelling
from popflow.intake.encrypted import is_encrypted
from popflow.intake.file_checks import FILE_REASONS
from popflow.intake.file_rows import header_names
from popflow.intake.parquet_columns import DAMAGE, names_in_tables
from popflow.intake.regular_files import open_regular
from popflow.intake.text_lines import HashedFile, TextLines

SPELT = {"decimal": ("digits alone", spelling.DIGITS), "hex": ("hexadecimal digits alone", spelling.HEX_DIGITS)}


def reason_of(place: int) -> str:
    """The reason of a row that is not accepted, as the quarantine has it; "accepted" for one that is."""
    return "accepted" if place > 0 else feed_sql.REASONS[-place - 1]


def why(row: RowRead, feed: Feed, seen: Sight, date: dt.date) -> str:
    """Why a row fails; date: the delivery's. A null row that does not fail is the caller's mistake."""
    fields, given = feed.fields, dict(zip(feed.fields.needed_columns(), row.written, strict=True))
    reason = reason_of(row.place)
    if reason == "unparseable":
        return "; ".join([*_time_fault(row, feed, given), *_cell_faults(row, feed, given)])
    if reason == "no_token":
        column = printable(fields.sim_token.from_column)
        return f"{column}: {form_of(row.token)}, not {fields.sim_token.pattern}"
    if reason == "time_outside":
        found = local_time(row.time, seen.window, date) if seen.window else None
        told = "beyond the calendar" if found is None else str(found.date())
        return f"{printable(fields.time.from_column)}: {told} is more than a day from {date}"
    cell = cell_told(row.cell or "", feed)
    if row.cell in seen.of_other_dates:
        return f"cell {cell}: has no row that holds on the record's date"
    return f"cell {cell}: is not in the table of cells"


def cell_told(cell: int | str, feed: Feed) -> str:
    """A cell's id as cells.csv has it, and as the feed writes it where that is hexadecimal."""
    text = cell_text(cell, feed)
    shown = cell_shown(text, feed)
    if shown != text or feed.fields.cell_id.base != "hex" or not isinstance(cell, int):
        return shown
    return f"{shown} (hexadecimal {', '.join(f'{number:X}' for number in _numbers(cell, feed))})"


def in_hexadecimal(unknown: Iterable[int | str], feed: Feed, cells: pa.Table) -> int:
    """How many unknown cells are in the table of cells by their hexadecimal numbers, which should be in decimal."""
    if feed.fields.cell_id.base != "hex":
        return 0
    known, field = set(cells.column("cell_id").to_pylist()), feed.fields.cell_id
    before = [field.prefix] if field.prefix else []
    own = (_numbers(cell, feed) for cell in unknown if isinstance(cell, int))
    return sum(field.separator.join([*before, *(f"{number:X}" for number in numbers)]) in known for numbers in own)


def _numbers(cell: int, feed: Feed) -> tuple[int, ...]:
    two = len(feed.fields.cell_id.from_columns) == 2
    return divmod(cell, 1 << feed_sql.CELL_PART_BITS) if two else (cell,)


def _time_fault(row: RowRead, feed: Feed, given: dict[str, str | None]) -> list[str]:
    time = feed.fields.time
    if row.time is not None:
        return []
    asked = f"a time as {time.format}" if time.format else f"a whole number ({time.kind})"
    if time.kind.startswith("timestamp"):
        return [f"{printable(time.from_column)}: is empty"]
    return [f"{printable(time.from_column)}: {shape_of(given[time.from_column])} is not {asked}"]


def _cell_faults(row: RowRead, feed: Feed, given: dict[str, str | None]) -> list[str]:
    if row.cell is not None:
        return []
    field, found = feed.fields.cell_id, []
    for column in field.from_columns:
        text = given[column]
        if not text:
            found.append(f"{printable(column)}: {shape_of(text)}, where a cell's part should be")
        elif field.base != "text" and not re.fullmatch(SPELT[field.base][1], text):
            found.append(f"{printable(column)}: {shape_of(text)} is not {SPELT[field.base][0]}")
    return found or [f"{', '.join(map(printable, field.from_columns))}: a number is too large for a cell"]


def why_whole(reason: str, path: Path, feed: Feed) -> str:
    """Why a file is set aside whole, with the columns that it lacks or has in another type."""
    if reason != "file_columns" or is_encrypted(path.name):
        return FILE_REASONS[reason]
    with open_regular(str(path)).stream as stream:
        if feed.format == "parquet":
            try:
                types = {field.name: field.type for field in pq.ParquetFile(stream).schema_arrow}
            except DAMAGE:
                return FILE_REASONS[reason]
        else:
            lines = TextLines(HashedFile(stream, path.stat().st_size), feed.compression == "gzip", "\n", 1 << 20)
            types = dict.fromkeys(header_names(lines.header(), feed), None)
    missing = [name for name in names_in_tables(feed) if name not in types]
    if missing:
        return f"it lacks {', '.join(map(printable, missing))}; correct columns and fields in the feed's contract"
    there = ", ".join(f"{printable(name)} {types[name]}" for name in names_in_tables(feed))
    return f"a column has a type that its contract does not mean; there are {there}"

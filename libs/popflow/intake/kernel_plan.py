"""What a feed's contract says as the compiled part's parameters, and which contracts it cannot serve.

Nothing here imports the compiler: whether a feed is served is asked where it may be missing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from popflow.feeds import Feed, TimeField
from popflow.intake import feed_sql

HEX_TOKEN = re.compile(r"\^\[0-9a-f\]\{(\d+)\}\$")
LONGEST_TOKEN = 32
NO_DIGIT = 255
DIRECTIVES = {"Y": (0, 4), "m": (1, 2), "d": (2, 2), "H": (3, 2), "M": (4, 2), "S": (5, 2)}  # part of a time, digits
LITERAL = 16  # what is added to a byte that must stand in a time as it is


class Plan(NamedTuple):
    """A feed in numbers. needed: places of token, time and cell parts among the fields, -1 for no second part."""

    digits: int
    value_of: np.ndarray  # of each byte as a digit of a token
    time_form: np.ndarray  # for each byte of a time in text its part, or LITERAL + the byte; empty for a number
    unit: int  # of a time in text: how many of the window's units a second has
    base: int  # of numeric cell parts; 0: cells are texts
    two_parts: bool
    prefix: str  # what stands before a cell's text in the cell table


def refusal(feed: Feed) -> str | None:
    """Why a feed is read by the engine duckdb: what of its contract the kernel cannot serve; else nothing."""
    return next((fault for fault in (_of_lines(feed), _of_token(feed), _of_time(feed), _of_cell(feed)) if fault), None)


def plan(feed: Feed) -> Plan:
    """The parameters of a feed that is not refused."""
    fields = feed.fields
    value_of = np.full(256, NO_DIGIT, np.uint8)
    for value, digit in enumerate(b"0123456789abcdef"):
        value_of[digit] = value
    cell = fields.cell_id
    return Plan(
        digits=_token_digits(feed),
        value_of=value_of,
        time_form=_time_form(fields.time),
        unit=feed_sql.UNITS_PER_SECOND.get(fields.time.kind, 1_000_000),
        base={"text": 0, "decimal": 10, "hex": 16}[cell.base],
        two_parts=len(cell.from_columns) == 2,
        prefix=f"{cell.prefix}{cell.separator}" if cell.prefix and cell.base == "text" else "",
    )


def needed(feed: Feed) -> list[str]:
    """The columns that the kernel reads, each once: token, time, parts of the cell."""
    fields = feed.fields
    return list(dict.fromkeys([fields.sim_token.from_column, fields.time.from_column, *fields.cell_id.from_columns]))


def places(feed: Feed) -> np.ndarray:
    """Places in `needed` of token, time, and the one or two parts of the cell; -1 for no second part."""
    fields, names = feed.fields, needed(feed)
    columns = [fields.sim_token.from_column, fields.time.from_column, *fields.cell_id.from_columns]
    found = [names.index(name) for name in columns]
    return np.array([*found, *[-1] * (4 - len(found))], np.int64)


def _of_lines(feed: Feed) -> str | None:
    if feed.format == "csv" and len((feed.delimiter or "").encode()) != 1:
        return "delimiter: has several bytes"
    if constant := sorted(set(needed(feed)) & set(feed.constants)):
        return f"constants: {constant[0]} is one"
    if feed.format == "jsonl" and not all(name.isascii() and name.isprintable() and not set(name) & set('"\\')
                                          for name in needed(feed)):  # fmt: skip
        return "columns: a name has characters beyond plain ASCII"
    return None


def _of_token(feed: Feed) -> str | None:
    digits = _token_digits(feed)
    if 2 <= digits <= LONGEST_TOKEN and digits % 2 == 0:
        return None
    return "fields.sim_token.pattern: is not ^[0-9a-f]{N}$ with an even N up to 32"


def _token_digits(feed: Feed) -> int:
    found = HEX_TOKEN.fullmatch(feed.fields.sim_token.pattern)
    return int(found[1]) if found else 0


def _of_time(feed: Feed) -> str | None:
    time = feed.fields.time
    if time.kind.startswith(("epoch", "timestamp")):
        return None
    form = time.format or ""
    if time.kind == "zoned_text" or re.search("%[fz]", form):
        return "fields.time.format: has fractions of a second or a zone"
    if not form.isascii() or not all(f"%{part}" in form for part in "Ymd"):
        return "fields.time.format: has characters beyond ASCII, or no whole date"
    return "fields.time.kind: is text in a Parquet file" if feed.format == "parquet" else None


def _time_form(time: TimeField) -> np.ndarray:
    form: list[int] = []
    for directive, text in re.findall("%(.)|([^%]+)", time.format or "", re.DOTALL) if "text" in time.kind else []:
        part, digits = DIRECTIVES.get(directive, (0, 0))
        form += [part] * digits if directive else [LITERAL + byte for byte in text.encode()]
    return np.array(form, np.int64)


def _of_cell(feed: Feed) -> str | None:
    cell = feed.fields.cell_id
    if len(cell.from_columns) > (1 if cell.base == "text" else 2):
        return "fields.cell_id.from: has more parts than one of text, or than two numbers"
    return None

"""DuckDB SQL of a feed: from its raw rows to classified records, by its contract alone.

`records`: (row_number, sim_token, time, cell, event) with time as a whole number in the feed's own unit and zone.
`reduced`: the one aggregate of some rows. A group's `place` is, for accepted records, day * 1,000,000 + county code (
day 0, 1 or 2: the date before the delivery's, its own, the next); for the others -1 to -4, the place in REASONS.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from popflow.dates import LOCAL
from popflow.errors import PopflowError
from popflow.feeds import Feed, TimeField
from popflow.intake import spelling
from popflow.intake.token_form import canonical_sql

REASONS = ("unparseable", "no_token", "time_outside", "unknown_cell")  # in the order in which they are tested
DAYS = (-1, 0, 1)  # of a record's date against its delivery's
DAY_PLACE = 1_000_000
SLOTS_A_DAY = 96
QUARANTINED_ROWS = 100
SAMPLE_ENDS = ("00", "40", "80", "c0", "C0")  # tokens are hashes: 1/64 of them, by their last byte
EVENT_BITS = 8
CELL_PART_BITS, CELL_AREA_BITS = 36, 27  # an NR cell identity has 36 bits, LAC and TAC 16 to 24: one long holds both
UNITS_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000}  # all other kinds come in microseconds


class Window(NamedTuple):
    """The three local dates of a delivery, in a feed's own unit and zone."""

    start: int
    slot: int

    @property
    def end(self) -> int:
        """First instant after it."""
        return self.start + len(DAYS) * SLOTS_A_DAY * self.slot


def window(time: TimeField, date: dt.date, zone_aware: bool = False) -> Window:
    """The window of a delivery's date; zone_aware: the file's timestamps are instants, whatever the contract's zone."""
    unit = UNITS_PER_SECOND.get(time.kind, 1_000_000)
    first = dt.datetime.combine(date + dt.timedelta(days=DAYS[0]), dt.time(), LOCAL)
    last = first + dt.timedelta(days=len(DAYS))
    absolute = time.kind.startswith("epoch") or time.kind == "zoned_text" or zone_aware
    zone = ZoneInfo("UTC") if absolute else ZoneInfo(time.zone)
    offsets = {moment.astimezone(zone).utcoffset() for moment in (first, last)}
    if len(offsets) > 1:
        raise PopflowError(f"fields.time.zone: clocks in {time.zone} change around {date}; a feed's time must not jump")
    offset = offsets.pop() or dt.timedelta()
    return Window(int(first.timestamp() + offset.total_seconds()) * unit, 15 * 60 * unit)


class Source(NamedTuple):
    """Where a feed's values stand: SQL of each column, of the rows, and of a time with `{}` for its column."""

    found: dict[str, str]
    rows: str
    time: str


def text_records(feed: Feed, positions: dict[str, int]) -> str:
    """Records of a text feed from rows(line, row_number); positions: place of each csv column in the file, from 1."""
    return _records(feed, text_source(feed, positions))


def text_source(feed: Feed, positions: dict[str, int]) -> Source:
    """The columns of a text feed in rows(line, row_number)."""
    columns = feed.fields.needed_columns()
    if feed.format == "jsonl":
        paths = ", ".join(quoted(_pointer(column)) for column in columns)
        fields, places = f"TRY(json_extract_string(line, [{paths}]))", {c: i + 1 for i, c in enumerate(columns)}
    else:
        line = "line" if len((feed.delimiter or "").encode()) == 1 else "rtrim(line, chr(10))"
        fields, places = f"string_split({line}, {quoted(feed.delimiter or '')})", positions
    found = {name: quoted(value) for name, value in feed.constants.items()}
    found |= {name: f"f[{place}]" for name, place in places.items() if name not in found}
    return Source(found, f"(SELECT row_number, {fields} AS f FROM rows)", _time_of_text(feed.fields.time))


def _pointer(column: str) -> str:
    """A JSON pointer; as the other kind of path a name with a quote could not be written."""
    return "/" + column.replace("~", "~0").replace("/", "~1")


def column_records(feed: Feed, columns: dict[str, str]) -> str:
    """Records from rows(row_number, the feed's columns); columns: the name of each in rows."""
    return _records(feed, column_source(feed, columns))


def column_source(feed: Feed, columns: dict[str, str]) -> Source:
    """The columns of a Parquet feed in rows(row_number, the feed's columns); columns: the name of each in rows."""
    found = {name: quoted(value) for name, value in feed.constants.items()}
    found |= {name: identifier(column) for name, column in columns.items() if name not in found}
    time = "{}" if feed.fields.time.kind.startswith("timestamp") else _time_of_text(feed.fields.time)
    return Source(found, "rows", time)


def written(feed: Feed, source: Source) -> str:
    """Needed columns as they are written: row_number, and texts w0, w1, ... in the order of `needed_columns`."""
    columns = enumerate(feed.fields.needed_columns())
    texts = ", ".join(f"CAST({source.found[name]} AS VARCHAR) AS w{place}" for place, name in columns)
    return f"SELECT row_number, {texts} FROM {source.rows}"


def _records(feed: Feed, source: Source) -> str:
    found, fields = source.found, feed.fields
    event = found[fields.event.from_column] if fields.event else "NULL"
    token = canonical_sql(fields.sim_token.pattern, f"CAST({found[fields.sim_token.from_column]} AS VARCHAR)")
    return f"""
        SELECT row_number, {token} AS sim_token,
            {source.time.format(found[fields.time.from_column])} AS time,
            {_cell(feed, [found[column] for column in fields.cell_id.from_columns])} AS cell,
            CAST({event} AS VARCHAR) AS event
        FROM {source.rows}"""


def _time_of_text(time: TimeField) -> str:
    if time.kind.startswith("epoch"):
        return number("{0}")
    form = time.format or ""
    text = "regexp_replace({0}, 'Z$', '+00')" if time.kind == "zoned_text" else "{0}"
    # try_strptime by itself takes blanks and missing digits.
    pattern = quoted(spelling.time_pattern(form)).replace("{", "{{").replace("}", "}}")
    parsed = f"epoch_us(try_strptime({text}, {quoted(form).replace('{', '{{').replace('}', '}}')}))"
    return f"CASE WHEN regexp_full_match({{0}}, {pattern}) THEN {parsed} END"


def cell_key_is_number(feed: Feed) -> bool:
    """Whether cells are joined by number: numeric parts that fit one long."""
    return feed.fields.cell_id.base != "text" and len(feed.fields.cell_id.from_columns) <= 2


def _cell(feed: Feed, parts: list[str]) -> str:
    if feed.fields.cell_id.base == "text":
        return cell_text(feed, [f"NULLIF(CAST({part} AS VARCHAR), '')" for part in parts])
    numbers = [number(part, hexadecimal=feed.fields.cell_id.base == "hex") for part in parts]
    if not cell_key_is_number(feed):
        return cell_text(feed, [f"CAST({number} AS VARCHAR)" for number in numbers])
    return cell_number(numbers)


def cell_text(feed: Feed, parts: list[str]) -> str:
    """Canonical text of a cell id; null where a part is."""
    prefix = [quoted(feed.fields.cell_id.prefix)] if feed.fields.cell_id.prefix else []
    return f" || {quoted(feed.fields.cell_id.separator)} || ".join([*prefix, *parts])


def cell_number(numbers: list[str]) -> str:
    """One long from one or two numbers; the area's (LAC, TAC) takes the upper bits."""
    if len(numbers) == 1:
        return numbers[0]
    area, part = numbers
    fits = f"{area} BETWEEN 0 AND {(1 << CELL_AREA_BITS) - 1} AND {part} BETWEEN 0 AND {(1 << CELL_PART_BITS) - 1}"
    return f"CASE WHEN {fits} THEN {area} * {1 << CELL_PART_BITS} + {part} END"


def number(text: str, *, hexadecimal: bool = False) -> str:
    """The number that a SQL text spells, null where it spells none or one beyond a long."""
    if hexadecimal:
        spelt, read = spelling.HEX_DIGITS, f"'0x0' || ltrim({text}, '0')"
    else:
        spelt, read = spelling.DIGITS, text
    return f"CASE WHEN regexp_full_match({text}, '{spelt}') THEN TRY_CAST({read} AS BIGINT) END"


def reduced(feed: Feed, records: str, frame: Window, check_tokens: bool) -> str:
    """The one aggregate of some rows: place, sim_token, detail -> records, slots_lo, slots_hi.

    detail: of a rejected record, its row number; of an accepted one in the sample, the upper bits of a hash of its cell
    and time above the number of its event kind; else null. Without check_tokens an accepted token only has its length
    right: whoever calls checks the form of the few that are left (a pattern a record takes a seventh of the time).
    """
    ends = ", ".join(quoted(end) for end in SAMPLE_ENDS)
    last = " OR ".join(f"suffix(sim_token, {quoted(end)})" for end in sorted({end[-1] for end in SAMPLE_ENDS}))
    return f"""
        WITH placed AS ({placed(feed, records, frame, check_tokens)}),
        detailed AS (
            SELECT place, slot, CASE WHEN place > 0 THEN sim_token END AS sim_token,
                CASE WHEN place < 0 THEN CAST(row_number AS UBIGINT)
                    WHEN {last} THEN CASE WHEN right(sim_token, 2) IN ({ends})
                        THEN (hash(cell, time) >> {EVENT_BITS} << {EVENT_BITS}) + {_event_number(feed)} END
                    END AS detail
            FROM placed)
        SELECT place, sim_token, detail, count(*) AS records,
            bit_or(CASE WHEN slot < 48 THEN 1::BIGINT << slot ELSE 0 END) AS slots_lo,
            bit_or(CASE WHEN slot >= 48 THEN 1::BIGINT << (slot - 48) ELSE 0 END) AS slots_hi
        FROM detailed GROUP BY place, sim_token, detail"""


def placed(feed: Feed, records: str, frame: Window, check_tokens: bool) -> str:
    """Records with their place, and the slot of their day; check_tokens: as `reduced` has it."""
    pattern = feed.fields.sim_token.pattern
    form = f"regexp_full_match(sim_token, {quoted(pattern)})"
    present = form if check_tokens else _token_length(pattern)
    return f"""
        WITH records AS ({records}),
        timed AS (
            SELECT *, CASE WHEN time >= {frame.start} AND time < {frame.end}
                THEN CAST((time - {frame.start}) // {frame.slot} AS INTEGER) END AS quarter
            FROM records)
        SELECT row_number, sim_token, time, timed.cell, event, quarter % {SLOTS_A_DAY} AS slot,
            CASE WHEN time IS NULL OR timed.cell IS NULL THEN -1
                WHEN NOT coalesce({present}, false) THEN -2
                WHEN quarter IS NULL THEN CASE WHEN {form} THEN -3 ELSE -2 END
                ELSE coalesce(
                    CASE quarter // {SLOTS_A_DAY} WHEN 0 THEN day_0
                        WHEN 1 THEN {DAY_PLACE} + day_1 ELSE {2 * DAY_PLACE} + day_2 END,
                    CASE WHEN {form} THEN -4 ELSE -2 END) END AS place
        FROM timed LEFT JOIN cells ON cells.cell = timed.cell"""


def _token_length(pattern: str) -> str:
    fixed = re.fullmatch(r"\^\[[^\]]+\]\{(\d+)\}\$", pattern)
    return f"strlen(sim_token) = {fixed[1]}" if fixed else "sim_token <> ''"


def event_kinds(feed: Feed) -> list[str]:
    """Names of event kinds, in the order of their numbers; the last is any other kind."""
    kinds = feed.fields.event.kinds if feed.fields.event else {}
    return [*sorted(set(kinds.values())), "other"]


def _event_number(feed: Feed) -> str:
    numbers = {kind: number for number, kind in enumerate(event_kinds(feed))}
    kinds = feed.fields.event.kinds if feed.fields.event else {}
    cases = " ".join(f"WHEN {quoted(event)} THEN {numbers[kind]}" for event, kind in kinds.items())
    return f"CAST(CASE event {cases} ELSE {numbers['other']} END AS UBIGINT)" if cases else str(numbers["other"])


def quoted(text: str) -> str:
    """A SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL name."""
    return '"' + name.replace('"', '""') + '"'

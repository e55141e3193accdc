"""Records in the three formats of the landing contracts.

mobile: pipe-separated text with CRLF and local time; unicom: Parquet with UTC microseconds; telecom: JSON lines with
epoch milliseconds. Text is built column by column with Arrow's string kernels, a line a record, without a Python loop.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popflow.dates import LOCAL
from popflow.synthetic.cells import PREFIXES, UNKNOWN_CELLS, Cells
from popflow.synthetic.people import MNOS, Sims
from popflow.synthetic.places import Ints
from popflow.synthetic.randomness import Stream
from popflow.synthetic.records import BROKEN_TIME, DAY_SECONDS, MISSING_TOKEN, WRONG_CLOCK_DAYS, Records

EVENTS = (
    ("0", "1", "2", "3", "4", "5"),
    ("attach", "detach", "update", "call", "sms", "data"),
    ("A", "D", "U", "C", "S", "P"),
)
REMARKS = ("", "cmnet", "cmwap", "3gnet/4.0", "Mozilla/5.0 (Linux; Android 9)", "VoLTE", "ims", "微信")
BROKEN_REMARKS = ("zh|CN", "http://m.example.cn/?a=1|b=2", "a||b", "Mozilla/5.0 (Linux|Android 9)|zh-CN|4G")
BROKEN_TIME_TEXT = "37:05.0"  # what a spreadsheet leaves of a time
OTHER_DATES = (-WRONG_CLOCK_DAYS, -1, 0, 1)  # days from the file's date that a record's time can lie on


class Lines(Protocol):
    """Turns records into lines of text."""

    def of(self, records: Records, sims: Sims, draw: Stream) -> pa.Array:
        """One string a record, line end included."""


class MobileLines:
    """token|yyyyMMddHHmmss|lac|ci|event|remark, CRLF; the remark is free text that may hold the delimiter."""

    def __init__(self, cells: Cells, date: dt.date, free_text: float) -> None:
        self.free_text = free_text
        self.times = LocalTimes(date)
        self.cells = _mobile_cells(cells)
        remarks = REMARKS + BROKEN_REMARKS
        self.tails = pa.array([f"{event}|{remark}\r\n" for event in EVENTS[0] for remark in remarks])

    def of(self, records: Records, sims: Sims, draw: Stream) -> pa.Array:
        """One string a record, line end included."""
        broken = draw.random(len(records)) < self.free_text
        plain = draw.integers(0, len(REMARKS), len(records))
        remark = np.where(broken, len(REMARKS) + plain % len(BROKEN_REMARKS), plain)
        tail = self.tails.take(pa.array(records.event * (len(REMARKS) + len(BROKEN_REMARKS)) + remark))
        tokens = _concatenated(sims.token, "|").take(pa.array(records.sim))
        tokens = _replaced(tokens, records.damage == MISSING_TOKEN, "|")
        times = _replaced(self.times.of(records.second), records.damage == BROKEN_TIME, BROKEN_TIME_TEXT)
        return _concatenated(tokens, times, self.cells.take(pa.array(records.cell)), tail)


class TelecomLines:
    """{"sim":..., "ts": epoch milliseconds, "cell":..., "evt":...}."""

    def __init__(self, cells: Cells, date: dt.date) -> None:
        self.midnight_s = midnight_s(date)
        self.cells = _concatenated(',"cell":"', _all_ids(cells), '","evt":"')
        self.events = pa.array([f'{event}"}}\n' for event in EVENTS[2]])

    def of(self, records: Records, sims: Sims, draw: Stream) -> pa.Array:
        """One string a record, line end included."""
        tokens = _concatenated('{"sim":"', sims.token, '","ts":').take(pa.array(records.sim))
        tokens = _replaced(tokens, records.damage == MISSING_TOKEN, '{"sim":"","ts":')
        milliseconds = (self.midnight_s + records.second) * 1000 + (records.cell * 7 + records.second * 13) % 1000
        times = _replaced(pc.cast(pa.array(milliseconds), pa.string()), records.damage == BROKEN_TIME, "null")
        cells, events = self.cells.take(pa.array(records.cell)), self.events.take(pa.array(records.event))
        return _concatenated(tokens, times, cells, events)


class UnicomRows:
    """sim, event_time_utc, cgi, event as a table."""

    SCHEMA = pa.schema(
        [
            ("sim", pa.string()),
            ("event_time_utc", pa.timestamp("us", tz="UTC")),
            ("cgi", pa.string()),
            ("event", pa.string()),
        ]
    )

    def __init__(self, cells: Cells, date: dt.date) -> None:
        self.midnight_s = midnight_s(date)
        self.cells = _all_ids(cells)
        self.events = pa.array(EVENTS[1])

    def of(self, records: Records, sims: Sims, draw: Stream) -> pa.Table:
        """One row a record."""
        tokens = sims.token.take(pa.array(records.sim, mask=records.damage == MISSING_TOKEN))
        fraction = (records.cell * 7919 + records.second * 104729) % 1_000_000
        microseconds = (self.midnight_s + records.second) * 1_000_000 + fraction
        times = pa.array(microseconds, pa.timestamp("us", tz="UTC"), mask=records.damage == BROKEN_TIME)
        cells, events = self.cells.take(pa.array(records.cell)), self.events.take(pa.array(records.event))
        return pa.table([tokens, times, cells, events], schema=self.SCHEMA)


class LocalTimes:
    """yyyyMMddHHmmss of seconds of a date, by a table of all seconds of the dates that occur."""

    def __init__(self, date: dt.date) -> None:
        dates = [f"{date + dt.timedelta(days=days):%Y%m%d}" for days in OTHER_DATES]
        self.texts = pa.concat_arrays([_concatenated(text, seconds_of_day()) for text in dates])

    def of(self, second: Ints) -> pa.Array:
        """One text a second."""
        place = np.searchsorted(OTHER_DATES, second // DAY_SECONDS)
        return self.texts.take(pa.array(place * DAY_SECONDS + second % DAY_SECONDS))


@functools.cache
def seconds_of_day() -> pa.Array:
    """HHmmss of each second of a day."""
    return pa.array([f"{s // 3600:02}{s // 60 % 60:02}{s % 60:02}" for s in range(DAY_SECONDS)])


def midnight_s(date: dt.date) -> int:
    """Epoch seconds of the start of a date in China."""
    return int(dt.datetime.combine(date, dt.time(), LOCAL).timestamp())


def text_of(lines: pa.Array) -> memoryview:
    """The bytes of an array of strings, one after the other."""
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]]


@functools.lru_cache(maxsize=2)
def _all_ids(cells: Cells) -> pa.Array:
    """Cell ids, those that no table has ever held last."""
    unknown = [f"{prefix}-65534-{i}" for prefix in PREFIXES for i in range(UNKNOWN_CELLS)]
    return pa.array([*cells.ids.tolist(), *unknown])


@functools.lru_cache(maxsize=2)
def _mobile_cells(cells: Cells) -> pa.Array:
    """Area code and cell number of the same, between delimiters."""
    own = [f"|{lac}|{ci}|" for lac, ci in zip(cells.lac, cells.ci, strict=True)]
    return pa.array(own + [f"|65534|{i % UNKNOWN_CELLS}|" for i in range(len(MNOS) * UNKNOWN_CELLS)])


def _replaced(texts: pa.Array, where: NDArray[np.bool_], text: str) -> pa.Array:
    return pc.if_else(pa.array(where), text, texts) if where.any() else texts


def _concatenated(*columns: pa.Array | pa.Scalar | str) -> pa.Array:
    return pc.binary_join_element_wise(*columns, "")

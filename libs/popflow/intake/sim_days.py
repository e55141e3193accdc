"""A table of SIM-days that grows to a limit: the compiled part's table, its rows in and out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from popflow.intake import kernel_table
from popflow.intake.feed_sql import DAYS

SMALLEST = 1 << 12  # rows that there is room for
GROWTH = 4
ROW_WORDS = 4


class SimDays:
    """Slots of each SIM, date and county; words and state are the compiled part's (`kernel_table`).

    most: rows from which on it grows no more. At most half its room is taken: searches stay short.
    """

    def __init__(self, most: int) -> None:
        self._most = max(most, 1)
        self.words = np.zeros(SMALLEST * ROW_WORDS, np.uint64)
        self.state = np.zeros(4, np.int64)

    def __len__(self) -> int:
        return int(self.state[kernel_table.ENTRIES])

    @property
    def limit(self) -> int:
        """Rows from which on it is full."""
        return min(len(self.words) // ROW_WORDS // 2, self._most)

    def grow(self) -> bool:
        """Make more room; false where it may not."""
        if self.limit == self._most:
            return False
        larger = np.zeros(len(self.words) * GROWTH, np.uint64)
        kernel_table.regrown(self.words, larger)
        self.words = larger
        return True

    def clear(self) -> None:
        """Forget all rows."""
        self.words[:] = 0
        self.state[kernel_table.ENTRIES] = 0

    def presence(self, digits: int, codes: np.ndarray, date: dt.date) -> pa.Table:
        """Its rows: event_date, sim_token of so many digits, county_code, slots_lo, slots_hi.

        codes: the counties' by their places. date: the delivery's.
        """
        rows = len(self)
        tokens, places = np.empty(rows * digits, np.uint8), np.empty(rows, np.int64)
        low, high = np.empty(rows, np.int64), np.empty(rows, np.int64)
        kernel_table.rows_out(self.words, digits, tokens, places, low, high)
        first = (date + dt.timedelta(days=DAYS[0]) - dt.date(1970, 1, 1)).days
        days = (first + (places >> kernel_table.DAY_BITS)).astype(np.int32)
        counties = pa.array([f"{code:06}" for code in codes.tolist()], pa.string())
        county = pa.array((places & ((1 << kernel_table.DAY_BITS) - 1)).astype(np.int32))
        ends = pa.py_buffer(np.arange(0, (rows + 1) * digits, digits, dtype=np.int64))
        sims = pa.LargeStringArray.from_buffers(rows, ends, pa.py_buffer(tokens))
        return pa.table({"event_date": pa.array(days).cast(pa.date32()), "sim_token": sims,
                         "county_code": counties.take(county), "slots_lo": low, "slots_hi": high})  # fmt: skip

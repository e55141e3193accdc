"""What is counted of one file, batch by batch, in memory that does not grow with its rows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any, NamedTuple

import duckdb
import numpy as np

from popflow.feeds import Feed
from popflow.intake import feed_sql
from popflow.intake.file_checks import WholeFile

SAMPLE_HELD = 1 << 23  # different records of the sample; a file of half a billion has no more, if its tokens are hashes


class Tally(NamedTuple):
    """One count of one file."""

    file: str
    reason: str
    records: int
    event_date: dt.date | None = None


class FileCounts:
    """Counts of one file over its batches, each an aggregate `found` of popflow.intake.feed_sql.reduced."""

    def __init__(self, feed: Feed) -> None:
        self._kinds = feed_sql.event_kinds(feed)
        self.rows = 0
        self.refused: Counter[str] = Counter()
        self._first_rows: dict[str, list[int]] = {}
        self._days: dict[int, tuple[int, int]] = {}  # records, slots
        self._sampled: Counter[str] = Counter()
        self._different = [np.empty(0, np.uint64)]

    def add(self, db: duckdb.DuckDBPyConnection, rows: int) -> None:
        """Count a batch of so many rows, whose aggregate is the table `found`."""
        self.rows += rows
        self._add_refused(db)
        self._add_days(db)
        self._add_sample(db)

    def add_days(self, days: np.ndarray) -> None:
        """Count records that were accepted without an aggregate: of each day their number, and slots of its halves."""
        for day, (records, low, high) in enumerate(days.tolist()):
            if records:
                self.rows += records
                self._add_day(day, records, low, high)

    def accounted(self) -> int:
        """Records that were accepted or refused."""
        return sum(self.refused.values()) + sum(records for records, _ in self._days.values())

    def tallies(self, file: str, date: dt.date) -> list[Tally]:
        """Every count as a row of `tallies`; date: the delivery's."""
        tallies = [Tally(file, "rows", self.rows)]
        tallies += [Tally(file, reason, self.refused[reason]) for reason in feed_sql.REASONS if self.refused[reason]]
        for day, (records, slots) in sorted(self._days.items()):
            local = date + dt.timedelta(days=feed_sql.DAYS[day])
            tallies += [
                Tally(file, "accepted", records, local),
                Tally(file, "first_hour", ((slots & -slots).bit_length() - 1) // 4, local),
                Tally(file, "last_hour", (slots.bit_length() - 1) // 4, local),
            ]
        sampled, different = self._sampled.total(), len(self._merged())
        tallies += [Tally(file, "sampled", sampled), Tally(file, "sampled_duplicates", sampled - different)]
        return tallies + [Tally(file, f"sampled_{kind}", count) for kind, count in sorted(self._sampled.items())]

    def first_rows(self) -> list[tuple[str, int]]:
        """The first rows of each reason: reason, number."""
        return [(reason, row) for reason in feed_sql.REASONS for row in self._first_rows.get(reason, [])]

    def _add_refused(self, db: duckdb.DuckDBPyConnection) -> None:
        for place, records, first in _all(
            db,
            f"""
            SELECT place, sum(records)::BIGINT, min(CAST(detail AS BIGINT), {feed_sql.QUARANTINED_ROWS})
            FROM found WHERE place < 0 GROUP BY place""",
        ):
            reason = feed_sql.REASONS[-place - 1]
            self.refused[reason] += records
            known = sorted([*self._first_rows.get(reason, []), *first])
            self._first_rows[reason] = known[: feed_sql.QUARANTINED_ROWS]

    def _add_days(self, db: duckdb.DuckDBPyConnection) -> None:
        for day, records, low, high in _all(
            db,
            f"""
            SELECT place // {feed_sql.DAY_PLACE} AS day, sum(records)::BIGINT, bit_or(slots_lo), bit_or(slots_hi)
            FROM found WHERE place > 0 GROUP BY day""",
        ):
            self._add_day(day, records, low, high)

    def _add_day(self, day: int, records: int, low: int, high: int) -> None:
        before, slots = self._days.get(day, (0, 0))
        self._days[day] = (before + records, slots | low | high << 48)

    def _add_sample(self, db: duckdb.DuckDBPyConnection) -> None:
        sample = "FROM found WHERE place > 0 AND detail IS NOT NULL"
        for number, records in _all(
            db,
            f"""
            SELECT detail & {(1 << feed_sql.EVENT_BITS) - 1} AS kind, sum(records)::BIGINT {sample} GROUP BY kind""",
        ):
            self._sampled[self._kinds[number]] += records
        record = f"hash(sim_token, detail >> {feed_sql.EVENT_BITS})"
        different = db.execute(f"SELECT DISTINCT {record} AS record {sample}").fetchnumpy()["record"]
        self._different.append(np.asarray(different, np.uint64))
        if sum(map(len, self._different)) > SAMPLE_HELD and len(self._merged()) > SAMPLE_HELD // 2:
            raise WholeFile("file_memory")  # its tokens are not hashes: most of them are in the sample

    def _merged(self) -> np.ndarray:
        self._different = [np.unique(np.concatenate(self._different))]
        return self._different[0]


def _all(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query).fetchall()

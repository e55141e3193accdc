"""Tallies and quarantine of the plain Spark SQL path: counted by Spark, gathered in the driver, a few rows a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from popflow.feeds import Feed
from popflow.intake.feed_sql import QUARANTINED_ROWS
from popflow.intake.packing import Pack
from popflow.intake.reduction import MISFIT_SHARE
from popflow.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FileKey = tuple[str, str, str]
FILE_KEY = ("mno", "delivery_id", "file")


class Tallied:
    """Rows of tallies and quarantine, file by file."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def set_aside_whole(self, rows: DataFrame, packs: Sequence[Pack]) -> set[FileKey]:
        """Count the files that were set aside while they were read; rows: see popflow.intake.spark_rows."""
        told = _told(packs)
        found = rows.where("verdict <> ''").select(*FILE_KEY, "verdict").collect()
        whole = {(row["mno"], row["delivery_id"], row["file"]): row["verdict"] for row in found}
        for key, reason in whole.items():
            self._set_aside(key, told[key], reason)
        return set(whole)

    def add(self, placed: DataFrame, feed: Feed, packs: Sequence[Pack], whole: set[FileKey]) -> set[FileKey]:
        """Count one MNO's classified records; the files that do not fit their contract are set aside and returned.

        whole: files that are set aside already.
        """
        rows = {key: told for key, told in _told(packs).items() if key not in whole}
        counts = _counts(placed)
        misfits = {key for key, total in rows.items() if counts.get((key, "unparseable"), 0) > MISFIT_SHARE * total}
        for key in misfits:
            self._set_aside(key, rows[key], "file_misfit")
        for key in set(rows) - misfits:
            self._tally(key, "rows", rows[key])
        for (key, reason), records in counts.items():
            if key not in misfits:
                self._tally(key, reason, records)
        for key, date, records, first, last in _accepted(placed):
            if key not in misfits:
                for reason, count in (("accepted", records), ("first_hour", first), ("last_hour", last)):
                    self._tally(key, reason, count, date)
        for key, reason, count in _sampled(placed, feed, set(rows)):
            if key not in misfits:
                self._tally(key, reason, count)
        for key, reason, row in _first_rows(placed):
            if key not in misfits:
                self._row(key, "quarantine", reason=reason, row_number=row)
        return misfits

    def rows(self, contract: Table) -> list[tuple]:
        """In the order of the contract's columns."""
        return [tuple(row.get(column) for column in contract.columns) for row in self._rows]

    def _set_aside(self, key: FileKey, rows: int, reason: str) -> None:
        self._tally(key, "rows", rows)
        self._tally(key, reason, rows)
        self._row(key, "quarantine", reason=reason)

    def _tally(self, key: FileKey, reason: str, records: int, date: Any = None) -> None:
        self._row(key, "tallies", reason=reason, records=records, event_date=date)

    def _row(self, key: FileKey, kind: str, **values: Any) -> None:
        self._rows.append(dict(zip(FILE_KEY, key, strict=True)) | {"kind": kind} | values)


def _told(packs: Sequence[Pack]) -> dict[FileKey, int]:
    """Rows of each file by its manifest."""
    return {(pack.mno, pack.delivery_id, file.name): file.rows for pack in packs for file in pack.files}


def _counts(placed: DataFrame) -> dict[tuple[FileKey, str], int]:
    found = placed.where("reason IS NOT NULL").groupBy(*FILE_KEY, "reason").count().collect()
    return {((r["mno"], r["delivery_id"], r["file"]), r["reason"]): r["count"] for r in found}


def _accepted(placed: DataFrame) -> list[tuple]:
    from pyspark.sql import functions as F

    counted = placed.where("reason IS NULL").groupBy(*FILE_KEY, "event_date")
    found = counted.agg(F.count(F.lit(1)).alias("n"), F.min("slot").alias("first"), F.max("slot").alias("last"))
    return [(tuple(r[c] for c in FILE_KEY), r["event_date"], r["n"], r["first"] // 4, r["last"] // 4)
            for r in found.collect()]  # fmt: skip


def _sampled(placed: DataFrame, feed: Feed, files: set[FileKey]) -> list[tuple[FileKey, str, int]]:
    from pyspark.sql import functions as F

    sample = placed.where("reason IS NULL AND sampled")
    found = sample.groupBy(*FILE_KEY, "event").agg(F.count(F.lit(1)).alias("n")).collect()
    different = sample.select(*FILE_KEY, "sim_token", "cell", "time").distinct().groupBy(*FILE_KEY).count().collect()
    unique = {tuple(r[c] for c in FILE_KEY): r["count"] for r in different}
    kinds = feed.fields.event.kinds if feed.fields.event else {}
    total: dict[FileKey, int] = dict.fromkeys(files, 0)
    by_kind: dict[tuple[FileKey, str], int] = {}
    for row in found:
        key = (row["mno"], row["delivery_id"], row["file"])
        kind = (key, f"sampled_{kinds.get(row['event'], 'other')}")
        total[key] += row["n"]
        by_kind[kind] = by_kind.get(kind, 0) + row["n"]
    tallies = [(key, "sampled", count) for key, count in total.items()]
    tallies += [(key, "sampled_duplicates", count - unique.get(key, 0)) for key, count in total.items()]
    return tallies + [(key, reason, count) for (key, reason), count in by_kind.items()]


def _first_rows(placed: DataFrame) -> list[tuple[FileKey, str, int]]:
    """The first rows of each file and reason."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_row = Window.partitionBy(*FILE_KEY, "reason").orderBy("row_number")
    ranked = placed.where("reason IS NOT NULL").withColumn("rank", F.row_number().over(by_row))
    found = ranked.where(F.col("rank") <= QUARANTINED_ROWS).select(*FILE_KEY, "reason", "row_number").collect()
    return [((r["mno"], r["delivery_id"], r["file"]), r["reason"], r["row_number"]) for r in found]

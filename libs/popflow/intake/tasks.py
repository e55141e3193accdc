"""The reduction in Spark: one row per pack through mapInArrow, and the SIM-days that meet only after it, combined."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from popflow.feeds import Feed
from popflow.intake.packing import Pack, PackFile
from popflow.intake.reduction import FileEngine, Limits, reduce_pack
from popflow.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KEYS = ("mno", "delivery_id", "kind", "event_date", "sim_token", "county_code", "file", "reason", "row_number")


class PackTask:
    """What runs in a task: packs in, batches of the contract `intake` out."""

    def __init__(
        self, feeds: Mapping[str, Feed], cells: Mapping[str, str], contract: Table, limits: Limits, engine: FileEngine
    ) -> None:
        self._feeds, self._cells, self._contract, self._limits = dict(feeds), dict(cells), contract, limits
        self._engine = engine

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Reduce the packs, one after the other."""
        schema = self._contract.arrow_schema()
        for batch in batches:
            for text in batch.column("files").to_pylist():
                pack = unpacked(text)
                feed, cells = self._feeds[pack.mno], self._cells[pack.mno]
                yield from reduce_pack(pack, feed, cells, schema, self._limits, self._engine)


def reduced(spark: SparkSession, packs: Sequence[Pack], task: PackTask, contract: Table) -> DataFrame:
    """Rows of the contract `intake`, one task a pack; a SIM, county and date still comes once per pack."""
    from pyspark.sql import functions as F

    if not packs:
        return spark.createDataFrame([], contract.spark_schema())
    rows = [(number, packed(pack)) for number, pack in enumerate(packs)]
    frame = spark.createDataFrame(rows, "pack int, files string")
    # By id: repartition by hash leaves half the tasks empty and doubles others.
    return frame.repartitionById(len(rows), F.col("pack")).mapInArrow(task, contract.spark_schema())


def combined(frame: DataFrame) -> DataFrame:
    """One row per key: slots of packs that saw the same SIM in the same county on the same date are ORed.

    Shuffled by delivery, kind and SIM: what is of no SIM, tallies and quarantine, comes to one task a delivery, and so
    to one file, where else each task would write a nearly empty one.
    """
    from pyspark.sql import functions as F

    return (
        frame.repartition("mno", "delivery_id", "kind", "sim_token")
        .groupBy(*KEYS)
        .agg(
            F.bit_or("slots_lo").alias("slots_lo"),
            F.bit_or("slots_hi").alias("slots_hi"),
            F.sum("records").alias("records"),
        )
    )


def packed(pack: Pack) -> str:
    """A pack as a row's text."""
    return json.dumps([pack.mno, pack.delivery_id, pack.delivery_date.isoformat(), pack.files])


def unpacked(text: str) -> Pack:
    """The pack of a row."""
    mno, delivery_id, date, files = json.loads(text)
    return Pack(mno, delivery_id, dt.date.fromisoformat(date), [PackFile(*file) for file in files])

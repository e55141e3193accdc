"""Presence of a date: the bitmaps of all deliveries, ORed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from popflow.intake.feed_sql import DAYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from popflow.lake import Lake


def presence_of(lake: Lake, date: dt.date, mnos: Sequence[str]) -> DataFrame:
    """One row per SIM and county on a local date: mno, sim_token, county_code, slots_lo, slots_hi.

    Over all deliveries of these MNOs that are taken in, late ones too; one whose intake did not end counts for nothing.
    """
    from pyspark.sql import functions as F

    near = [date - dt.timedelta(days=days) for days in DAYS]  # deliveries of other dates hold no record of this one
    taken = lake.read("deliveries", status="accepted", mno=list(mnos), delivery_date=near)
    taken = taken.select("mno", "delivery_id").distinct()
    seen = lake.read("presence", event_date=date).join(F.broadcast(taken), ["mno", "delivery_id"], "left_semi")
    # Shuffled by SIM once: the register is joined, and a SIM's counties are put together, where they already are.
    return (
        seen.repartition("mno", "sim_token")
        .groupBy("mno", "sim_token", "county_code")
        .agg(F.bit_or("slots_lo").alias("slots_lo"), F.bit_or("slots_hi").alias("slots_hi"))
    )

"""Presence of a date: the bitmaps of all deliveries, ORed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from popflow.lake import Lake


def presence_of(lake: Lake, date: dt.date) -> DataFrame:
    """One row per SIM and county on a local date: mno, sim_token, county_code, slots_lo, slots_hi.

    Over all deliveries that are taken in, late ones too; one whose intake did not end counts for nothing.
    """
    from pyspark.sql import functions as F

    taken = lake.read("deliveries").where(F.col("status") == "accepted").select("mno", "delivery_id").distinct()
    seen = lake.read("presence", event_date=date).join(F.broadcast(taken), ["mno", "delivery_id"], "left_semi")
    return seen.groupBy("mno", "sim_token", "county_code").agg(
        F.bit_or("slots_lo").alias("slots_lo"), F.bit_or("slots_hi").alias("slots_hi")
    )

"""How active each MNO was, by prefecture and hour: one pass over presence, kept for the trailing norms."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SLOTS_AN_HOUR = 4
ROUGH = 0.02  # relative error of the count of SIMs


def activity(presence: DataFrame, date: dt.date) -> DataFrame:
    """SIMs by MNO and prefecture, and rows of presence by hour.

    In: rows of the contract `presence` of one event date. Out: the contract `activity`.
    """
    from pyspark.sql import functions as F

    prefecture = F.concat(F.substring("county_code", 1, 4), F.lit("00"))
    grouped = presence.groupBy("mno", prefecture.alias("prefecture_code")).agg(
        F.approx_count_distinct("sim_token", ROUGH).alias("sims"),
        F.array(*(F.sum(_seen_in(hour).cast("bigint")) for hour in range(24))).alias("sims_by_hour"),
    )
    return grouped.withColumn("date", F.lit(date))


def _seen_in(hour: int) -> Column:
    from pyspark.sql import functions as F

    slots, first = ("slots_lo", hour) if hour < 12 else ("slots_hi", hour - 12)
    mask = ((1 << SLOTS_AN_HOUR) - 1) << (SLOTS_AN_HOUR * first)
    return F.col(slots).bitwiseAND(F.lit(mask)) != 0

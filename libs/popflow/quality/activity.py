"""How active each MNO was, by prefecture and hour: counted over presence, kept for the trailing norms."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import HOURS_A_DAY, SLOTS_A_WORD, SLOTS_AN_HOUR
from popflow.movement.places import prefecture

HOURS_A_WORD = SLOTS_A_WORD // SLOTS_AN_HOUR
CODES = 1_000_000  # GB/T 2260 codes are smaller


def activity(presence: DataFrame, date: dt.date) -> DataFrame:
    """SIMs by MNO and prefecture, all and by hour; each SIM once, where it was seen most.

    A journey must not count in each prefecture that it passes: when journeys end, as on 24 January 2020, an MNO whose
    SIMs are all there would look thin.
    In: rows of the contract `presence` of one event date. Out: the contract `activity`.
    """
    words = [F.bit_or(word).alias(word) for word in ("slots_lo", "slots_hi")]
    sims = presence.groupBy("mno", "sim_token").agg(F.max(_slots_and_place()).alias("most"), *words)
    place = (CODES - F.col("most") % CODES).cast("string").alias("prefecture_code")
    by_hour = F.array(*(F.count_if(_seen_in(hour)) for hour in range(HOURS_A_DAY)))
    counts = sims.groupBy("mno", place).agg(F.count(F.lit(1)).alias("sims"), by_hour.alias("sims_by_hour"))
    return counts.withColumn("date", F.lit(date))


def _slots_and_place() -> Column:
    """Slots in the row's county, then its prefecture, the smaller the greater: one number, so that Spark can hash."""
    slots = F.bit_count("slots_lo") + F.bit_count("slots_hi")
    return slots.cast("bigint") * CODES + (CODES - prefecture(F.col("county_code")).cast("int"))


def _seen_in(hour: int) -> Column:
    slots, first = ("slots_lo", hour) if hour < HOURS_A_WORD else ("slots_hi", hour - HOURS_A_WORD)
    mask = ((1 << SLOTS_AN_HOUR) - 1) << (SLOTS_AN_HOUR * first)
    return F.col(slots).bitwiseAND(F.lit(mask)) != 0

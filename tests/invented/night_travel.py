"""The functions of two invented indicators: late departures, in a chain, and silent persons, in hundreds."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from popflow.movement.headcounts import MNOs, headcounts


def late_departures(state: DataFrame) -> DataFrame:
    """Persons by county of the day end, where they stayed since yesterday, and of their last observation."""
    stayed = state.where((F.col("origin_county") == F.col("day_end_county")) & F.col("trailing_county").isNotNull())
    ends = F.col("day_end_county").alias("origin_county"), F.col("trailing_county").alias("destination_county")
    return stayed.select(F.col("as_of").alias("date"), "person_key", *ends, "registered", "mno_mask")


def silent_persons(days: DataFrame, states: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons who were not seen on the date, by the county in which their last day ended."""
    silent = states.where(F.col("last_seen") < F.col("as_of"))
    place = F.col("as_of").alias("date"), F.col("day_end_county").alias("county_code"), F.lit("silent").alias("part")
    return silent.groupBy(*place).agg(*headcounts(mnos))

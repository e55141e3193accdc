"""The one function of an invented indicator: who ended the day at home and was last seen in another county."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def late_departures(state: DataFrame) -> DataFrame:
    """Persons by county of the day end, where they stayed since yesterday, and of their last observation."""
    stayed = state.where((F.col("origin_county") == F.col("day_end_county")) & F.col("trailing_county").isNotNull())
    ends = F.col("day_end_county").alias("origin_county"), F.col("trailing_county").alias("destination_county")
    return stayed.select(F.col("as_of").alias("date"), "person_key", *ends, "registered", "mno_mask")

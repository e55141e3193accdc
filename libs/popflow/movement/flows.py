"""Who moved from where to where on a date."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from popflow.movement.headcounts import MNOs, headcounts


def daily_flows(state: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons by county of yesterday's and of today's day end, those who stayed on the diagonal; the whole nation.

    Each person who is in both states is in exactly one cell; whoever appears today has no origin and is in none.
    In: person_state of the date; the MNOs of the night with their bits.
    Out: contract `flows_exact`. METHODS.md section 6.
    """
    moved = state.where(F.col("origin_county").isNotNull())
    destination = F.col("day_end_county").alias("destination_county")
    return moved.groupBy(F.col("as_of").alias("date"), F.col("origin_county"), destination).agg(*headcounts(mnos))

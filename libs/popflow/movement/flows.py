"""Who moved from where to where on a date."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from popflow.movement.headcounts import MNOs, headcounts


def moves(state: DataFrame) -> DataFrame:
    """Persons by county of yesterday's and of today's day end, those who stayed too; the whole nation.

    Each person who is in both states is in exactly one row; whoever appears today has no origin and is in none.
    In: person_state of the date. Out: date, person_key, origin_county, destination_county, registered, mno_mask.
    METHODS.md section 6.
    """
    moved = state.where(F.col("origin_county").isNotNull())
    date, destination = F.col("as_of").alias("date"), F.col("day_end_county").alias("destination_county")
    return moved.select(date, "person_key", "origin_county", destination, "registered", "mno_mask")


def counted(persons: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons counted by origin and destination county.

    In: as `moves` gives them; the MNOs of the night with their bits. Out: contract `flows_exact`.
    """
    return persons.groupBy("date", "origin_county", "destination_county").agg(*headcounts(mnos))

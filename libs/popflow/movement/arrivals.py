"""Who is in a county tonight and was in another last night."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from popflow.movement.headcounts import MNOs, headcounts
from popflow.movement.places import prefecture


def arrivals(days: DataFrame, states: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons by the county that they arrived in: from another prefecture (cross), or from their own (own).

    In: person_state of the date, its person_day, which is not needed, and the MNOs of the night with their bits.
    Out: contract `arrivals_exact`, without its definition. METHODS.md section 7.
    """
    del days
    return by_county_arrived_in(states).groupBy("date", "county_code", "part").agg(*headcounts(mnos))


def by_county_arrived_in(states: DataFrame) -> DataFrame:
    """The county in which each person arrived, of those whose last two days ended in different counties.

    In: person_state of a date. Out: one row a person: date, person_key, county_code, part (cross or own), registered,
    mno_mask. METHODS.md section 7.
    """
    moved = states.where(F.col("origin_county") != F.col("day_end_county"))
    within = prefecture(F.col("origin_county")) == prefecture(F.col("day_end_county"))
    part = F.when(within, "own").otherwise("cross").alias("part")
    date, county = F.col("as_of").alias("date"), F.col("day_end_county").alias("county_code")
    return moved.select(date, "person_key", county, part, "registered", "mno_mask")

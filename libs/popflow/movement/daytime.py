"""Who spends the day in another county than the one they live in."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import DAY_HOURS, LEAST_DAY_HOURS
from popflow.movement.headcounts import MNOs, headcounts


def daytime(days: DataFrame, states: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons by the county in which they spend the day: visitors, who live in another, and residents.

    In: person_day of the date, its person_state, which is not needed, and the MNOs of the night with their bits.
    Out: contract `daytime_exact`, without its definition. METHODS.md section 7.
    """
    del states
    return by_day_county(days).groupBy("date", "county_code", "part").agg(*headcounts(mnos))


def by_day_county(days: DataFrame) -> DataFrame:
    """The county in which each person spends the day, of persons whose last two days ended in one county.

    There they live; where the others live is not known. In: person_day of a date. Out: one row a person: date,
    person_key, county_code, part (residents or visitors), registered, mno_mask. METHODS.md section 7.
    """
    settled = days.where(F.col("origin_county") == F.col("day_end_county"))
    located = settled.withColumn("county_code", day_county()).where(F.col("county_code").isNotNull())
    lives_there = F.col("county_code") == F.col("day_end_county")
    part = F.when(lives_there, "residents").otherwise("visitors").alias("part")
    date = F.col("event_date").alias("date")
    return located.select(date, "person_key", "county_code", part, "registered", "mno_mask")


def day_county() -> Column:
    """County of most of the full hours of the working day, of hour_counties; ties to the earlier county.

    Null for who is placed at fewer than LEAST_DAY_HOURS of them.
    """
    at_hours = F.array_compact(F.array(*(_at(hour) for hour in DAY_HOURS)))
    counted = F.transform(F.array_distinct(at_hours), lambda county: _times(at_hours, county))
    most = F.reduce(counted, F.lit(None).cast("struct<hours:int,county:string>"), _more)
    return F.when(F.size(at_hours) >= LEAST_DAY_HOURS, most["county"])


def _at(hour: int) -> Column:
    """County at a full hour: that of the last entry of hour_counties up to it."""
    until = F.filter(F.map_keys("hour_counties"), lambda key: key <= hour)
    return F.try_element_at("hour_counties", F.array_max(until))


def _times(values: Column, one: Column) -> Column:
    times = F.size(F.filter(values, lambda value: value == one))
    return F.named_struct(F.lit("hours"), times, F.lit("county"), one)


def _more(best: Column, one: Column) -> Column:
    return F.when(best.isNull() | (one["hours"] > best["hours"]), one).otherwise(best)

"""How many persons are in each county at each hour: who was seen, and everybody who is known."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import HOURS_A_DAY
from popflow.movement.headcounts import MNOs, headcounts, summed_headcounts

PERSON = ["person_key", "registered", "mno_mask"]
SPAN = ["county_code", "from_hour", "until_hour"]


def presence_hourly(days: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons seen on a date, by county and hour of the day, at the hour's first quarter.

    In: person_day of the date; the MNOs of the night with their bits.
    Out: contract `presence_hourly`. METHODS.md section 7.
    """
    seen = days.select(F.col("event_date").alias("date"), "registered", "mno_mask", "hour_counties")
    return _by_hour(seen, mnos)


def population(days: DataFrame, states: DataFrame, mnos: MNOs) -> DataFrame:
    """Everybody known on a date, by county and hour of the day, at the hour's first quarter.

    In: person_day and person_state of the date; the MNOs of the night with their bits.
    Out: contract `population_exact`, without its definition. METHODS.md section 7.
    """
    return _by_hour(whereabouts(days, states), mnos).withColumn("part", F.lit("everyone"))


def whereabouts(days: DataFrame, states: DataFrame) -> DataFrame:
    """The county of each person who is known, at every hour of a date.

    Who is not placed at an hour is where they were before: in the county placed last on the date, else where yesterday
    ended for them; who is new, in their first county. Who was not seen at all is where their last day ended.
    In: person_day and person_state of the date. Out: one row a person: date, person_key, registered, mno_mask, and
    hour_counties, a map from hours to counties that begins at 0 and has no null. METHODS.md section 7.
    """
    seen = days.select(F.col("event_date").alias("date"), *PERSON, _whole_day().alias("hour_counties"))
    silent = states.where(F.col("last_seen") < F.col("as_of"))
    where = F.create_map(F.lit(0), "day_end_county").alias("hour_counties")
    return seen.unionByName(silent.select(F.col("as_of").alias("date"), *PERSON, where))


def _whole_day() -> Column:
    """hour_counties without gaps: from hour 0 on, each county until the next one."""
    placed = F.map_filter("hour_counties", lambda _, county: county.isNotNull())
    first = F.element_at(placed, F.array_min(F.map_keys(placed)))
    before = F.coalesce("origin_county", first, "day_end_county")
    return F.when(F.map_contains_key(placed, F.lit(0)), placed).otherwise(
        F.map_concat(F.create_map(F.lit(0), before), placed)
    )


def _by_hour(persons: DataFrame, mnos: MNOs) -> DataFrame:
    """Headcounts by date, county and hour of persons with hour_counties."""
    spans = persons.select("date", "registered", "mno_mask", F.explode(_spans()).alias("span"))
    placed = spans.where(F.col("span.county_code").isNotNull())
    # First by span, which few counties have many of, then by hour: 24 rows a person are never made.
    by_span = placed.groupBy("date", "span").agg(*headcounts(mnos))
    hour = F.explode(F.sequence("span.from_hour", F.col("span.until_hour") - 1)).alias("hour")
    by_hour = by_span.select("*", hour)
    return by_hour.groupBy("date", F.col("span.county_code").alias("county_code"), "hour").agg(*summed_headcounts(mnos))


def _spans() -> Column:
    """Each entry of hour_counties with the hour at which the next one begins."""
    entries = F.array_sort(F.map_entries("hour_counties"))

    def span(entry: Column, position: Column) -> Column:
        until = F.coalesce(F.get(entries, position + 1)["key"], F.lit(HOURS_A_DAY))
        fields = dict(zip(SPAN, (entry["value"], entry["key"], until), strict=True))
        return F.struct(*(column.alias(name) for name, column in fields.items()))

    return F.transform(entries, span)

"""How many persons are in each county at each hour."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import HOURS_A_DAY
from popflow.movement.headcounts import MNOs, headcounts, summed_headcounts


def population(days: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons seen on a date, by county and hour of the day, at the hour's first quarter.

    In: person_day of the date; the MNOs of the night with their bits.
    Out: contract `population_exact`. METHODS.md section 6.
    """
    spans = days.select("event_date", "registered", "mno_mask", F.explode(_spans()).alias("span"))
    placed = spans.where(F.col("span.county_code").isNotNull())
    # First by span, which few counties have many of, then by hour: 24 rows a person are never made.
    by_span = placed.groupBy("event_date", "span").agg(*headcounts(mnos))
    hour = F.explode(F.sequence("span.from_hour", F.col("span.until_hour") - 1)).alias("hour")
    by_hour = by_span.select("*", hour)
    cell = F.col("event_date").alias("date"), F.col("span.county_code").alias("county_code"), F.col("hour")
    return by_hour.groupBy(*cell).agg(*summed_headcounts(mnos))


def _spans() -> Column:
    """Each entry of hour_counties with the hour at which the next one begins."""
    entries = F.array_sort(F.map_entries("hour_counties"))

    def span(entry: Column, position: Column) -> Column:
        until = F.coalesce(F.get(entries, position + 1)["key"], F.lit(HOURS_A_DAY))
        fields = {"county_code": entry["value"], "from_hour": entry["key"], "until_hour": until}
        return F.struct(*(column.alias(name) for name, column in fields.items()))

    return F.transform(entries, span)

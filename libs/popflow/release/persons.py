"""Persons whom a release counts, kept for its corrections."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING

from popflow.lake import Lake
from popflow.movement.places import chains, lies_in, prefecture

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def departures(state: DataFrame, lake: Lake) -> DataFrame:
    """Persons who left a prefecture of a chain on a date, each with what they count as.

    In: person_state of the date. Out: person_key, origin_county, destination_county, registered, mno_mask.
    """
    from pyspark.sql import functions as F

    inside = functools.reduce(
        lambda a, b: a | b, (lies_in(F.col("origin_county"), area) for area in chains(lake.contracts.areas).values())
    )
    moved = prefecture(F.col("origin_county")) != prefecture(F.col("day_end_county"))
    destination = F.col("day_end_county").alias("destination_county")
    return state.where(inside & moved).select("person_key", "origin_county", destination, "registered", "mno_mask")


def keep_persons(lake: Lake, date: dt.date, release: int, persons: DataFrame) -> None:
    """Keep whom a release counted where, for corrections, as long as person tables are kept."""
    from pyspark.sql import functions as F

    frame = persons.select(F.lit(date).alias("date"), F.lit(release).alias("release"), "*")
    lake.replace("released_persons", frame, date=date, release=release)

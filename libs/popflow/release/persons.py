"""Persons whom a release counts, kept for its corrections."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING

from popflow.contracts import chains
from popflow.indicators import Indicator
from popflow.lake import Lake
from popflow.movement.places import lies_in, prefecture

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def departures(lake: Lake, indicator: Indicator, state: DataFrame) -> DataFrame:
    """Persons whom an indicator counts and its chains publish: those who left a prefecture of one of its areas.

    In: person_state of the date. Out: person_key, origin_county, destination_county, registered, mno_mask.
    """
    from pyspark.sql import functions as F

    areas = chains(indicator.areas_of(lake.contracts.areas)).values()
    inside = functools.reduce(lambda a, b: a | b, (lies_in(F.col("origin_county"), area) for area in areas))
    moved = prefecture(F.col("origin_county")) != prefecture(F.col("destination_county"))
    return indicator.function()(state).where(inside & moved).drop("date")


def keep_persons(lake: Lake, date: dt.date, release: int, persons: DataFrame) -> None:
    """Keep whom a release counted where, for corrections, as long as person tables are kept."""
    from pyspark.sql import functions as F

    frame = persons.select(F.lit(date).alias("date"), F.lit(release).alias("release"), "*")
    lake.replace("released_persons", frame, date=date, release=release)

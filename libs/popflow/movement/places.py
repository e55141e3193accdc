"""Which prefecture a county lies in, and which persons an area holds, as Spark expressions."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from popflow.contracts import Area


def prefecture(county: Column) -> Column:
    """Prefecture of a county, by the rule of popflow.geography.codes.prefecture_of."""
    return F.concat(F.substring(county, 1, 4), F.lit("00"))


def lies_in(place: Column, area: Area) -> Column:
    """Whether a county or prefecture lies in an area."""
    digits = 4 if area.level == "prefecture" else 2
    return F.substring(place, 1, digits) == area.code[:digits]

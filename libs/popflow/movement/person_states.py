"""What is known of each person at the end of a date: the stage from yesterday's state and today's person-days."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import CARRY_DAYS, SLOTS_A_DAY
from popflow.movement.places import prefecture

COPIED = ["speaking_sim_key", "mno_mask", "registered", "day_end_county", "trailing_county"]
NOW = [*COPIED, "silent_slots"]
BEFORE = [*NOW, "last_seen"]


def person_states(yesterday: DataFrame | None, today: DataFrame, date: dt.date) -> DataFrame:
    """State of each person who was seen on a date or in the 7 days before it.

    A person who was not seen keeps yesterday's day end; after 7 such days they disappear. Costs the same after 3 days
    or 40.
    In: person_state of the date before, None for the first night; person_day of the date.
    Out: contract `person_state`. METHODS.md section 5.
    """
    both = _beside_each_other(yesterday, today)
    carried = F.col("before.last_seen") >= F.lit(date - dt.timedelta(days=CARRY_DAYS))
    kept = both.where(_seen() | carried) if yesterday is not None else both
    silence = F.when(_seen(), F.col("now.silent_slots")).otherwise(F.col("before.silent_slots") + SLOTS_A_DAY)
    return kept.select(
        F.lit(date).alias("as_of"),
        "person_key",
        *(_of_today_else_before(name) for name in COPIED),
        F.col("before.day_end_county").alias("origin_county"),
        F.when(_seen(), F.lit(date)).otherwise(F.col("before.last_seen")).alias("last_seen"),
        silence.alias("silent_slots"),
    )


def _beside_each_other(yesterday: DataFrame | None, today: DataFrame) -> DataFrame:
    now = today.select("person_key", F.struct(*NOW).alias("now"))
    if yesterday is None:
        return now.withColumn("before", F.lit(None).cast(_state_struct(today)))
    before = [day_end_before().alias(name) if name == "day_end_county" else F.col(name) for name in BEFORE]
    return now.join(yesterday.select("person_key", F.struct(*before).alias("before")), "person_key", "full")


def day_end_before() -> Column:
    """Day end of yesterday's state as this definition has it, also where an earlier one wrote the state.

    A last run that lies in the prefecture of the day end is the day end (`day-end-2`); by `day-end-1` it was so only
    from an hour on. Of a state of today's definition this changes nothing.
    """
    same = prefecture(F.col("trailing_county")) == prefecture(F.col("day_end_county"))
    return F.when(same, F.col("trailing_county")).otherwise(F.col("day_end_county"))


def _state_struct(today: DataFrame) -> str:
    kinds = {name: today.schema[name].dataType.simpleString() for name in NOW} | {"last_seen": "date"}
    return f"struct<{','.join(f'{name}:{kind}' for name, kind in kinds.items())}>"


def _seen() -> Column:
    return F.col("now").isNotNull()


def _of_today_else_before(name: str) -> Column:
    return F.when(_seen(), F.col(f"now.{name}")).otherwise(F.col(f"before.{name}")).alias(name)

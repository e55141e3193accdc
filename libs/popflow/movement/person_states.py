"""What is known of each person at the end of a date: the stage from yesterday's state and today's person-days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.contracts import Area
from popflow.movement.definition import CARRY_DAYS, SLOTS_A_DAY, STAY_MEMORY_DAYS, block_start
from popflow.movement.places import chains, lies_in, prefecture

COPIED = [
    "speaking_sim_key",
    "mno_mask",
    "registered",
    "home_prefecture",
    "day_end_county",
    "trailing_county",
    "trailing_slots",
]
NOW = [*COPIED, "silent_slots", "stays"]
BEFORE = [*COPIED, "silent_slots", "last_seen", "last_stay", "last_departure"]


def person_states(yesterday: DataFrame | None, today: DataFrame, date: dt.date, areas: Mapping[str, Area]) -> DataFrame:
    """State of each person who was seen on a date or in the 7 days before it.

    A person who was not seen keeps yesterday's day end; after 7 such days they disappear. Costs the same after 3 days
    or 40: all that reaches further back (stays of 14 days, departures of the block) is carried along.
    In: person_state of the date before, None for the first night; person_day of the date; areas.yaml.
    Out: contract `person_state`. METHODS.md section 6.
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
        _last_stay(date, areas).alias("last_stay"),
        _last_departure(date, areas).alias("last_departure"),
    )


def _beside_each_other(yesterday: DataFrame | None, today: DataFrame) -> DataFrame:
    now = today.select("person_key", F.struct(*NOW).alias("now"))
    if yesterday is None:
        return now.withColumn("before", F.lit(None).cast(_state_struct(today)))
    return now.join(yesterday.select("person_key", F.struct(*BEFORE).alias("before")), "person_key", "full")


def _state_struct(today: DataFrame) -> str:
    kinds = {name: today.schema[name].dataType.simpleString() for name in (*COPIED, "silent_slots")}
    kinds |= {"last_seen": "date", "last_stay": "map<string,date>", "last_departure": "map<string,array<string>>"}
    return f"struct<{','.join(f'{name}:{kind}' for name, kind in kinds.items())}>"


def _seen() -> Column:
    return F.col("now").isNotNull()


def _of_today_else_before(name: str) -> Column:
    return F.when(_seen(), F.col(f"now.{name}")).otherwise(F.col(f"before.{name}")).alias(name)


def _last_stay(date: dt.date, areas: Mapping[str, Area]) -> Column:
    """Last date of a stay in each area, while it counts."""
    oldest = F.lit(date - dt.timedelta(days=STAY_MEMORY_DAYS - 1))

    def latest(name: str, area: Area) -> Column:
        today = F.exists("now.stays", lambda place: lies_in(place, area))
        before = F.col("before.last_stay")[name]
        return F.when(today, F.lit(date)).otherwise(F.when(before >= oldest, before))

    return _map_of_known({name: latest(name, area) for name, area in areas.items()})


def _last_departure(date: dt.date, areas: Mapping[str, Area]) -> Column:
    """Prefectures of the last departure from each chain in the current block: [origin, destination]."""
    origin, destination = prefecture(F.col("before.day_end_county")), prefecture(F.col("now.day_end_county"))
    same_block = block_start(date) != date

    def latest(name: str, chain: Area) -> Column:
        departs = lies_in(origin, chain) & (origin != destination)
        before = F.col("before.last_departure")[name] if same_block else F.lit(None)
        return F.when(departs, F.array(origin, destination)).otherwise(before)

    return _map_of_known({name: latest(name, chain) for name, chain in chains(areas).items()})


def _map_of_known(values: Mapping[str, Column]) -> Column:
    pairs = [column for name, value in values.items() for column in (F.lit(name), value)]
    return F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull())

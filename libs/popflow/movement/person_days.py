"""Where each person was during a date: the stage from a night's sightings to `person_day`."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from popflow.movement import batches
from popflow.movement.definition import HOURS_A_DAY, MAX_GAP_SLOTS, SLOTS_A_WORD, SLOTS_AN_HOUR
from popflow.movement.person_states import day_end_before
from popflow.movement.sims import speaking_sims

BEFORE_TYPES = {
    "speaker_before": "string",
    "origin_county": "string",
    "trailing_county": "string",
    "silent_slots": "int",
}
PERSON = ["person_key", "speaking_sim_key", "mno_mask", "registered", "origin_county"]
PERSON_DAY = ["event_date", *PERSON, *batches.FOUND.names]


def person_days(sims: DataFrame, yesterday: DataFrame | None, date: dt.date) -> DataFrame:
    """Day end and counties by hour of each person who was seen on a date, by the person's speaking SIM.

    Persons with one county all day, the same as at yesterday's end, go a short way in plain Spark; the others through
    the slot logic. Both give the same.
    In: sim_days of the date; person_state of the date before, None for the first night.
    Out: contract `person_day`. METHODS.md sections 2 to 4.
    """
    speaking = speakers(sims, yesterday)
    days = by_one_county(speaking.where(stays_put())).unionByName(by_slot_logic(speaking.where(~stays_put())))
    return days.withColumn("event_date", F.lit(date)).select(*PERSON_DAY)


def speakers(sims: DataFrame, yesterday: DataFrame | None) -> DataFrame:
    """Each person's speaking SIM with what it saw, and how the person came into the day.

    Out: one row per person (person_key, speaking_sim_key, mno_mask, registered, sightings; of the day before, null for
    a new person: origin_county, its day end, trailing_county and silent_slots).
    """
    return speaking_sims(_beside_yesterday(sims, yesterday)).select(*PERSON, "sightings", *batches.BEFORE)


def stays_put() -> Column:
    """Whether a person has one county, that of the run they came with if any, and no silence within the day ends it."""
    same = F.coalesce(F.col("trailing_county") == _only("county_code"), F.lit(True))
    long_silence = _day().rlike(f"10{{{MAX_GAP_SLOTS + 1},}}1")
    return (F.size("sightings") == 1) & same & ~long_silence


def by_one_county(speakers: DataFrame) -> DataFrame:
    """Person-days of persons for whom `stays_put` holds: one run, from its first observation to midnight."""
    first = F.instr("day", "1") - 1
    carried = F.coalesce(first + F.col("silent_slots") <= MAX_GAP_SLOTS, F.lit(False))
    from_hour = F.when(carried, 0).otherwise(F.ceil(first / SLOTS_AN_HOUR)).cast("int")
    one = speakers.select(*PERSON, *batches.BEFORE, _only("county_code").alias("county"), _day().alias("day"))
    one = one.withColumn("from_hour", from_hour)
    return one.select(
        *PERSON,
        F.col("county").alias("day_end_county"),
        F.map_filter(F.create_map("from_hour", "county"), lambda hour, _: hour < HOURS_A_DAY).alias("hour_counties"),
        F.col("county").alias("trailing_county"),
        (F.instr(F.reverse("day"), "1") - 1).alias("silent_slots"),
    )


def by_slot_logic(speakers: DataFrame) -> DataFrame:
    """Days of any person, through numpy: exact for those who stay put as well, and slower."""
    kept = speakers.select(*PERSON, "sightings", *batches.BEFORE)
    return kept.mapInArrow(batches.with_slot_logic, _schema(kept))


def _beside_yesterday(sims: DataFrame, yesterday: DataFrame | None) -> DataFrame:
    if yesterday is None:
        return sims.withColumns({name: F.lit(None).cast(kind) for name, kind in BEFORE_TYPES.items()})
    before = yesterday.select(
        "person_key",
        F.col("speaking_sim_key").alias("speaker_before"),
        day_end_before().alias("origin_county"),
        *batches.BEFORE,
    )
    return sims.join(before, "person_key", "left")


def _schema(speakers: DataFrame) -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    person = [StructField(name, speakers.schema[name].dataType) for name in PERSON]
    return StructType([*person, *from_arrow_schema(batches.FOUND).fields])


def _only(field: str) -> Column:
    return F.col("sightings")[0][field]


def _day() -> Column:
    """The day of the first sighting as 96 characters, '1' where the SIM was seen, in order of time."""
    words = [F.lpad(F.bin(_only(word)), SLOTS_A_WORD, "0") for word in ("slots_hi", "slots_lo")]
    return F.reverse(F.concat(*words))

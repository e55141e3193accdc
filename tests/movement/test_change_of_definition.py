"""Nights by `day-end-2` after nights by `day-end-1`: the change of definition moves nobody."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame, SparkSession

from popflow.movement.flows import moves
from popflow.movement.person_states import person_states

DAY, BEFORE = dt.date(2020, 1, 22), dt.date(2020, 1, 21)
HOME, WORK, AWAY = "420102", "420106", "430102"
STATE = (
    "as_of date, person_key string, speaking_sim_key string, mno_mask int, registered boolean, day_end_county string, "
    "origin_county string, last_seen date, trailing_county string, silent_slots int"
)
DAYS = (
    "event_date date, person_key string, speaking_sim_key string, mno_mask int, registered boolean, "
    "day_end_county string, trailing_county string, silent_slots int"
)


def yesterday(spark: SparkSession, *persons: tuple[str, str, str]) -> DataFrame:
    """State by `day-end-1`: person, day end, county of the last run."""
    rows = [(BEFORE, p, f"sim-{p}", 1, True, end, None, BEFORE, last, 2) for p, end, last in persons]
    return spark.createDataFrame(rows, STATE)


def today(spark: SparkSession, *persons: tuple[str, str]) -> DataFrame:
    """Persons who were seen, with the county where they were all day."""
    rows = [(DAY, p, f"sim-{p}", 1, True, county, county, 2) for p, county in persons]
    return spark.createDataFrame(rows, DAYS)


def moved(state: DataFrame) -> dict[str, tuple[str, str]]:
    return {row.person_key: (row.origin_county, row.destination_county) for row in moves(state).collect()}


def test_who_came_home_late_yesterday_and_stayed_has_not_moved(spark: SparkSession) -> None:
    """`day-end-1` had left them at work, since home was their last half hour."""
    state = person_states(yesterday(spark, ("p", WORK, HOME)), today(spark, ("p", HOME)), DAY)
    assert moved(state) == {"p": (HOME, HOME)}


def test_nor_has_who_is_silent_today(spark: SparkSession) -> None:
    state = person_states(yesterday(spark, ("silent", WORK, HOME)), today(spark, ("other", HOME)), DAY)
    assert moved(state) == {"silent": (HOME, HOME)}
    assert {row.day_end_county for row in state.collect()} == {HOME}


def test_a_last_half_hour_in_another_prefecture_was_no_day_end_and_is_none(spark: SparkSession) -> None:
    state = person_states(yesterday(spark, ("p", HOME, AWAY)), today(spark, ("p", AWAY)), DAY)
    assert moved(state) == {"p": (HOME, AWAY)}


def test_a_state_of_todays_definition_stays_what_it_is(spark: SparkSession) -> None:
    before = yesterday(spark, ("at home", HOME, HOME), ("ping elsewhere", HOME, AWAY), ("no run known", HOME, None))
    state = person_states(before, today(spark, ("new", HOME)), DAY)
    assert {row.person_key: row.day_end_county for row in state.collect()} == dict.fromkeys(
        ("at home", "ping elsewhere", "no run known", "new"), HOME
    )

"""Activity: each SIM counts once, in the prefecture where it was seen most, and in the hours in which it was seen."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from popflow.quality import norms
from popflow.quality.activity import activity

DAY = dt.date(2020, 1, 24)
SEEN = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"
NIGHT, NOON = 0b1111, 0b11  # slots of the first hour of the day; of the hour from noon on


def found(spark: SparkSession, rows: list[tuple], date: dt.date = DAY) -> pd.DataFrame:
    return activity(spark.createDataFrame(rows, SEEN), date).toPandas().sort_values(["mno", "prefecture_code"])


def one_sim_at(*hours: int) -> list[int]:
    return [int(hour in hours) for hour in range(24)]


def test_a_sim_counts_once_where_it_was_seen_most(spark):
    rows = [("mobile", "a", "420102", NIGHT, 0), ("mobile", "a", "430102", 0, NOON), ("mobile", "a", "110101", 0, NOON),
            ("mobile", "b", "430104", 0, NOON), ("unicom", "a", "420106", NIGHT, 0)]  # fmt: skip
    table = found(spark, rows)
    assert table[["mno", "prefecture_code", "sims"]].to_numpy().tolist() == [
        ["mobile", "420100", 1], ["mobile", "430100", 1], ["unicom", "420100", 1]]  # fmt: skip
    assert [list(one) for one in table["sims_by_hour"]] == [one_sim_at(0, 12), one_sim_at(12), one_sim_at(0)]
    assert set(table["date"]) == {DAY}


def test_of_two_places_seen_alike_the_smaller_code_counts(spark):
    table = found(spark, [("mobile", "a", "820101", NIGHT, 0), ("mobile", "a", "110101", 0, NIGHT)])
    assert table["prefecture_code"].tolist() == ["110100"]


def test_an_hour_seen_in_two_counties_or_two_deliveries_is_one(spark):
    rows = [("mobile", "a", "420102", NIGHT, 0), ("mobile", "a", "420102", NIGHT, 0), ("mobile", "a", "430102", 1, 0)]
    assert [list(one) for one in found(spark, rows)["sims_by_hour"]] == [one_sim_at(0)]


@pytest.mark.parametrize("passed", [1, 9])
def test_the_end_of_all_journeys_makes_no_mno_thin(spark, passed: int):
    """Nights on which every third SIM passes so many prefectures, then one on which all stay where they are."""
    home = [("mobile", f"s{sim}", "420102", NIGHT << 8, 0) for sim in range(30)]
    way = [("mobile", f"s{sim}", f"43{place:02}02", 1, 0) for sim in range(0, 30, 3) for place in range(1, passed + 1)]
    before = [found(spark, home + way, DAY - dt.timedelta(days=back)) for back in (2, 1)]
    assert norms.percent_of_norm(pd.concat([*before, found(spark, home)]), DAY)["mobile"] == 100

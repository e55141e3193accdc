"""The truth by hour and day, against the runs of truth/positions and against literal positions."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_nations import SEED, Simulated

from popflow.synthetic.journeys import Positions
from popflow.synthetic.nation import simulate
from popflow.synthetic.troubles import Troubles
from popflow.synthetic.whereabouts import day_counties, hourly_presence

FIRST, DAYS, PERSONS = dt.date(2020, 1, 14), 4, 3000
TROUBLES = replace(Troubles.none(), commuters=0.2, abroad=0.1, unseen=0.1, local_moves=0.02)
RUNS = "read_parquet('{out}/truth/positions/*/*.parquet')"
TRUE_DAYS = "SELECT * FROM read_parquet('{out}/truth/days/*/*.parquet') ORDER BY date, person"


@pytest.fixture(scope="module")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Four working days with commuters and people who are away, in chunks of 700 persons and parts of 1,500."""
    out = tmp_path_factory.mktemp("whereabouts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("popflow.synthetic.parts.CHUNK_PERSONS", 700)
        for module in ("people", "parts", "nation"):
            patch.setattr(f"popflow.synthetic.{module}.PART_PERSONS", 1500)
        return Simulated(out, simulate(out, FIRST, DAYS, PERSONS, SEED, TROUBLES, processes=1))


def literal(*days: list[tuple[int, int]]) -> Positions:
    """Positions of persons, each by runs of county and slots; one of a single run stays."""
    start = np.array([runs[0][0] for runs in days])
    moving = [np.repeat(*np.array(runs).T) for runs in days if len(runs) > 1]
    row = np.cumsum([len(runs) > 1 for runs in days]) - 1
    row = np.where([len(runs) > 1 for runs in days], row, -1)
    rows = np.array([*moving, np.zeros(96, int)]).astype(np.int16)
    return Positions(start, row, rows, np.zeros(rows.shape, bool))


def test_the_day_county_has_most_quarter_hours_from_10_to_16() -> None:
    where = literal(
        [(5, 96)],
        [(5, 39), (2, 26), (5, 31)],  # away from 9:45 to 16:15
        [(5, 53), (7, 43)],  # 13 quarter-hours of the 24 in 5
        [(5, 51), (7, 45)],  # 11 of the 24
        [(5, 44), (9, 6), (5, 4), (9, 42)],  # 5: 4 + 4, 9: 6 + 10
    )
    assert day_counties(where).tolist() == [5, 2, 5, 7, 9]


def test_a_tie_goes_to_the_smaller_county() -> None:
    assert day_counties(literal([(5, 52), (7, 44)], [(7, 52), (5, 44)], [(9, 48), (3, 8), (4, 40)])).tolist() == [
        5,
        5,
        3,
    ]


def test_presence_is_counted_at_the_full_hour_and_without_who_is_abroad() -> None:
    where = literal([(0, 96)], [(1, 38), (2, 58)], [(0, 96)], [(2, 36), (1, 60)])
    presence = hourly_presence(where, np.array([2]), 3)
    assert presence.shape == (24, 3)
    assert presence[0].tolist() == [1, 1, 1]
    assert presence[9].tolist() == [1, 2, 0]  # the fourth came at 9:00, the second leaves at 9:30
    assert presence[10].tolist() == [1, 1, 1]
    assert hourly_presence(where, np.array([1, 3]), 3)[9].tolist() == [2, 0, 0]


def test_presence_is_that_of_the_positions(nation: Simulated) -> None:
    said = nation.truth("SELECT * FROM read_parquet('{out}/truth/presence/*.parquet')")
    by_runs = nation.truth(
        "SELECT date, hour, county::VARCHAR AS county, count(*) AS persons "
        f"FROM {RUNS}, range(24) AS hours(hour) "
        "WHERE 4 * hour >= first_slot AND 4 * hour < first_slot + slots GROUP BY ALL"
    )
    key = ["date", "hour", "county"]
    assert said.set_index(key)["persons"].sort_index().to_dict() == by_runs.set_index(key)["persons"].to_dict()


def test_everybody_in_the_nation_is_present_at_every_hour(nation: Simulated) -> None:
    hours = nation.truth(
        "SELECT date, hour, sum(persons) AS persons FROM read_parquet('{out}/truth/presence/*.parquet') GROUP BY ALL"
    )
    days = nation.truth(TRUE_DAYS)
    here = days[days["night_county"].notna()].groupby("date").size()
    assert len(hours) == 24 * DAYS
    assert (hours.set_index("date")["persons"] == here.reindex(hours["date"])).all()
    assert here.min() < PERSONS == here.max()


def test_days_hold_each_person_and_date_once_with_home_and_night(nation: Simulated) -> None:
    days = nation.truth(TRUE_DAYS)
    assert days.groupby("date").size().tolist() == [PERSONS] * DAYS
    assert not days.duplicated(["date", "person"]).any()
    home = nation.truth("SELECT * FROM '{out}/truth/persons.parquet'").set_index("person")["home_county"]
    assert (days["home_county"].to_numpy() == home.loc[days["person"]].to_numpy()).all()
    last = nation.truth(f"SELECT date, person, county::VARCHAR AS county FROM {RUNS} WHERE first_slot + slots = 96")
    night = days.dropna(subset="night_county").set_index(["date", "person"])["night_county"].sort_index()
    assert night.to_dict() == last.set_index(["date", "person"])["county"].to_dict()


def test_night_and_day_are_null_for_who_is_abroad_and_for_nobody_else(nation: Simulated) -> None:
    days = nation.truth(TRUE_DAYS)
    away = days["night_county"].isna()
    assert (away == days["day_county"].isna()).all()
    known = set(nation.truth(f"SELECT DISTINCT date, person FROM {RUNS}").itertuples(index=False, name=None))
    assert {pair in known for pair in days.loc[away, ["date", "person"]].itertuples(index=False, name=None)} == {False}
    assert away.sum() == PERSONS * DAYS - len(known) > 100


def test_the_day_county_is_that_of_the_positions(nation: Simulated) -> None:
    by_runs = nation.truth(
        "WITH spent AS (SELECT date, person, county::VARCHAR AS county, "
        "sum(greatest(0, least(first_slot + slots, 64) - greatest(first_slot, 40))) AS slots "
        f"FROM {RUNS} GROUP BY ALL) "
        "SELECT DISTINCT ON (date, person) date, person, county FROM spent ORDER BY date, person, slots DESC, county"
    )
    days = nation.truth(TRUE_DAYS).dropna(subset="day_county")
    key = ["date", "person"]
    assert days.set_index(key)["day_county"].to_dict() == by_runs.set_index(key)["county"].to_dict()
    elsewhere = days["day_county"] != days["night_county"]
    assert 0.1 < pd.Series(elsewhere).mean() < 0.4  # commuters, and who travels

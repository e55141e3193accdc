"""Absences: whole days without any record, then heard again; abroad, nowhere in the truth's positions either."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_nations import SEED, Simulated

from popflow.synthetic.absences import MOST_DAYS, NO_ABSENCES, Absences, absences
from popflow.synthetic.demand import Demand
from popflow.synthetic.moves import plan
from popflow.synthetic.nation import simulate
from popflow.synthetic.people import homes
from popflow.synthetic.places import Places
from popflow.synthetic.troubles import Troubles

FIRST, DAYS, PERSONS = dt.date(2020, 1, 6), 5, 3000
AWAY = replace(Troubles.none(), unseen=0.2, abroad=0.1, wrong_day=0.02, iot_lines=0.1)
POSITIONS = "SELECT DISTINCT date, person FROM read_parquet('{out}/truth/positions/*/*.parquet')"


@pytest.fixture(scope="module")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    out = tmp_path_factory.mktemp("absences")
    return Simulated(out, simulate(out, FIRST, DAYS, PERSONS, SEED, AWAY, processes=1))


@pytest.fixture(scope="module")
def away() -> Absences:
    return absences(PERSONS, DAYS, AWAY, SEED)


@pytest.fixture(scope="module")
def heard(nation: Simulated) -> pd.DataFrame:
    """Person and day of the nation of every record."""
    rows = pd.concat([nation.rows(mno).assign(mno=mno) for mno in ("mobile", "unicom", "telecom")])
    sims = nation.truth("SELECT person, mno, sim_token FROM '{out}/truth/sims.parquet'")
    rows = rows.merge(sims, on=["mno", "sim_token"])
    day = (rows["time"].dt.normalize() - pd.Timestamp(FIRST)).dt.days
    return pd.DataFrame({"person": rows["person"].to_numpy(), "day": day.to_numpy()})


def test_absences_are_as_many_and_as_long_as_their_rates_say() -> None:
    found = absences(200_000, 37, Troubles.only("unseen", "abroad"), SEED)
    assert (~found.abroad).sum() / 200_000 == pytest.approx(0.02, abs=0.001)
    assert found.abroad.sum() / 200_000 == pytest.approx(0.002, abs=0.0004)
    assert set(found.days) == set(range(2, MOST_DAYS + 1))
    assert found.first.min() == 1
    assert (found.first + found.days).max() == 36  # all are heard on the last of 37 dates
    assert (np.diff(found.person) > 0).all()


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_nation_too_short_for_two_silent_days_has_no_absences(days: int) -> None:
    assert absences(1000, days, AWAY, SEED) is NO_ABSENCES


def test_nobody_is_heard_on_a_silent_day_not_even_by_a_wrong_clock(heard: pd.DataFrame, away: Absences) -> None:
    assert len(away.person) > 700
    assert (heard["day"] < 0).any()  # wrong clocks are there
    assert not away.silent(heard["person"].to_numpy(), heard["day"].to_numpy()).any()


def test_who_was_away_is_heard_before_and_after(heard: pd.DataFrame, away: Absences) -> None:
    days = heard.groupby("person")["day"].agg(lambda seen: set(seen))
    for person, first, length in zip(away.person, away.first, away.days, strict=True):
        assert days[person] & set(range(first)), person
        assert days[person] & set(range(first + length, DAYS)), person


def test_who_is_abroad_has_no_position_and_whose_phone_is_silent_has(nation: Simulated, away: Absences) -> None:
    there = nation.truth(POSITIONS)
    there["day"] = (there["date"] - pd.Timestamp(FIRST)).dt.days
    everyone = pd.MultiIndex.from_product([range(PERSONS), range(DAYS)])
    missing = everyone.difference(pd.MultiIndex.from_frame(there[["person", "day"]]))
    expected = {(person, day) for day in range(DAYS) for person in away.abroad_on(day)}
    assert set(missing) == expected
    assert len(expected) > 400


def test_flows_still_chain_and_hold_everybody(nation: Simulated) -> None:
    flows = nation.truth("SELECT * FROM read_parquet('{out}/truth/flows/*.parquet')")
    assert (flows.groupby("date")["persons"].sum() == PERSONS).all()


def test_who_is_abroad_does_not_move_and_comes_back_to_the_same_county(places: Places, demand: Demand) -> None:
    found = absences(20_000, 6, AWAY, SEED)
    home = homes(places, 20_000, np.zeros(len(places.prefecture_codes)), SEED)
    for day, move in enumerate(plan(places, demand, 3e3, home, FIRST, 6, AWAY, SEED, found)):
        assert not np.isin(move.movers, found.abroad_on(day)).any()
        assert not np.isin(move.movers, found.abroad_on(day - 1)).any()
        assert len(move.movers) > 100


def test_some_are_heard_again_in_another_county_of_their_province(places: Places, demand: Demand) -> None:
    found = absences(20_000, 6, AWAY, SEED)
    home = homes(places, 20_000, np.zeros(len(places.prefecture_codes)), SEED)
    moved = []
    plain = plan(places, demand, 1e9, home, FIRST, 6, Troubles.none(), SEED)
    for with_them, without in zip(plan(places, demand, 1e9, home, FIRST, 6, AWAY, SEED, found), plain, strict=True):
        new = np.setdiff1d(with_them.movers, without.movers)
        new = new[np.isin(new, found.person[~found.abroad])]
        end = with_them.end[new]
        assert (end != with_them.start[new]).all()
        moved += new.tolist()
    assert len(moved) / (~found.abroad).sum() == pytest.approx(0.3, abs=0.03)

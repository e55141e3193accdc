"""Commuters: the same persons in the same near county on each working day, home at night, and no movers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from small_nations import SEED

from popflow.synthetic.commuters import FARTHEST_KM, NO_WORK, working_today, workplaces
from popflow.synthetic.journeys import NOBODY, Positions, positions
from popflow.synthetic.people import homes
from popflow.synthetic.places import Ints, Places, distance_km
from popflow.synthetic.randomness import stream
from popflow.synthetic.troubles import Troubles

MONDAY, SUNDAY, NEW_YEAR = dt.date(2020, 1, 13), dt.date(2020, 1, 12), dt.date(2020, 1, 25)
COMMUTERS = Troubles.only("commuters")


@pytest.fixture(scope="module")
def home(places: Places) -> Ints:
    return homes(places, 60_000, np.zeros(len(places.prefecture_codes)), SEED)


@pytest.fixture(scope="module")
def workplace(places: Places, home: Ints) -> Ints:
    return workplaces(places, home, 0, COMMUTERS, SEED)


def day(places: Places, home: Ints, workplace: Ints, date: dt.date, troubles: Troubles = COMMUTERS) -> Positions:
    """Positions of a date on which nobody moves."""
    work = working_today(places, workplace, home, home, date)
    draw = stream(SEED, "test", date.toordinal())
    return positions(places, home, NOBODY, NOBODY, date, troubles, draw, workplace=work)


def test_about_four_in_a_hundred_commute_and_without_the_trouble_nobody(
    places: Places, home: Ints, workplace: Ints
) -> None:
    share = (workplace != NO_WORK).mean()
    assert 0.028 < share < 0.04  # some have no county that is near
    assert (workplaces(places, home, 0, Troubles.none(), SEED) == NO_WORK).all()


def test_the_workplace_is_near_and_mostly_in_the_prefecture(places: Places, home: Ints, workplace: Ints) -> None:
    commutes = workplace != NO_WORK
    lives, works = home[commutes], workplace[commutes]
    km = distance_km(places.points[lives], places.points[works])
    assert (lives != works).all()
    assert km.max() <= FARTHEST_KM
    beyond = places.prefecture[lives] != places.prefecture[works]
    assert 0.01 < beyond.mean() < 0.05


def test_a_nearer_county_is_the_likelier_workplace(places: Places) -> None:
    lives = np.full(40_000, np.searchsorted(places.county_codes, "420102"))
    works = workplaces(places, lives, 0, replace(COMMUTERS, commuters=1.0), SEED)
    works = works[places.prefecture[works] == places.prefecture[lives[0]]]
    near = [one for one in places.neighbours[lives[0]] if places.prefecture[one] == places.prefecture[lives[0]]]
    km = distance_km(places.points[lives[0]], places.points[near])
    assert len(near) > 2
    expected = km**-2 / (km**-2).sum()
    assert [(works == one).mean() for one in near] == pytest.approx(expected, abs=0.01)
    assert expected[0] > 3 * expected[-1]


def test_they_are_at_work_by_day_and_at_home_by_night(places: Places, home: Ints, workplace: Ints) -> None:
    where = day(places, home, workplace, MONDAY)
    rows, works = where.moving[:-1], workplace[workplace != NO_WORK]
    assert len(rows) == len(works)
    assert (rows[:, 40:64] == works[:, None]).all()  # 10:00 to 16:00
    lives = home[workplace != NO_WORK]
    assert (rows[:, :20] == lives[:, None]).all()  # until 05:00
    assert (rows[:, 92:] == lives[:, None]).all()  # from 23:00
    at_work = rows == works[:, None]
    assert np.median(at_work.argmax(axis=1)) == pytest.approx(34, abs=1)  # 08:30
    assert np.median(96 - at_work[:, ::-1].argmax(axis=1)) == pytest.approx(70, abs=1)  # 17:30
    assert at_work.argmax(axis=1).std() > 1


def test_the_same_persons_go_to_the_same_county_on_every_working_day(
    places: Places, home: Ints, workplace: Ints
) -> None:
    first, second = (day(places, home, workplace, date) for date in (MONDAY, MONDAY + dt.timedelta(days=1)))
    everyone, noon = np.arange(len(home)), np.full(len(home), 48)
    assert (first.county(everyone, noon) == second.county(everyone, noon)).all()


@pytest.mark.parametrize("date", [SUNDAY, NEW_YEAR, dt.date(2020, 2, 1)])
def test_nobody_commutes_on_weekends_and_holidays(places: Places, home: Ints, workplace: Ints, date: dt.date) -> None:
    assert (day(places, home, workplace, date).row == -1).all()


def test_after_the_holiday_they_work_where_both_provinces_do(places: Places, home: Ints, workplace: Ints) -> None:
    works = working_today(places, workplace, home, home, dt.date(2020, 2, 10)) != NO_WORK
    in_hubei = np.char.startswith(places.county_codes, "42")
    assert works.any()
    assert not (in_hubei[home] & works).any()
    assert not (in_hubei[workplace] & works).any()
    before = working_today(places, workplace, home, home, dt.date(2020, 2, 7)) != NO_WORK
    assert set(np.char.ljust(places.county_codes[home[before]], 2).astype("U2")) <= {
        "45", "46", "54", "62", "63", "64", "65",
    }  # fmt: skip


def test_who_is_away_from_home_or_moves_does_not_commute(places: Places, home: Ints, workplace: Ints) -> None:
    away = home.copy()
    away[::2] = (home[::2] + 1) % len(places)
    work = working_today(places, workplace, home, away, MONDAY)
    assert (work[::2] == NO_WORK).all()
    movers = np.flatnonzero(work != NO_WORK)[:5]
    goal = np.full(5, np.searchsorted(places.county_codes, "430102"))
    where = positions(places, away, movers, goal, MONDAY, COMMUTERS, stream(SEED, "test"), workplace=work)
    assert (where.moving[:5, -1] == goal).all()
    assert len(where.moving) - 1 == (work != NO_WORK).sum()

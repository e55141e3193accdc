"""Moves that no demand knows: within a prefecture, of who is not seen, and back after the holiday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_nations import SEED

from popflow.synthetic.absences import absences
from popflow.synthetic.demand import WUHAN_CLOSED, Demand
from popflow.synthetic.moves import DayMoves, plan
from popflow.synthetic.people import homes
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.return_wave import ReturnWave
from popflow.synthetic.troubles import Troubles

PERSONS = 40_000
Planned = Callable[..., list[DayMoves]]


@pytest.fixture(scope="module")
def home(places: Places) -> Ints:
    return homes(places, PERSONS, np.zeros(len(places.prefecture_codes)), SEED)


@pytest.fixture(scope="module")
def planned(places: Places, demand: Demand, home: Ints) -> Planned:
    """The moves of dates under the given troubles; movers of the demand are few."""

    def of(troubles: Troubles, first: dt.date, days: int) -> list[DayMoves]:
        away = absences(PERSONS, days, troubles, SEED)
        return list(plan(places, demand, 1e5, home, first, days, troubles, SEED, away))

    return of


def local_share(places: Places, move: DayMoves) -> float:
    left = places.prefecture[move.start[move.movers]]
    return float((left == places.prefecture[move.destination]).sum() / PERSONS)


def test_another_county_of_the_area_is_drawn_by_residents(places: Places) -> None:
    wuhan = np.flatnonzero(places.prefecture_codes[places.prefecture] == "420100")
    given = wuhan[4]
    drawn = places.draw_other_county(np.full(50_000, given), np.random.default_rng(1).random(50_000), places.prefecture)
    assert set(drawn) == set(wuhan) - {given}
    shares = np.bincount(drawn, minlength=len(places))[wuhan] / 50_000
    expected = np.where(wuhan == given, 0, places.population[wuhan])
    assert shares == pytest.approx(expected / expected.sum(), abs=0.01)


def test_a_county_that_is_alone_has_no_other(places: Places) -> None:
    alone = np.searchsorted(places.county_codes, ["441900", "442000"])
    for uniform in (0.0, 0.999):
        assert (places.draw_other_county(alone, np.full(2, uniform), places.prefecture) == alone).all()


def test_local_moves_are_within_the_prefecture_and_as_many_as_their_rate_says(places: Places, planned: Planned) -> None:
    first = dt.date(2020, 1, 10)
    without, with_them = (
        planned(troubles, first, 1)[0] for troubles in (Troubles.none(), Troubles.only("local_moves"))
    )
    more = local_share(places, with_them) - local_share(places, without)
    assert more == pytest.approx(0.005, abs=0.001)
    assert set(without.movers) <= set(with_them.movers)  # the demand's are the same
    assert (with_them.destination != with_them.start[with_them.movers]).all()
    assert (np.diff(with_them.movers) > 0).all()


def test_half_of_who_moved_locally_comes_back_within_ten_days(places: Places, planned: Planned) -> None:
    days = planned(Troubles.only("local_moves"), dt.date(2020, 1, 1), 13)
    before = planned(Troubles.none(), dt.date(2020, 1, 1), 1)[0]
    moved = np.setdiff1d(days[0].movers, before.movers)
    returned = (days[-1].end[moved] == days[0].start[moved]).mean()
    assert returned == pytest.approx(0.5, abs=0.12)


def test_nobody_in_hubei_moves_locally_once_wuhan_is_closed(places: Places, planned: Planned) -> None:
    in_hubei = np.char.startswith(places.county_codes, "42")

    def moved_in_hubei(troubles: Troubles) -> list[int]:
        days = planned(troubles, WUHAN_CLOSED - dt.timedelta(days=1), 2)
        return [int(in_hubei[move.start[move.movers]].sum()) for move in days]

    with_them, without = moved_in_hubei(Troubles.only("local_moves")), moved_in_hubei(Troubles.none())
    assert with_them[0] > without[0]
    assert with_them[1] <= without[1] + 2  # by who the demand finds elsewhere


@pytest.fixture(scope="module")
def nine_weeks(places: Places, home: Ints) -> dict[str, list[DayMoves]]:
    """22 January to 20 March by a demand of which many leave their place, without and with the return wave."""
    demand = Demand.of(places)
    made = {}
    for name in ("none", "return_wave"):
        troubles = Troubles.none() if name == "none" else Troubles.only(name)
        made[name] = list(plan(places, demand, 2e3, home, dt.date(2020, 1, 21), 60, troubles, SEED))
    return made


def went_home(places: Places, home: Ints, move: DayMoves) -> Ints:
    """Movers of a date who come back to the county of their home from another prefecture."""
    back = move.destination == home[move.movers]
    away = places.prefecture[move.start[move.movers]] != places.prefecture[home[move.movers]]
    return move.movers[back & away]


def test_until_10_february_the_return_wave_changes_nothing(nine_weeks: dict[str, list[DayMoves]]) -> None:
    for without, with_it in zip(nine_weeks["none"], nine_weeks["return_wave"], strict=True):
        if with_it.date >= dt.date(2020, 2, 10):
            break
        assert (without.movers == with_it.movers).all()
        assert (without.destination == with_it.destination).all()


def test_they_go_back_gradually_to_the_county_that_they_left_and_not_into_hubei(
    places: Places, home: Ints, nine_weeks: dict[str, list[DayMoves]]
) -> None:
    days = nine_weeks["return_wave"]
    away = places.prefecture[days[3].start] != places.prefecture[home]  # on 24 January
    assert days[3].date == dt.date(2020, 1, 24)
    returned = {move.date: went_home(places, home, move) for move in days if move.date >= dt.date(2020, 2, 10)}
    wave = [len(returned[date]) for date in sorted(returned)]
    assert min(wave[:28]) > 0
    assert sum(wave[:14]) == pytest.approx(sum(wave[14:28]), rel=0.4)
    in_hubei = np.char.startswith(places.county_codes, "42")
    outside = away & ~in_hubei[home] & ~in_hubei[days[20].start]
    everyone = np.concatenate([persons for date, persons in returned.items() if date <= dt.date(2020, 3, 8)])
    assert np.isin(np.flatnonzero(outside), everyone).mean() == pytest.approx(0.6, abs=0.1)


def test_the_wave_goes_neither_into_hubei_nor_out_of_it(places: Places) -> None:
    wuhan, shanghai, chengdu = np.searchsorted(places.county_codes, ["420102", "310101", "510104"])
    home = np.array([wuhan, shanghai, shanghai])
    wave = ReturnWave(places, home, replace(Troubles.none(), return_wave=1.0), SEED)
    now, free = np.array([shanghai, wuhan, chengdu]), np.ones(3, bool)
    wave.on(24, dt.date(2020, 1, 24), now, free)
    person, toward = wave.on(80, dt.date(2020, 3, 20), now, free)
    assert (person.tolist(), toward.tolist()) == ([2], [shanghai])
    assert not len(wave.on(81, dt.date(2020, 3, 21), np.array([shanghai, wuhan, shanghai]), free)[0])


def test_a_nation_that_begins_in_the_holiday_has_no_return_wave(planned: Planned) -> None:
    first = dt.date(2020, 1, 24)
    for without, with_it in zip(
        planned(Troubles.none(), first, 22), planned(Troubles.only("return_wave"), first, 22), strict=True
    ):
        assert (without.movers == with_it.movers).all()

"""Moves that no demand knows: within a prefecture, of who is not seen, and back after the holiday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest
from small_nations import SEED

from popflow.synthetic.absences import absences
from popflow.synthetic.demand import WUHAN_CLOSED, Demand
from popflow.synthetic.moves import DayMoves, plan
from popflow.synthetic.people import homes
from popflow.synthetic.places import Ints, Places
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

"""Who moves to which county on a date, day after day: the plan that the records and the truth follow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.absences import NO_ABSENCES, Absences, UnseenMoves
from popflow.synthetic.demand import (
    FAR_POWER,
    HUBEI,
    LOCAL_RATE,
    NEAR_POWER,
    OUTSIDE_RATE,
    gravity_weights,
)
from popflow.synthetic.local_moves import LocalMoves
from popflow.synthetic.places import Floats, Ints, Places
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.return_wave import ReturnWave
from popflow.synthetic.troubles import Troubles

STAY_BEHIND = 0.1  # share of a prefecture's people who never leave on one day, however great the demand
POOL_MARGIN = 1.25
LONGEST_ABSENCE_DAYS = 6
MEAN_ABSENCE_DAYS = 2.0
NOWHERE = -1


class Movement(Protocol):
    """Who is expected to move between prefectures; of_all: out of each of them, not out of Hubei's and into them alone.

    movers_a_day: persons at full size, on an average day of 10-24 January 2020, out of the prefectures that it is of.
    """

    movers_a_day: ClassVar[int]
    of_all: ClassVar[bool]

    def on(self, date: dt.date) -> Floats:
        """Expected persons of a date, from prefecture (row) to prefecture (column); 0 within a prefecture."""
        ...


class FurtherMoves(Protocol):
    """Moves that no demand between prefectures knows, asked for date after date."""

    def on(self, day: int, date: dt.date, current: Ints, free: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Who of those that are free moves on a date, and to which other county."""
        ...


@dataclass(frozen=True)
class DayMoves:
    """One date: the county where each person is at its start, and who of them ends it in which other county."""

    date: dt.date
    start: Ints
    movers: Ints
    destination: Ints
    unmet: int

    @property
    def end(self) -> Ints:
        """The county where each person is at the day's end."""
        end = self.start.copy()
        end[self.movers] = self.destination
        return end


def plan(
    places: Places,
    demand: Movement,
    scale: float,
    home: Ints,
    first: dt.date,
    days: int,
    troubles: Troubles,
    seed: int,
    away: Absences = NO_ABSENCES,
) -> Iterator[DayMoves]:
    """The moves of each date; demand: at full size, of which 1/scale moves. A mover is always one of the persons.

    Who is away abroad on a date, or was on the day before, does not move.
    """
    current, came_from = home.copy(), np.full(len(home), NOWHERE)
    back_on = np.full(len(home), np.iinfo(np.int64).max)
    rates = background_rates(places, outside_hubei=not demand.of_all)
    further = _further(places, home, troubles, seed, away)
    for day in range(days):
        date = first + dt.timedelta(days=day)
        draw = stream(seed, "moves", day)
        people = np.bincount(places.prefecture[current], minlength=len(rates))
        wanted = draw.poisson(demand.on(date) / scale + people[:, None] * rates)
        here = np.ones(len(home), bool)
        here[np.union1d(away.abroad_on(day), away.abroad_on(day - 1))] = False
        movers, destination, unmet = _day(places, current, came_from, back_on <= day, here, wanted, draw)
        move = _with_further(further, day, here, DayMoves(date, current.copy(), movers, destination, unmet))
        yield move
        came_from[movers] = current[movers]
        current = move.end
        back_on[movers] = np.iinfo(np.int64).max
        returning = movers[draw.random(len(movers)) < troubles.round_trips]
        absence = np.minimum(draw.geometric(1 / MEAN_ABSENCE_DAYS, len(returning)), LONGEST_ABSENCE_DAYS)
        back_on[returning] = day + absence


def _further(places: Places, home: Ints, troubles: Troubles, seed: int, away: Absences) -> list[FurtherMoves]:
    further: list[FurtherMoves] = []
    if troubles.local_moves:
        further.append(LocalMoves(places, len(home), troubles, seed))
    if len(away.person):
        further.append(UnseenMoves(places, away, seed))
    if troubles.return_wave:
        further.append(ReturnWave(places, home, troubles, seed))
    return further


def _with_further(further: list[FurtherMoves], day: int, here: NDArray[np.bool_], move: DayMoves) -> DayMoves:
    """A date's moves and the further ones, each of a person who is here and does not move yet."""
    for one in further:
        free = here.copy()
        free[move.movers] = False
        movers, destination = one.on(day, move.date, move.start, free)
        movers, destination = np.concatenate([move.movers, movers]), np.concatenate([move.destination, destination])
        order = np.argsort(movers)
        move = replace(move, movers=movers[order], destination=destination[order])
    return move


def needed_persons(places: Places, demand: Movement, scale: float, first: dt.date, days: int) -> Floats:
    """Persons (P) that each prefecture must hold on the first morning, so that the demand never runs out of people."""
    needed, balance = np.zeros(len(places.prefecture_codes)), np.zeros(len(places.prefecture_codes))
    for day in range(days):
        flows = demand.on(first + dt.timedelta(days=day)) / scale
        leaving = flows.sum(axis=1)
        needed = np.maximum(needed, leaving / (1 - STAY_BEHIND) - balance)
        balance += flows.sum(axis=0) - leaving
    return POOL_MARGIN * np.maximum(needed, 0)


def background_rates(places: Places, *, outside_hubei: bool) -> Floats:
    """Share of each prefecture's people who move on a day, to prefectures (P x P): within each, and outside Hubei."""
    if not outside_hubei:
        return LOCAL_RATE * np.eye(len(places.prefecture_codes))
    outside = ~places.in_province(HUBEI)
    weights = gravity_weights(places, (NEAR_POWER + FAR_POWER) / 2) * (outside[:, None] & outside[None, :])
    rates: Floats = OUTSIDE_RATE * weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    np.fill_diagonal(rates, LOCAL_RATE)
    return rates


def _day(
    places: Places,
    current: Ints,
    came_from: Ints,
    due: NDArray[np.bool_],
    here: NDArray[np.bool_],
    wanted: Ints,
    draw: Stream,
) -> tuple[Ints, Ints, int]:
    """Movers, their destinations and the unmet demand: first who is due to go back, then anyone who is here."""
    prefecture = places.prefecture[current]
    back, back_to = _returns(places, prefecture, came_from, due & here, wanted, draw)
    left = wanted.copy()
    np.subtract.at(left, (prefecture[back], places.prefecture[back_to]), 1)
    staying = here.copy()
    staying[back] = False
    new, toward = _new_movers(prefecture, staying, left, draw)
    movers = np.concatenate([back, new])
    destination = np.concatenate([back_to, places.draw_county(toward, draw.random(len(toward)))])
    elsewhere = destination != current[movers]  # a move within a prefecture may draw the county that it starts from
    movers, destination = movers[elsewhere], destination[elsewhere]
    order = np.argsort(movers)
    return movers[order], destination[order], int(left.sum() - len(new))


def _returns(
    places: Places, here: Ints, came_from: Ints, due: NDArray[np.bool_], wanted: Ints, draw: Stream
) -> tuple[Ints, Ints]:
    candidates = draw.permutation(np.flatnonzero(due & (came_from != NOWHERE)))
    pair = here[candidates] * len(wanted) + places.prefecture[came_from[candidates]]
    order, rank = _ranks(pair)
    chosen = candidates[order][rank < wanted.ravel()[pair[order]]]
    return chosen, came_from[chosen]


def _new_movers(here: Ints, staying: NDArray[np.bool_], wanted: Ints, draw: Stream) -> tuple[Ints, Ints]:
    """Persons at random out of those staying in each prefecture, as many as wanted, and where they go (prefecture)."""
    people = draw.permutation(np.flatnonzero(staying))
    there = np.bincount(here[people], minlength=len(wanted))
    enough = np.minimum(wanted.sum(axis=1), ((1 - STAY_BEHIND) * there).astype(int))
    order, rank = _ranks(here[people])
    movers = people[order][rank < enough[here[people[order]]]]
    trips = draw.permutation(np.repeat(np.arange(wanted.size), wanted.ravel()))
    order, rank = _ranks(trips // len(wanted))
    trips = trips[order][rank < enough[trips[order] // len(wanted)]]
    return movers, trips % len(wanted)


def _ranks(group: Ints) -> tuple[Ints, Ints]:
    """A stable order by group, and the rank of each within its group, in that order."""
    order = np.argsort(group, kind="stable")
    in_order = group[order]
    return order, np.arange(len(group)) - np.searchsorted(in_order, in_order, side="left")

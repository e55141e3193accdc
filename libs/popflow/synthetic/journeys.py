"""Where each person is in each quarter-hour of a date: straight lines between counties, faster the farther."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.commuters import NO_WORK, way_to_work
from popflow.synthetic.demand import HUBEI, WUHAN_CLOSED, WUHAN_CLOSED_SLOT
from popflow.synthetic.legs import FIRST_DEPARTURE, LAST_ARRIVAL, SLOTS, Legs, legs_between, travel, travel_slots
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import Stream
from popflow.synthetic.troubles import Troubles

EVENING_OUT = 64, 76  # slots at which people set out for the evening: 16:00 to 19:00
HOME_AT = 84, 96  # slots at which they are home: 21:00 to midnight
TRAIN_SLOTS = 12  # shortest journey that can run over midnight: 3 h
LATEST_BOARDING, EARLIEST_BOARDING = 4, 20  # slots before midnight
USUAL_DEPARTURE, DEPARTURE_SPREAD = 42.0, 14.0  # slots: 10:30 +- 3.5 h


@dataclass(frozen=True)
class Positions:
    """The county of a chunk's persons: `start` all day, save for those with a row in `moving` (rows x 96).

    row: row of each person, -1 for none. silent: (rows x 96) quarter-hours in which a traveller's phone is off.
    """

    start: Ints
    row: Ints
    moving: NDArray[np.int16]
    silent: NDArray[np.bool_]

    def county(self, person: Ints, slot: Ints) -> Ints:
        """The county of persons at slots."""
        row = self.row[person]
        return np.where(row >= 0, self.moving[row, slot], self.start[person])

    def off(self, person: Ints, slot: Ints) -> NDArray[np.bool_]:
        """Whether the person's phone is off at the slot."""
        row = self.row[person]
        return (row >= 0) & self.silent[row, slot]

    def runs(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Person, first slot, slots, county of every maximal run, in the order of persons and slots."""
        still = np.flatnonzero(self.row < 0)
        travellers = np.flatnonzero(self.row >= 0)
        changed = np.ones(self.moving[:-1].shape, bool)
        changed[:, 1:] = self.moving[:-1, 1:] != self.moving[:-1, :-1]
        row, first = np.nonzero(changed)
        person = np.concatenate([still, travellers[np.argsort(self.row[travellers])][row]])
        first_slot = np.concatenate([np.zeros(len(still), int), first])
        county = np.concatenate([self.start[still], self.moving[row, first].astype(int)])
        order = np.lexsort((first_slot, person))
        person, first_slot, county = person[order], first_slot[order], county[order]
        ends = np.append(first_slot[1:], 0)
        return person, first_slot, np.where(ends == 0, SLOTS, ends) - first_slot, county


@dataclass(frozen=True)
class Trains:
    """Journeys over a midnight: person, destination, and slots before midnight at which the journey begins."""

    person: Ints
    destination: Ints
    before: Ints

    def of(self, low: int, high: int) -> Trains:
        """Journeys of persons low..high-1, counted from low; persons are in order."""
        inside = slice(*np.searchsorted(self.person, [low, high]))
        return Trains(self.person[inside] - low, self.destination[inside], self.before[inside])


NOBODY: Ints = np.empty(0, int)
NO_TRAINS = Trains(NOBODY, NOBODY, NOBODY)


def trains(
    places: Places, start: Ints, movers: Ints, destination: Ints, moved_before: Ints, troubles: Troubles, draw: Stream
) -> Trains:
    """Which movers of a date begin their journey on the evening before: some of those who did not move then."""
    if not troubles.midnight_trains or not len(movers):
        return NO_TRAINS
    slots, by_air = travel_slots(places, start[movers], destination)
    boards = (slots >= TRAIN_SLOTS) & ~by_air & (draw.random(len(movers)) < troubles.midnight_trains)
    boards &= ~np.isin(movers, moved_before)
    earliest = np.minimum(EARLIEST_BOARDING, slots[boards] - LATEST_BOARDING)
    return Trains(movers[boards], destination[boards], draw.integers(LATEST_BOARDING, earliest + 1))


def positions(
    places: Places,
    start: Ints,
    movers: Ints,
    destination: Ints,
    date: dt.date,
    troubles: Troubles,
    draw: Stream,
    arriving: Trains = NO_TRAINS,
    boarding: Trains = NO_TRAINS,
    workplace: Ints | None = None,
) -> Positions:
    """Positions of one chunk on one date: its movers' journeys, and the ways of some who stay, to work and on trips.

    arriving: the movers who were on their way at the midnight before; boarding: who of the others will be at the next.
    workplace: the county to which each person commutes on the date, as `working_today` gives it; without it nobody.
    """
    travelling = np.concatenate([movers, boarding.person])
    working = _workers(workplace, travelling)
    busy = np.concatenate([travelling, working])
    trippers, visited = _day_trips(places, start, busy, date, troubles, draw)
    by_day = np.concatenate([busy, trippers])
    evening, met = _evenings(places, start, by_day, troubles, draw)
    people = np.concatenate([by_day, evening]).astype(int)
    row = np.full(len(start), -1)
    row[people] = np.arange(len(people))
    moving = np.empty((len(people) + 1, SLOTS), np.int16)  # a last row for nobody, so that row -1 can be read
    moving[:-1], moving[-1] = start[people, None], 0
    silent = np.zeros(moving.shape, bool)
    out = legs_between(
        places, np.arange(len(movers)), start[movers], destination, _departures(places, start[movers], date, draw)
    )
    out = _by_train(_arriving_late(out, troubles, draw), movers, arriving)
    rows = len(movers) + np.arange(len(boarding.person))
    leaving = legs_between(places, rows, start[boarding.person], boarding.destination, SLOTS - boarding.before)
    leaving = replace(leaving, depart=SLOTS - boarding.before)
    rows = len(busy) + np.arange(len(trippers))
    there = legs_between(places, rows, start[trippers], visited, draw.integers(28, 40, len(rows)))
    back = legs_between(places, rows, visited, start[trippers], draw.integers(60, 76, len(rows)))
    rows = len(by_day) + np.arange(len(evening))
    to_them = legs_between(places, rows, start[evening], met, draw.integers(*EVENING_OUT, len(rows)))
    home = legs_between(places, rows, met, start[evening], np.zeros(len(rows), int))
    home = replace(home, depart=draw.integers(*HOME_AT, len(rows)) - home.slots)
    rows = len(travelling) + np.arange(len(working))
    at_work = start if workplace is None else workplace
    to_work, from_work = way_to_work(places, rows, start[working], at_work[working], draw)
    off = draw.random(len(people)) < troubles.phone_off
    for legs in (out, leaving, there, back, to_them, home, to_work, from_work):
        travel(places, moving, silent, legs, off)
    return Positions(start, row, moving, silent)


def _workers(workplace: Ints | None, travelling: Ints) -> Ints:
    """Who commutes: all with a workplace who do not travel."""
    if workplace is None:
        return NOBODY
    works = workplace != NO_WORK
    works[travelling] = False
    return np.flatnonzero(works)


def _departures(places: Places, origin: Ints, date: dt.date, draw: Stream) -> Ints:
    """Wanted first slots of journeys; on the day on which Wuhan is closed, those out of Wuhan before 10:00."""
    depart = np.rint(draw.normal(USUAL_DEPARTURE, DEPARTURE_SPREAD, len(origin))).astype(int)
    if date == WUHAN_CLOSED:
        early = draw.integers(FIRST_DEPARTURE, WUHAN_CLOSED_SLOT, len(origin))
        from_wuhan = np.char.startswith(places.county_codes[origin], "4201")
        depart = np.where(from_wuhan, early, depart)
    return depart


def _arriving_late(legs: Legs, troubles: Troubles, draw: Stream) -> Legs:
    """The journeys, some of which end in the last hour of the day."""
    if not troubles.late_arrivals:
        return legs
    arrival = draw.integers(LAST_ARRIVAL, SLOTS, len(legs.row))
    late = (draw.random(len(legs.row)) < troubles.late_arrivals) & (arrival - legs.slots >= FIRST_DEPARTURE)
    return replace(legs, depart=np.where(late, arrival - legs.slots, legs.depart))


def _by_train(legs: Legs, movers: Ints, arriving: Trains) -> Legs:
    """The journeys, those over midnight begun on the evening before."""
    depart = legs.depart.copy()
    depart[np.searchsorted(movers, arriving.person)] = -arriving.before
    return replace(legs, depart=depart)


def _evenings(places: Places, start: Ints, busy: Ints, troubles: Troubles, draw: Stream) -> tuple[Ints, Ints]:
    """Who of the others spends the evening in the next county of the own prefecture, and which that is."""
    if not troubles.evenings_out:
        return NOBODY, NOBODY
    goes = (draw.random(len(start)) < troubles.evenings_out) & (places.next_within[start] != start)
    goes[busy] = False
    evening = np.flatnonzero(goes)
    return evening, places.next_within[start[evening]]


def _day_trips(
    places: Places, start: Ints, busy: Ints, date: dt.date, troubles: Troubles, draw: Stream
) -> tuple[Ints, Ints]:
    """Who of the others visits a nearby county on the date and which one; nobody in Hubei once Wuhan is closed."""
    goes = draw.random(len(start)) < troubles.day_trips
    goes[busy] = False
    if date >= WUHAN_CLOSED:
        goes &= ~np.char.startswith(places.county_codes[start], HUBEI[:2])
    trippers = np.flatnonzero(goes)
    choice = draw.integers(0, places.neighbours.shape[1], len(trippers))
    return trippers, places.neighbours[start[trippers], choice]

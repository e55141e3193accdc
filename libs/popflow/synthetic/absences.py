"""Who is not heard for whole days and then heard again: phones that are silent, and people who leave the country.

Assumed, none of it measured: nobody is away more than once; 2 to 10 days, each as likely; both the first and the last
date of a nation hear everybody, so that a shorter nation has shorter absences and one of three dates has none. Three
in ten of those whose phones are silent move in the middle of it to another county of their province, by residents, but
not within Hubei once Wuhan is closed; others move as anybody does. Who is abroad comes back to where they left, and
moves neither while away nor on the day of coming back. All lines of a person are silent, and no record of another day
or of a wrong clock falls on a silent date.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.local_moves import closed
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import stream
from popflow.synthetic.troubles import Troubles

FEWEST_DAYS, MOST_DAYS = 2, 10
MOVED_UNSEEN = 0.3


@dataclass(frozen=True)
class Absences:
    """One row per person who is away: person in order, first silent day of the nation and how many; whether abroad."""

    person: Ints
    first: Ints
    days: Ints
    abroad: NDArray[np.bool_]

    def of(self, low: int, high: int) -> Absences:
        """Absences of persons low..high-1, counted from low."""
        inside = slice(*np.searchsorted(self.person, [low, high]))
        return Absences(self.person[inside] - low, self.first[inside], self.days[inside], self.abroad[inside])

    def abroad_on(self, day: int) -> Ints:
        """Who is out of the country on a day of the nation."""
        return self.person[self.abroad & (self.first <= day) & (day < self.first + self.days)]

    def silent(self, person: Ints, day: Ints) -> NDArray[np.bool_]:
        """Whether each person is silent on the day beside it."""
        if not len(self.person):
            return np.zeros(len(person), bool)
        row = np.minimum(np.searchsorted(self.person, person), len(self.person) - 1)
        away = (self.first[row] <= day) & (day < self.first[row] + self.days[row])
        return (self.person[row] == person) & away


NO_ABSENCES = Absences(np.empty(0, int), np.empty(0, int), np.empty(0, int), np.empty(0, bool))


def absences(persons: int, days: int, troubles: Troubles, seed: int) -> Absences:
    """The absences in a nation of so many persons and dates."""
    if days < FEWEST_DAYS + 2 or not (troubles.unseen or troubles.abroad):
        return NO_ABSENCES
    draw = stream(seed, "absences")
    lot = draw.random(persons)
    person = np.flatnonzero(lot < troubles.abroad + troubles.unseen)
    length = np.minimum(draw.integers(FEWEST_DAYS, MOST_DAYS + 1, len(person)), days - 2)
    first = 1 + np.floor(draw.random(len(person)) * (days - 1 - length)).astype(int)
    return Absences(person, first, length, lot[person] < troubles.abroad)


class UnseenMoves:
    """Moves of people whose phones are silent, asked for date after date."""

    def __init__(self, places: Places, away: Absences, seed: int) -> None:
        self.places, self.seed = places, seed
        moves = ~away.abroad & (stream(seed, "unseen_movers").random(len(away.person)) < MOVED_UNSEEN)
        self.person, self.day = away.person[moves], (away.first + away.days // 2)[moves]

    def on(self, day: int, date: dt.date, current: Ints, free: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Who of those that are free moves on a date, and to which county."""
        person = self.person[self.day == day]
        person = person[free[person] & ~closed(self.places, current[person], date)]
        uniform = stream(self.seed, "unseen_moves", day).random(len(person))
        toward = self.places.draw_other_county(current[person], uniform, self.places.province)
        return person, toward

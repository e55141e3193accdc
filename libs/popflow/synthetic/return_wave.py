"""The way back after the holiday: who left their place before it goes back to it from 10 February 2020 on.

What is known: in most provinces no work began before 10 February, and Hubei was closed (`data/SOURCES.md`). What is
assumed: a person's place is where they lived on the nation's first morning; who is in another prefecture when the
holiday begins, on 24 January, left before it; of those the trouble's share goes back, each on one of the 28 days from
10 February on, as likely as on another, or as soon after it as they are free to; nobody into Hubei or out of it. A
nation that begins after 23 January has no such wave, since it does not know who left before.

It comes on top of the demand, which knows no persons: Wuhan's index ends on 5 February and is held from then on
(`popflow.synthetic.demand`), and in the whole nation a third of the way home is already taken back from 28 January on
(`popflow.synthetic.national`). Exact flows without records (`popflow.synthetic.scenario.counts`) have no wave.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.demand import HUBEI
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import stream
from popflow.synthetic.troubles import Troubles

HOLIDAY = dt.date(2020, 1, 24)
BACK_FROM, BACK_DAYS = dt.date(2020, 2, 10), 28


class ReturnWave:
    """The way back of one nation's people, asked for date after date."""

    def __init__(self, places: Places, home: Ints, troubles: Troubles, seed: int) -> None:
        self.places, self.home = places, home
        draw = stream(seed, "return_wave")
        self.goes_back = draw.random(len(home)) < troubles.return_wave
        self.after_days = draw.integers(0, BACK_DAYS, len(home))
        self.left_before = np.zeros(len(home), bool)

    def on(self, day: int, date: dt.date, current: Ints, free: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Who of those that are free goes back on a date, and to which county."""
        elsewhere = self.places.prefecture[current] != self.places.prefecture[self.home]
        if date == HOLIDAY and day > 0:
            self.left_before = elsewhere
        due = self.left_before & self.goes_back & ((date - BACK_FROM).days >= self.after_days)
        goes = due & free & elsewhere & ~self._in_hubei(current) & ~self._in_hubei(self.home)
        self.left_before &= ~goes
        person = np.flatnonzero(goes)
        return person, self.home[person]

    def _in_hubei(self, county: Ints) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = self.places.province_codes[self.places.province[county]] == HUBEI
        return inside

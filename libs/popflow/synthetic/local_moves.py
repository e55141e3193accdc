"""Moves between counties of one prefecture, beyond those that the demand knows: for good, or for some days.

Assumed, none of it measured: half of who moves comes back to the county that they left, after 3 days on the average and
10 at most; a county is chosen by residents. `popflow.synthetic.demand` has a local rate of its own, which is always on
and knows no way back; these come on top of it. In Hubei nobody moves so once Wuhan is closed, nor comes back.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.demand import HUBEI, WUHAN_CLOSED
from popflow.synthetic.places import Ints, Places
from popflow.synthetic.randomness import stream
from popflow.synthetic.troubles import Troubles

FOR_SOME_DAYS = 0.5
MEAN_DAYS, MOST_DAYS = 3.0, 10
NEVER = np.iinfo(np.int64).max


class LocalMoves:
    """The local moves of one nation, asked for date after date."""

    def __init__(self, places: Places, persons: int, troubles: Troubles, seed: int) -> None:
        self.places, self.rate, self.seed = places, troubles.local_moves, seed
        self.left, self.stays_in = np.zeros(persons, int), np.zeros(persons, int)
        self.back_on = np.full(persons, NEVER)

    def on(self, day: int, date: dt.date, current: Ints, free: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Who of those that are free moves on a date, and to which county."""
        draw = stream(self.seed, "local_moves", day)
        may = free & ~closed(self.places, current, date)
        back = np.flatnonzero(may & (self.back_on <= day) & (self.stays_in == current))
        goes = may & (draw.random(len(current)) < self.rate)
        goes[back] = False
        new = np.flatnonzero(goes)
        toward = self.places.draw_other_county(current[new], draw.random(len(new)), self.places.prefecture)
        new, toward = new[toward != current[new]], toward[toward != current[new]]
        back_to = self.left[back]
        self.back_on[back] = NEVER
        self._remember(day, current, new, toward, draw)
        return np.concatenate([back, new]), np.concatenate([back_to, toward])

    def _remember(self, day: int, current: Ints, new: Ints, toward: Ints, draw: np.random.Generator) -> None:
        days = np.minimum(draw.geometric(1 / MEAN_DAYS, len(new)), MOST_DAYS)
        comes_back = draw.random(len(new)) < FOR_SOME_DAYS
        self.left[new], self.stays_in[new] = current[new], toward
        self.back_on[new] = np.where(comes_back, day + days, NEVER)


def closed(places: Places, county: Ints, date: dt.date) -> NDArray[np.bool_]:
    """Which counties nobody leaves for another by choice: those of Hubei once Wuhan is closed."""
    return (date >= WUHAN_CLOSED) & (places.province_codes[places.province[county]] == HUBEI)

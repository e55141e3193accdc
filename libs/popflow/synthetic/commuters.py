"""Who lives in one county and works in another, and the way there and back on working days.

Assumed, none of it measured: a commuter works in one of the eight nearest counties, at most 60 km away, the nearer the
likelier (a power of -2); 96 % of them in the own prefecture. Who has no county so near does not commute, so that the
share of commuters among all persons is below the trouble's rate. They are at work from about 08:30 to 17:30 (a normal
spread of half an hour and of three quarters of one), the same ones in the same county on each working day of their
home's and of their workplace's province. Who begins a date elsewhere than at home, or moves on it, does not commute.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.legs import Legs, legs_between
from popflow.synthetic.places import Floats, Ints, Places, distance_km
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.troubles import Troubles
from popflow.synthetic.working_days import working_provinces

OTHER_PREFECTURE = 0.04  # share of the commuters who look for work beyond their prefecture
FARTHEST_KM, NEARNESS_POWER = 60.0, 2.0
NO_WORK = -1
AT_WORK, AT_WORK_SPREAD, AT_WORK_LATEST = 34.0, 2.0, 40  # slots: 08:30 +- half an hour, by 10:00
LEAVES, LEAVES_SPREAD, LEAVES_EARLIEST = 70.0, 3.0, 64  # slots: 17:30 +- 45 minutes, not before 16:00


def workplaces(places: Places, home: Ints, part: int, troubles: Troubles, seed: int) -> Ints:
    """The county in which each person of a part works; NO_WORK for all but commuters."""
    if not troubles.commuters:
        return np.full(len(home), NO_WORK)
    draw = stream(seed, "commuters", part)
    commutes, beyond = draw.random(len(home)) < troubles.commuters, draw.random(len(home)) < OTHER_PREFECTURE
    within, outside = _nearness(places)
    leaves = beyond & outside[home].any(axis=1)
    upper = np.cumsum(np.where(leaves[:, None], outside[home], within[home]), axis=1)
    chosen = (draw.random(len(home)) * upper[:, -1])[:, None] >= upper
    county = places.neighbours[home, np.minimum(chosen.sum(axis=1), upper.shape[1] - 1)]
    return np.where(commutes & (upper[:, -1] > 0), county, NO_WORK)


def working_today(places: Places, workplace: Ints, home: Ints, start: Ints, date: dt.date) -> Ints:
    """The county to which each person commutes on a date; NO_WORK for who does not."""
    working = working_provinces(date, places.province_codes)
    goes = (workplace != NO_WORK) & (start == home)
    goes &= working[places.province[home]] & working[places.province[workplace]]
    return np.where(goes, workplace, NO_WORK)


def way_to_work(places: Places, row: Ints, home: Ints, workplace: Ints, draw: Stream) -> tuple[Legs, Legs]:
    """The journeys of commuters to work and home again; row: those of their matrix."""
    there = legs_between(places, row, home, workplace, np.zeros(len(row), int))
    arrival = np.minimum(_around(AT_WORK, AT_WORK_SPREAD, len(row), draw), AT_WORK_LATEST)
    leaving = np.maximum(_around(LEAVES, LEAVES_SPREAD, len(row), draw), LEAVES_EARLIEST)
    there = replace(there, depart=np.maximum(arrival - there.slots, there.depart))
    return there, legs_between(places, row, workplace, home, leaving)


def _around(slot: float, spread: float, count: int, draw: Stream) -> Ints:
    return np.rint(draw.normal(slot, spread, count)).astype(int)


@functools.lru_cache(maxsize=2)
def _nearness(places: Places) -> tuple[Floats, Floats]:
    """How likely each neighbour is as a workplace (n x 8): those of the own prefecture, and those of others."""
    km = distance_km(places.points[:, None], places.points[places.neighbours])
    weight = np.where(km <= FARTHEST_KM, np.maximum(km, 1.0) ** -NEARNESS_POWER, 0.0)
    own: NDArray[np.bool_] = places.prefecture[places.neighbours] == places.prefecture[:, None]
    return weight * own, weight * ~own

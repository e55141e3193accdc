"""A seed gives what it always gave: troubles that were added later, at rate 0, draw no number of the older ones."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace

import numpy as np
from small_nations import SEED, DayOfRecords, day_of_records

from popflow.synthetic.demand import HUBEI_MOVERS_A_DAY, Demand
from popflow.synthetic.moves import plan
from popflow.synthetic.people import homes
from popflow.synthetic.places import Places
from popflow.synthetic.troubles import Troubles

LATER = ("commuters", "local_moves", "unseen", "abroad", "return_wave")
OLDER = replace(Troubles.all(), **dict.fromkeys(LATER, 0.0))
# Of the simulation before any of the later troubles was there.
RECORDS, MOVES = "ce8129161fbce1a6", "aec5e7aed0d7d97f"


def digest(*columns: np.ndarray) -> str:
    """Of whole numbers, whatever their width."""
    return hashlib.sha256(b"".join(np.asarray(column, np.int64).tobytes() for column in columns)).hexdigest()[:16]


def of_day(day: DayOfRecords) -> str:
    return digest(day.made.sim, day.made.second, day.made.cell, day.made.event, day.made.damage, day.where.moving)


def of_plan(places: Places, demand: Demand, troubles: Troubles) -> str:
    home = homes(places, 20_000, np.full(len(places.prefecture_codes), 30.0), SEED)
    days = plan(places, demand, HUBEI_MOVERS_A_DAY / 3000, home, dt.date(2020, 1, 21), 3, troubles, SEED)
    return digest(*(column for move in days for column in (move.start, move.movers, move.destination)))


def test_a_day_of_records_is_what_it_was(places: Places) -> None:
    assert of_day(day_of_records(places, OLDER)) == RECORDS


def test_moves_are_what_they_were(places: Places, demand: Demand) -> None:
    assert of_plan(places, demand, OLDER) == MOVES


def test_a_later_trouble_that_is_on_changes_them(places: Places, demand: Demand) -> None:
    assert of_plan(places, demand, replace(OLDER, local_moves=0.01)) != MOVES

"""Journeys as legs: how long the way takes, and the county that a traveller has reached in each quarter-hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.places import Floats, Ints, Places, distance_km

SLOTS = 96
DETOUR = 1.25  # way by road or rail over the straight line
ROAD_KM_H, RAIL_KM_H, AIR_KM_H = 70.0, 200.0, 600.0
RAIL_FROM_KM, AIR_FROM_KM, AIRPORT_HOURS = 300.0, 1200.0, 2.0
FIRST_DEPARTURE, LAST_ARRIVAL = 4, 92  # so that 00:00 to 01:00 and 23:00 to 24:00 are spent at the ends of the journey


@dataclass(frozen=True)
class Legs:
    """Journeys: matrix row, first slot of the journey, slots that it takes, from which county to which."""

    row: Ints
    depart: Ints
    slots: Ints
    origin: Ints
    destination: Ints
    by_air: NDArray[np.bool_]


def travel_slots(places: Places, origin: Ints, destination: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Quarter-hours from county to county, and whether it is a flight: 70 km/h, from 300 km 200 km/h, then by air."""
    km = distance_km(places.points[origin], places.points[destination]) * DETOUR
    by_air = km >= AIR_FROM_KM
    speed = np.where(km < RAIL_FROM_KM, ROAD_KM_H, RAIL_KM_H)
    hours = np.where(by_air, AIRPORT_HOURS + km / AIR_KM_H, km / speed)
    return np.maximum(np.ceil(4 * hours), 1).astype(int), by_air


def legs_between(places: Places, row: Ints, origin: Ints, destination: Ints, depart: Ints) -> Legs:
    """Journeys that begin at the wanted slots, or as near to them as leaves both ends of the day at rest."""
    slots, by_air = travel_slots(places, origin, destination)
    latest = LAST_ARRIVAL - slots
    return Legs(row, np.clip(depart, FIRST_DEPARTURE, latest), slots, origin, destination, by_air)


def travel(
    places: Places, moving: NDArray[np.int16], silent: NDArray[np.bool_], legs: Legs, off: NDArray[np.bool_]
) -> None:
    """Write journeys into the matrix: on the way, then the destination to the end of the day."""
    arrival = legs.depart + legs.slots
    rows = legs.row
    block = moving[rows]
    moving[rows] = np.where(np.arange(SLOTS) >= arrival[:, None], legs.destination[:, None], block)
    leg = np.repeat(np.arange(len(rows)), legs.slots)
    step = np.arange(len(leg)) - np.repeat(np.cumsum(legs.slots) - legs.slots, legs.slots)
    slot = legs.depart[leg] + step
    today = (slot >= 0) & (slot < SLOTS)
    leg, step, slot = leg[today], step[today], slot[today]
    moving[rows[leg], slot] = _on_the_way(places, legs, leg, step)
    quiet = (off[rows] | legs.by_air)[leg]
    silent[rows[leg][quiet], slot[quiet]] = True
    unheard = off[rows] & (arrival < SLOTS)
    silent[rows[unheard], arrival[unheard]] = True


def _on_the_way(places: Places, legs: Legs, leg: Ints, step: Ints) -> Ints:
    """The county nearest to the point that a traveller has reached."""
    share: Floats = ((step + 0.5) / legs.slots[leg])[:, None]
    point = (1 - share) * places.points[legs.origin[leg]] + share * places.points[legs.destination[leg]]
    return np.asarray(places.tree.query(point)[1])

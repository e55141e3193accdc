"""Measured beside true: weighted error, bias and rank correlation of cells, at province, prefecture and county level.

WMAPE = sum of |measured - true| over sum of true; bias = sum of (measured - true) over sum of true; found = sum of the
smaller of both over sum of true. A cell that only one side knows counts with 0 on the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from popflow.geography.codes import prefecture_of, province_of

LEVELS: Mapping[str, Callable[[str], str]] = {
    "province": province_of,
    "prefecture": prefecture_of,
    "county": lambda code: code,
}
LARGE = 200  # true movers from which a county's cell is asked to be right by itself
PLACES = ["origin_county", "destination_county"]
IN_WORDS = {"population": "population by hour"}  # the day ends are `population` already
BY_COUNTY = ["quantity", "date", "hour", "county_code", "persons"]
SCORES = ["quantity", "level", "cells", "persons", "wmape", "bias", "found", "rank"]


@dataclass(frozen=True)
class Figures:
    """What is known of a nation's dates, measured or true.

    flows: date, origin_county, destination_county, persons, stayers on the diagonal. population: date, county_code,
    persons at the day's end. by_county: what is told in hundreds, exact: quantity, date, hour (0 where it has none),
    county_code, persons; empty where it was not measured.
    """

    flows: pd.DataFrame
    population: pd.DataFrame
    by_county: pd.DataFrame

    def on(self, dates: list[dt.date]) -> Figures:
        """Figures of some dates."""
        frames = (self.flows, self.population, self.by_county)
        return Figures(*(frame[frame["date"].isin(dates)] for frame in frames))


def scores(measured: Figures, true: Figures, prefecture: str) -> pd.DataFrame:
    """One row per quantity and level: cells, true persons, WMAPE, bias, share found, Spearman's rank correlation.

    Quantities: flows (the nation's, place to place), outflow (of a prefecture, by destination), the same of its large
    cells, population (day end), and by county what is told in hundreds. A cell is of one date: a move that is found a
    day late counts twice.
    """
    rows = []
    for level, place_of in LEVELS.items():
        cells = {
            "flows": _joined(_flows(measured.flows, place_of), _flows(true.flows, place_of)),
            "outflow": _joined(*(_outflow(one.flows, place_of, prefecture) for one in (measured, true))),
            "population": _joined(*(_population(one.population, place_of) for one in (measured, true))),
        }
        cells["outflow, large cells"] = cells["outflow"][cells["outflow"]["true"] >= LARGE]
        rows += [{"quantity": name, "level": level, **score(frame)} for name, frame in cells.items()]
    for name, found in measured.by_county.groupby("quantity"):
        there = true.by_county[true.by_county["quantity"] == name]
        said = IN_WORDS.get(str(name), str(name))
        rows.append({"quantity": said, "level": "county", **score(_joined(_told(found), _told(there)))})
    return pd.DataFrame(rows)[SCORES]


def score(cells: pd.DataFrame) -> dict[str, Any]:
    """The scores of cells (columns measured, true)."""
    error, persons = cells["measured"] - cells["true"], cells["true"].sum()
    known = cells[cells["true"] > 0]
    return {
        "cells": len(known),
        "persons": int(persons),
        "wmape": float(error.abs().sum() / persons) if persons else float("nan"),
        "bias": float(error.sum() / persons) if persons else float("nan"),
        "found": float(cells.min(axis=1).sum() / persons) if persons else float("nan"),
        "rank": float(known["measured"].corr(known["true"], method="spearman")) if len(known) > 2 else float("nan"),
    }


def _flows(flows: pd.DataFrame, place_of: Callable[[str], str]) -> pd.Series:
    moved = _placed(flows, place_of)
    return _summed(moved[moved["origin"] != moved["destination"]], ["date", "origin", "destination"])


def _outflow(flows: pd.DataFrame, place_of: Callable[[str], str], prefecture: str) -> pd.Series:
    """Out of the prefecture, so that at province level its own province is a destination like any other."""
    origin, destination = (flows[name].map(prefecture_of) for name in PLACES)
    left = _placed(flows[(origin == prefecture) & (destination != prefecture)], place_of)
    return _summed(left, ["date", "destination"])


def _population(population: pd.DataFrame, place_of: Callable[[str], str]) -> pd.Series:
    return _summed(population.assign(place=population["county_code"].map(place_of)), ["date", "place"])


def _told(by_county: pd.DataFrame) -> pd.Series:
    return _summed(by_county, ["date", "hour", "county_code"])


def _placed(flows: pd.DataFrame, place_of: Callable[[str], str]) -> pd.DataFrame:
    origin, destination = (flows[name].map(place_of) for name in PLACES)
    return flows.assign(origin=origin, destination=destination)


def _summed(frame: pd.DataFrame, cell: list[str]) -> pd.Series:
    return frame.groupby(cell)["persons"].sum()


def _joined(measured: pd.Series, true: pd.Series) -> pd.DataFrame:
    return pd.concat([measured.rename("measured"), true.rename("true")], axis=1).fillna(0)

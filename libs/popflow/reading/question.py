"""A question to the published flows, with every name and date resolved."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from popflow.errors import PopflowError
from popflow.indicators import Indicator
from popflow.reading import bounds as tree
from popflow.reading.names import AskedArea, Place, Places, did_you_mean

Level = Literal["province", "prefecture", "county", "pair"]
LEVELS: tuple[Level, ...] = ("province", "prefecture", "county", "pair")


@dataclass(frozen=True)
class Question:
    """What is asked of the published flows, with every name resolved."""

    indicator: Indicator
    area: AskedArea
    destination: Place | None
    first: dt.date
    last: dt.date
    level: Level
    as_of: dt.datetime | None = None
    by_origin: bool = False
    daily: bool = False

    @property
    def view(self) -> tree.View:
        """Whose rows of the chain are looked at."""
        inner = self.area.code if self.area.level == "prefecture" else None
        by_origin = self.by_origin or self.level == "pair"
        return tree.View(self.area.chain, self.area.province_code, inner, tree.numbered(self.indicator), by_origin)


def level_of(level: str, destination: Place | None, indicator: Indicator) -> Level:
    """The level that a text names.

    Raises PopflowError where it is none of the indicator's, or coarser than the destination asked for.
    """
    levels = [known for known in LEVELS if tree.TOP_OF[known] < len(indicator.steps)]
    for known in levels:
        if known == level:
            if destination and LEVELS.index(known) < LEVELS.index(destination.level):
                raise PopflowError(
                    f"--level {level} is coarser than {destination}; ask for --level {destination.level}"
                )
            return known
    raise PopflowError(f"no level '{level}'{did_you_mean(level, levels)}; the levels are {', '.join(levels)}")


def filters(question: Question, places: Places) -> dict[str, list[str]]:
    """What narrows the reading of `flows` down: only the steps to the level, only the origins of the view."""
    top = tree.TOP_OF[question.level]
    kinds = [kind for kind, step in tree.numbered(question.indicator).items() if step <= top]
    levels = {"origin_level": sorted({o for o, _ in kinds}), "destination_level": sorted({d for _, d in kinds})}
    return levels | {"origin_code": _origins(question.area, places, with_counties=top == tree.PAIR)}


def _origins(area: AskedArea, places: Places, *, with_counties: bool) -> list[str]:
    """Codes that a row of the area can bear as its origin.

    With these alone a border row has no row below it exactly when it shows no origin: 0 persons are withheld too.
    """
    digits = 4 if area.level == "prefecture" else 2
    counties = [one.code for one in places.all("county") if one.code[:digits] == area.code[:digits]]
    prefectures = {one.code for one in places.all("prefecture") if one.code[:digits] == area.code[:digits]}
    named = {area.chain, area.code, *prefectures, *(f"{code[:4]}00" for code in counties)}
    return sorted({*named, *(f"{tree.REST}{one}" for one in named), *(counties if with_counties else [])})

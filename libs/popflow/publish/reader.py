"""The analyst's read side: from a question to a pandas frame, without Java.

import popflow
popflow.read("lake").outflow("wuhan", days=14, before="2020-01-23", level="county")
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from popflow import contracts as contracts_module
from popflow.errors import NoTable, PopflowError
from popflow.lake import Lake
from popflow.publish import bounds as tree
from popflow.publish import rows
from popflow.publish.names import AskedArea, Place, Places, did_you_mean, find_area
from popflow.publish.served import OUTFLOW, Served, date_range, dates_between, moment, nothing_served, served, standing

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Level = Literal["province", "prefecture", "county", "pair"]
LEVELS: tuple[Level, ...] = ("province", "prefecture", "county", "pair")
NOT_PUBLISHED = (
    "blocks and stock are no longer published: figures beside the days could be subtracted from them, down to single "
    "persons. Stock will come back rounded to hundreds. Ask for the days instead: popflow pull outflow --area wuhan "
    "--days 14 --before 2020-01-23"
)
FLOW_COLUMNS = [
    "date",
    "release",
    "origin_level",
    "origin_code",
    "destination_level",
    "destination_code",
    "persons",
    "definition",
]
NAME_COLUMNS = [
    f"{level}_{part}" for level in ("county", "prefecture", "province") for part in ("code", "name", "pinyin")
]


@dataclass(frozen=True)
class Question:
    """What is asked of the published flows, with every name resolved."""

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
        return tree.View(self.area.chain, self.area.province_code, inner, by_origin)


def read(lake: str | Path | Lake) -> Reader:
    """The published tables of a lake, for an analyst."""
    return Reader(lake)


class Reader:
    """Reads `flows` and `releases` of one lake, and names from its `counties`."""

    def __init__(self, lake: str | Path | Lake) -> None:
        self.lake = lake if isinstance(lake, Lake) else Lake(lake, contracts_module.load())

    @functools.cached_property
    def counties(self) -> pd.DataFrame:
        """Names, codes and residents of the lake's counties; of those that popflow ships where it has none."""
        wanted = [*NAME_COLUMNS, "population", "lon", "lat", "edition"]
        try:
            return _newest_edition(self.lake.read_pandas("counties", wanted))
        except NoTable:
            from popflow.geography.counties import county_table

            return _newest_edition(county_table())

    @functools.cached_property
    def places(self) -> Places:
        """Every province, prefecture and county, to be found by code or name."""
        return Places(self.counties)

    @functools.cached_property
    def releases(self) -> pd.DataFrame:
        """Every release and withdrawal (contract `releases`). Raises PopflowError where nothing was published."""
        return self.releases_of()

    def releases_of(self, dates: Iterable[dt.date] | None = None) -> pd.DataFrame:
        """The same of some dates, all where None; a table of years is read in the time of these."""
        asked: dict[str, Any] = {} if dates is None else {"date": list(dates)}
        try:
            return self.lake.read_pandas("releases", **asked)
        except NoTable:
            raise PopflowError(
                f"{self.lake.root}: nothing has been published in this lake yet; run popflow nightly first"
            ) from None

    def question(
        self,
        area: str,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        level: str = "county",
        destination: str | None = None,
        as_of: str | dt.datetime | None = None,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        by_origin: bool = False,
        daily: bool = False,
    ) -> Question:
        """Resolve names and dates. Raises PopflowError for what does not exist, with the nearest that does."""
        asked = find_area(area, self.lake.contracts.areas, self.places)
        place = self.places.find(destination) if destination else None
        first, last = date_range(date_from, date_to, days, before)
        return Question(asked, place, first, last, _level(level, place), moment(as_of), by_origin, daily)

    def outflow(
        self,
        area: str,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        level: str = "county",
        destination: str | None = None,
        as_of: str | dt.datetime | None = None,
        geometry: bool = False,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        by_origin: bool = False,
        daily: bool = False,
    ) -> pd.DataFrame | gpd.GeoDataFrame:
        """Persons who left an area, by destination.

        Grain: one destination (with level pair: one origin county and destination; by_origin: and origin prefecture;
        daily: and date) that is shown on at least one date, and one row per rest. The rows' `persons_at_least` add up
        to the whole. Unit: persons on one date; person-trips, the sum of each date's persons, on several.
        Dates are given from and to, both included, or as so many days before a date.
        `attrs` of the frame hold the question's figures (`summary`) and what to know about it (`notices`).
        Raises PopflowError, in one line, for what does not exist or is not shown.
        """
        given: dict[str, Any] = {"days": days, "before": before, "by_origin": by_origin, "daily": daily}
        question = self.question(area, date_from, date_to, level, destination, as_of, **given)
        frame = self.answer(question)
        return self._with_geometry(frame, question) if geometry else frame

    def blocks(self, *asked: Any, **given: Any) -> NoReturn:
        """Refusal: persons of 14 days, each once, are no longer published. Raises PopflowError, which says why."""
        raise PopflowError(NOT_PUBLISHED)

    def stock(self, *asked: Any, **given: Any) -> NoReturn:
        """Refusal: where those are who stayed in an area is no longer published. Raises PopflowError, with the why."""
        raise PopflowError(NOT_PUBLISHED)

    def answer(self, question: Question) -> pd.DataFrame:
        """The answer to a resolved question; see `outflow`."""
        serving = self.served(question)
        return rows.answer(question, self.flows(question, serving), serving, self.places)

    def served(self, question: Question) -> Served:
        """Which release of each date of the question is served.

        Raises PopflowError where none of its dates has a release, naming the dates that there are.
        """
        dates = dates_between(question.first, question.last)
        asked = (OUTFLOW, dates, question.as_of)
        found = served(self.releases_of(dates), *asked)
        if not found.releases and not found.empty:
            raise PopflowError(nothing_served(self.releases, *asked))
        return found

    def flows(self, question: Question, serving: Served) -> pd.DataFrame:
        """The published rows (contract `flows`) that a question needs, of the releases that are served."""
        if not serving.releases:
            raise PopflowError(f"on {question.first} to {question.last} nothing could be shown: every release is empty")
        equals: dict[str, Any] = {"date": list(serving.releases), "indicator": OUTFLOW}
        filters = _filters(question, self.places) | equals
        found = self.lake.read_pandas("flows", FLOW_COLUMNS, **filters)
        found = found[found["release"] == found["date"].map(serving.releases)]
        if found.empty:
            raise PopflowError(
                f"{self.lake.path('flows')}: it lacks the rows that releases speaks of; run popflow audit"
            )
        return found

    def dates(self) -> list[dt.date]:
        """The dates of which a release with figures is served, in order."""
        known = self.releases[self.releases["indicator"] == OUTFLOW]
        return sorted(date for date, (_, status) in standing(known).items() if status == "released")

    def polygons(self, level: str) -> gpd.GeoDataFrame:
        """Polygons (WGS-84) of a level's places, prefectures and provinces made of counties: code, geometry."""
        from popflow.publish.shapes import polygons

        return polygons(self.county_polygons(), level)

    def county_polygons(self) -> gpd.GeoDataFrame:
        """The counties with their polygons (WGS-84), the lake's or those that popflow ships."""
        from popflow.geography.counties import from_contract, shipped_counties

        if self.lake.exists("counties"):
            return from_contract(_newest_edition(self.lake.read_pandas("counties")))
        return shipped_counties()

    def _with_geometry(self, frame: pd.DataFrame, question: Question) -> gpd.GeoDataFrame:
        from popflow.publish.shapes import joined

        return joined(frame, self.polygons("county" if question.level == "pair" else question.level))


def _level(level: str, destination: Place | None) -> Level:
    for known in LEVELS:
        if known == level:
            if destination and LEVELS.index(known) < LEVELS.index(destination.level):
                raise PopflowError(
                    f"--level {level} is coarser than {destination}; ask for --level {destination.level}"
                )
            return known
    raise PopflowError(f"no level '{level}'{did_you_mean(level, LEVELS)}; the levels are {', '.join(LEVELS)}")


def _newest_edition(counties: pd.DataFrame) -> pd.DataFrame:
    return counties[counties["edition"] == counties["edition"].max()].reset_index(drop=True)


def _filters(question: Question, places: Places) -> dict[str, list[str]]:
    """What narrows the reading of `flows` down: only the steps to the level, only the origins of the view."""
    top = tree.TOP_OF[question.level]
    kinds = [kind for kind, step in tree.STEPS.items() if step <= top]
    levels = {"origin_level": sorted({o for o, _ in kinds}), "destination_level": sorted({d for _, d in kinds})}
    if question.view.prefecture is None:
        return levels
    code = question.area.code
    # With these alone a border row has no row below it exactly when it shows no origin: 0 persons are withheld too.
    origins = [question.area.chain, code, f"rest_of_{code}", f"rest_of_{question.area.chain}"]
    counties = [place.code for place in places.all("county") if place.code[:4] == code[:4]]
    return levels | {"origin_code": origins + (counties if top == tree.PAIR else [])}

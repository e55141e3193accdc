"""The analyst's read side: from a question to a pandas frame, without Java.

import popflow
popflow.read("lake").ask("outflow", "wuhan", days=14, before="2020-01-23", level="county"), or as a method of the
indicator's name: popflow.read("lake").outflow("wuhan", ...)
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow import contracts as contracts_module
from popflow.dates import date_range, dates_between, moment
from popflow.errors import NoTable, NotShown, PopflowError
from popflow.hundreds import Hundreds
from popflow.lake import Lake
from popflow.reading import both_ways, rows
from popflow.reading import counts as in_hundreds
from popflow.reading.answers import inflow_frame, matrix_frame, net_frame
from popflow.reading.both_ways import Toward
from popflow.reading.names import Place, Places, did_you_mean, find_area
from popflow.reading.question import Question, filters, level_of
from popflow.reading.served import Served, nothing_served, served
from popflow.release.ledger import standing

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

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
        """Releases of some dates, all where None; a table of years is read in the time of these."""
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
        indicator: str | None = None,
    ) -> Question:
        """Resolve names and dates; without an indicator the headline's.

        Raises PopflowError for what does not exist, with the nearest that does.
        """
        known = self.lake.contracts
        of = known.indicator(indicator) if indicator else known.headline
        asked = find_area(area, of.areas_of(known.areas), self.places)
        place = self.places.find(destination) if destination else None
        first, last = date_range(date_from, date_to, days, before)
        level_asked = level_of(level, place, of)
        return Question(of, asked, place, first, last, level_asked, moment(as_of), by_origin, daily)

    def __getattr__(self, name: str) -> Callable[..., pd.DataFrame]:
        """An indicator as a method: reader.outflow(...) is reader.ask("outflow", ...), of counts as `counts`."""
        if name.startswith("_") or name == "lake":  # asked for by copying, before there is a lake
            raise AttributeError(name)
        known = self.lake.contracts
        gone = {one.asked_as for one in known.retired.values()}
        if name in known.hundreds:
            return functools.partial(self.counts, name)
        if name not in known.indicators and name not in gone:
            raise AttributeError(f"no indicator '{name}'; there are {', '.join(known.published)}")
        return functools.partial(self.ask, name)

    def ask(
        self,
        indicator: str,
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
        """An indicator's persons of an area, by destination.

        Grain: one destination (with level pair: one origin county and destination; by_origin: and origin prefecture;
        daily: and date) that is shown on at least one date, and one row per rest. The rows' `persons_at_least` add up
        to the whole. Unit: persons on one date; person-trips, the sum of each date's persons, on several.
        Dates are given from and to, both included, or as so many days before a date.
        `attrs` of the frame hold the question's figures (`summary`) and what to know about it (`notices`).
        Raises PopflowError, in one line, for what does not exist or is not shown.
        """
        given: dict[str, Any] = {"days": days, "before": before, "by_origin": by_origin, "daily": daily}
        question = self.question(area, date_from, date_to, level, destination, as_of, **given, indicator=indicator)
        frame = self.answer(question)
        return self._with_geometry(frame, question) if geometry else frame

    def inflow(
        self,
        area: str,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        by: str = "prefecture",
        as_of: str | dt.datetime | None = None,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        daily: bool = False,
        indicator: str | None = None,
    ) -> pd.DataFrame:
        """Persons who came to a place, by origin: a view of the rows of all chains.

        area: a province, prefecture or county. by: origins are prefectures or provinces. Grain: one origin (daily: and
        date) from which anybody can have come; columns and unit as of `ask`. Rows' `persons_at_least` add up to the
        whole; `attrs` hold the whole with its bounds, the share that these leave open, and what came from the place's
        own province (`summary`). Raises PopflowError, in one line, for what does not exist or is not shown.
        """
        place, window = self.places.find(area), date_range(date_from, date_to, days, before)
        asked = self.toward(place, place.level, by, window, as_of, daily, indicator)
        serving, flows = self.flows_toward(asked)
        return inflow_frame(asked, serving, flows, self.lake.contracts.areas, self.places)

    def counts(
        self,
        indicator: str,
        area: str | None = None,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        hours: str | Iterable[int] | None = None,
        as_of: str | dt.datetime | None = None,
        geometry: bool = False,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        index: str | None = None,
        baseline: str | None = None,
    ) -> pd.DataFrame | gpd.GeoDataFrame:
        """Persons of an indicator in hundreds, by county.

        area: a province, prefecture or county; all counties where None. hours: as '3,10' or numbers; all where None.
        Grain: county, date and hour; a county without a figure is unknown and has no numbers. Unit: persons, rounded to
        hundreds; the true number lies between persons_at_least and persons_at_most. index: work-night (10:00 in percent
        of 03:00) or baseline (in percent of the median of the workdays of `baseline`, as 2019-12-02:2019-12-29), in
        percent with its bounds. Raises PopflowError, in one line, for what does not exist or is not served.
        """
        of = self._hundreds(indicator)
        place = self.places.find(area) if area else None
        first, last = date_range(date_from, date_to, days, before)
        name, window = in_hundreds.index_of(index, baseline, of)
        asked = in_hundreds.Asked(of, place, first, last, in_hundreds.hours_of(hours, of), moment(as_of), name, window)
        serving = self.served(asked)
        _refuse_nothing_shown(asked, serving)
        told = self._counts_of(asked, list(serving.releases))
        base = self._counts_of(asked, self._base_dates(asked)) if window else told.iloc[:0]
        frame = in_hundreds.counts_frame(asked, serving, told, base, self.places)
        return self._counties_drawn(frame) if geometry else frame

    def _hundreds(self, indicator: str) -> Hundreds:
        known = self.lake.contracts
        if indicator not in known.hundreds:
            known.indicator(indicator)  # says what is known of it
            raise PopflowError(f"{indicator} is not told in hundreds; ask for it with popflow pull {indicator}")
        return known.hundreds[indicator]

    def _base_dates(self, asked: in_hundreds.Asked) -> list[dt.date]:
        """Dates of the baseline that are served. Raises PopflowError where none is."""
        assert asked.baseline is not None
        return list(self.served(replace(asked, first=asked.baseline[0], last=asked.baseline[1])).releases)

    def _counts_of(self, asked: in_hundreds.Asked, dates: list[dt.date]) -> pd.DataFrame:
        equals: dict[str, Any] = {"indicator": asked.indicator.indicator, "date": dates}
        if asked.indicator.hourly:
            equals["hour"] = list(asked.read_hours)
        columns = ["date", "release", "hour", "county_code", "persons", "definition"]
        return self.lake.read_pandas("counts", columns, **equals)

    def _counties_drawn(self, frame: pd.DataFrame) -> gpd.GeoDataFrame:
        from popflow.reading.shapes import joined

        return joined(frame, self.polygons("county"), "county")

    def net(
        self,
        area: str,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        as_of: str | dt.datetime | None = None,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        daily: bool = False,
        indicator: str | None = None,
    ) -> pd.DataFrame:
        """Persons who came to a province or prefecture less those who left it, at least and at most.

        Grain: one row; daily: a date that is served. Columns: inflow, outflow and net, each at least and at most; unit;
        dates. Raises PopflowError, in one line, for what does not exist or is not shown.
        """
        given: dict[str, Any] = {"days": days, "before": before, "indicator": indicator}
        question = self.question(area, date_from, date_to, "province", as_of=as_of, **given)
        area_itself = self.places.get(question.area.level, question.area.code)
        window = (question.first, question.last)
        asked = self.toward(area_itself, question.area.level, "province", window, as_of, True, indicator)
        serving, left = self.shown(question)
        flows = self.flows_toward(asked)[1]
        gone = rows.by_date(question, left, serving)
        return net_frame(asked, serving, flows, gone, self.lake.contracts.areas, self.places, daily=daily)

    def matrix(
        self,
        level: str = "prefecture",
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        as_of: str | dt.datetime | None = None,
        *,
        days: int | None = None,
        before: dt.date | str | None = None,
        daily: bool = False,
        wide: bool = False,
        indicator: str | None = None,
    ) -> pd.DataFrame:
        """Persons from every origin to every destination, at least and at most.

        level: of the destinations; origins are provinces for provinces, else prefectures. Grain: origin and destination
        (daily: and date) between which anybody can have moved; columns and unit as of `ask`. wide: origins by
        destinations in their place, the bounds as the upper level of the columns; a pair between which nobody can have
        moved is 0. The diagonal of provinces is what moved between their prefectures.
        Raises PopflowError, in one line, for what does not exist or is not shown.
        """
        if level not in both_ways.MATRIX_LEVELS:
            near = did_you_mean(level, both_ways.MATRIX_LEVELS)
            raise PopflowError(f"no level '{level}'{near}; the levels are {', '.join(both_ways.MATRIX_LEVELS)}")
        if wide and daily:
            raise PopflowError("--wide holds one figure a pair; ask for --daily without it")
        by = "province" if level == "province" else "prefecture"
        window = date_range(date_from, date_to, days, before)
        asked = self.toward(None, level, by, window, as_of, daily, indicator)
        serving, flows = self.flows_toward(asked)
        return matrix_frame(asked, serving, flows, self.lake.contracts.areas, self.places, wide=wide)

    def toward(
        self,
        place: Place | None,
        level: str,
        by: str,
        window: tuple[dt.date, dt.date],
        as_of: str | dt.datetime | None = None,
        daily: bool = False,
        indicator: str | None = None,
    ) -> Toward:
        """What is asked of the rows of all chains; place: the destination, None for every one of the level.

        Raises PopflowError for levels and indicators that do not exist.
        """
        known = self.lake.contracts
        of = known.indicator(indicator) if indicator else known.headline
        return Toward(of, place, level, both_ways.origin_level(by), *window, moment(as_of), daily)

    def flows_toward(self, asked: Toward) -> tuple[Served, pd.DataFrame]:
        """Which releases are served, and their rows (contract `flows`) that can hold what is asked of all chains."""
        serving = self.served(asked)
        narrowed = both_ways.filters(asked, self.lake.contracts.areas)
        return serving, self._rows_of(asked, serving, narrowed)

    def answer(self, question: Question) -> pd.DataFrame:
        """The answer to a resolved question; see `ask`."""
        serving, flows = self.shown(question)
        return rows.answer(question, flows, serving, self.places)

    def served(self, question: Question | Toward | in_hundreds.Asked) -> Served:
        """Which release of each date of the question is served.

        Raises PopflowError where none of its dates has a release, naming the dates that there are.
        """
        dates = dates_between(question.first, question.last)
        asked = (question.indicator.indicator, dates, question.as_of)
        found = served(self.releases_of(dates), *asked)
        if not found.releases and not found.empty:
            raise PopflowError(nothing_served(self.releases, *asked))
        return found

    def shown(self, question: Question) -> tuple[Served, pd.DataFrame]:
        """Which releases are served, and their rows (contract `flows`) that a question needs.

        A date whose release shows nothing of the area's province is empty for the question, not a zero.
        """
        serving = self.served(question)
        found = self._rows_of(question, serving, filters(question, self.places))
        dates = set(found.loc[found["origin_code"] == question.area.chain, "date"])
        if not dates:
            raise NotShown(
                f"nothing of {question.area.name_en} is shown on {question.first} to {question.last}: too few persons "
                "left its province, or these dates were released before it was an area"
            )
        return serving.showing(dates), found

    def _rows_of(self, question: Question | Toward, serving: Served, narrowed: dict[str, list[str]]) -> pd.DataFrame:
        _refuse_nothing_shown(question, serving)
        equals: dict[str, Any] = {"date": list(serving.releases), "indicator": question.indicator.indicator}
        found = self.lake.read_pandas("flows", FLOW_COLUMNS, **(narrowed | equals))
        found = found[found["release"] == found["date"].map(serving.releases)]
        if found.empty and not self._any_rows(equals):
            raise PopflowError(
                f"{self.lake.path('flows')}: it lacks the rows that releases speaks of; run popflow audit"
            )
        return found

    def _any_rows(self, equals: dict[str, Any]) -> bool:
        """Whether the lake holds a root of some dates."""
        return bool(self.lake.read_arrow("flows", ["date"], **equals, destination_level="all").num_rows)

    def dates(self, indicator: str | None = None) -> list[dt.date]:
        """The dates of which a release with figures of an indicator is served, in order; without one the headline's."""
        of = self.lake.contracts.indicator(indicator) if indicator else self.lake.contracts.headline
        known = self.releases[self.releases["indicator"] == of.indicator]
        return sorted(date for date, (_, status) in standing(known).items() if status == "released")

    def polygons(self, level: str) -> gpd.GeoDataFrame:
        """Polygons (WGS-84) of a level's places, prefectures and provinces made of counties: code, geometry."""
        from popflow.reading.shapes import polygons

        return polygons(self.county_polygons(), level)

    def county_polygons(self) -> gpd.GeoDataFrame:
        """The counties with their polygons (WGS-84), the lake's or those that popflow ships."""
        from popflow.geography.counties import from_contract, shipped_counties

        if self.lake.exists("counties"):
            return from_contract(_newest_edition(self.lake.read_pandas("counties")))
        return shipped_counties()

    def _with_geometry(self, frame: pd.DataFrame, question: Question) -> gpd.GeoDataFrame:
        from popflow.reading.shapes import joined

        return joined(frame, self.polygons("county" if question.level == "pair" else question.level))


def _refuse_nothing_shown(asked: Question | Toward | in_hundreds.Asked, serving: Served) -> None:
    """Raise PopflowError where every date that is served shows nothing at all."""
    if not serving.releases:
        raise PopflowError(f"on {asked.first} to {asked.last} nothing could be shown: every release is empty")


def _newest_edition(counties: pd.DataFrame) -> pd.DataFrame:
    return counties[counties["edition"] == counties["edition"].max()].reset_index(drop=True)

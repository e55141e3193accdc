"""The facts of a briefing on who came to a place: from which prefectures, by date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from popflow.dates import date_range
from popflow.reading import both_ways
from popflow.reading.answers import inflow_frame
from popflow.reading.names import Place
from popflow.reading.reader import Reader
from popflow.report.facts import about, daily_rows, named, table, without_na

if TYPE_CHECKING:
    import pandas as pd

WIDTH = {"province": 2, "prefecture": 4, "county": 4}  # digits that a move must change to be one to a place


def who_came(
    reader: Reader, place: str, before: dt.date | str, days: int = 14, as_of: str | dt.datetime | None = None
) -> dict[str, Any]:
    """Facts of a briefing on who came to a place, by origin prefecture.

    Raises PopflowError as `Reader.inflow` does.
    """
    to = reader.places.find(place)
    asked = reader.toward(to, to.level, "prefecture", date_range(None, None, days, before), as_of)
    serving, flows = reader.flows_toward(asked)
    areas = reader.lake.contracts.areas
    frame = inflow_frame(asked, serving, flows, areas, reader.places)
    trees = both_ways.trees(asked, flows, areas, serving.releases)
    of_date = both_ways.by_date(asked, trees, reader.places)
    dates = of_date.reindex(serving.dates, fill_value=0).reset_index(names="date")
    told = table(_named_above(frame, reader), "origin")
    series = {
        "area": named(to),
        "summary": frame.attrs["summary"],
        "open": _open(frame.attrs["summary"]),
        "notices": frame.attrs["notices"],
        "rows": told,
        "ranking": {"level": "prefecture", "rows": told},
        "map": _map(frame, to, reader),
        "daily": daily_rows(dates, serving),
    }
    own = {
        "title": {"zh": f"{to.name_zh}人口流入简报", "en": f"Who came to {to.name_en}, and from where"},
        "area": named(to),
        "destination": None,
        "mapped": {"end": "origin", "level": "prefecture"},
        "series": [series],
        "places": _prefectures(reader),
    }
    return own | about(reader, asked)


def _open(summary: dict[str, Any]) -> dict[str, Any]:
    """How far the bounds of the whole are apart; null where the most is unknown."""
    low, high = summary["persons_at_least"], summary["persons_at_most"]
    return {"persons": None if high is None else high - low, "percent": summary["open_share_percent"]}


def _named_above(frame: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """The answer with the origin's prefecture and province in place of the destination's."""
    names = [_names(reader, code) for code in frame["origin_code"]]
    columns = ["prefecture_name", "prefecture_name_en", "province_name", "province_name_en"]
    return frame.assign(**{column: [one[place] for one in names] for place, column in enumerate(columns)})


def _map(frame: pd.DataFrame, to: Place, reader: Reader) -> dict[str, list[Any]]:
    """code -> [at least, at most (null: unknown), dates shown] of every prefecture from which one can have come.

    A prefecture of which the answer has no row sent nobody: its bounds are 0.
    """
    columns = ["origin_code", "persons_at_least", "persons_at_most", "dates_shown"]
    known = {code: bounds for code, *bounds in without_na(frame[columns])}
    digits = WIDTH[to.level]
    others = [one.code for one in reader.places.all("prefecture") if one.code[:digits] != to.code[:digits]]
    return {code: known.get(code, [0, 0, 0]) for code in others}


def _names(reader: Reader, prefecture: str) -> list[str]:
    known = [reader.places.get("prefecture", prefecture), reader.places.get("province", f"{prefecture[:2]}0000")]
    return [text for place in known for text in ((place.name_zh, place.name_en) if place else ("", ""))]


def _prefectures(reader: Reader) -> dict[str, list[Any]]:
    """prefecture code -> [zh, en, zh, en, province zh, province en, residents or null], as `facts` names counties."""
    residents = reader.counties.groupby("prefecture_code")["population"].sum()
    whole = reader.counties["population"].notna().groupby(reader.counties["prefecture_code"]).all()
    found: dict[str, list[Any]] = {}
    for code in map(str, residents.index):
        names = _names(reader, code)
        found[code] = [*names[:2], *names, int(residents[code]) if whole[code] else None]
    return found

"""The facts of a briefing on who left an area: to which counties, by date."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError
from popflow.reading import rows
from popflow.reading.question import Question
from popflow.reading.reader import Reader
from popflow.report.facts import about, daily_rows, named, table

if TYPE_CHECKING:
    import pandas as pd


def who_left(
    reader: Reader,
    area: str,
    before: dt.date | str,
    days: int = 14,
    destination: str | None = None,
    as_of: str | dt.datetime | None = None,
) -> dict[str, Any]:
    """Facts of a briefing on who left an area, or on the arrivals at a destination from it and the watched areas.

    Raises PopflowError as `Reader.ask` does.
    """
    asked = reader.question(area, level="county", destination=destination, as_of=as_of, days=days, before=before)
    questions = [asked, *(_other_sources(reader, asked) if destination else [])]
    series = [_series(reader, question) for question in questions]
    own = {
        "title": _title(asked),
        "area": named(asked.area),
        "destination": _place(asked),
        "mapped": {"end": "destination", "level": "county"},
        "series": series,
        "places": _places(reader, asked),
    }
    return own | about(reader, asked)


def _series(reader: Reader, question: Question) -> dict[str, Any]:
    """One source's figures: by county, by prefecture, by date."""
    serving, flows = reader.shown(question)
    answer = rows.answer(question, flows, serving, reader.places)
    ranked = _ranked_level(question)
    ranking = rows.answer(replace(question, level=ranked), flows, serving, reader.places)
    summary = answer.attrs["summary"]
    return {
        "area": named(question.area),
        "summary": summary,
        "open": {"persons": summary["persons_in_rests"], "percent": summary["rest_share_percent"]},
        "notices": answer.attrs["notices"],
        "rows": table(answer, "destination"),
        "ranking": {"level": ranked, "rows": table(ranking, "destination")},
        "map": _map(rows.every_place(question, flows, reader.places)),
        "daily": daily_rows(rows.by_date(question, flows, serving), serving),
    }


def _ranked_level(question: Question) -> Any:
    place = question.destination
    return "prefecture" if place is None or place.level == "province" else "county"


def _other_sources(reader: Reader, asked: Question) -> list[Question]:
    """Questions on the arrivals at a destination from every other watched area that people can leave for it."""
    found = []
    for name, area in reader.lake.contracts.areas.items():
        if not area.watched or name == asked.area.name or asked.destination is None:
            continue
        try:
            other = reader.question(name, asked.first, asked.last, "county", asked.destination.code)
            rows.refuse_inner(other)
        except PopflowError:
            continue  # a destination inside an area has no arrivals from it: the page shows the other sources
        found.append(replace(other, destination=asked.destination, as_of=asked.as_of))
    return found


def _map(places: pd.DataFrame) -> dict[str, list[int]]:
    """code -> [at least, at most, dates shown], for every county that may hold somebody."""
    values = places[["persons_at_least", "persons_at_most", "dates_shown"]].to_numpy().tolist()
    return dict(zip(places["code"], values, strict=True))


def _places(reader: Reader, asked: Question) -> dict[str, list[Any]]:
    """county code -> [zh, en, prefecture zh, prefecture en, province zh, province en, residents or null]."""
    import pandas as pd

    counties = reader.counties
    if asked.destination is not None:
        counties = counties[counties[f"{asked.destination.level}_code"] == asked.destination.code]
    columns = counties[["county_code", "prefecture_code", "province_code", "population"]].astype(object)
    found: dict[str, list[Any]] = {}
    for county, prefecture, province, residents in columns.itertuples(index=False, name=None):
        codes = {"county": county, "prefecture": prefecture, "province": province}
        known = [reader.places.get(level, code) for level, code in codes.items()]
        texts = [text for place in known if place for text in (place.name_zh, place.name_en)]
        found[county] = [*texts, None if pd.isna(residents) else int(residents)]
    return found


def _place(asked: Question) -> dict[str, str] | None:
    place = asked.destination
    return named(place) | {"level": place.level} if place else None


def _title(asked: Question) -> dict[str, str]:
    area, place = asked.area, asked.destination
    if place is not None:
        return {
            "zh": f"{place.name_zh}：自{area.name_zh}等地到达的人口",
            "en": f"Arrivals in {place.name_en} from {area.name_en}",
        }
    return {"zh": f"{area.name_zh}人口流出简报", "en": f"Who left {area.name_en}, and to which counties"}

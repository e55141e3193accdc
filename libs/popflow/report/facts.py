"""Everything a briefing says, as plain data: figures, names, dates, what is not shown, data quality."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from popflow import __version__
from popflow.errors import PopflowError
from popflow.reading import rows
from popflow.reading.question import Question
from popflow.reading.reader import Reader

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.served import Served

PER = 10_000  # residents


def gather(
    reader: Reader,
    area: str,
    before: dt.date | str,
    days: int = 14,
    destination: str | None = None,
    as_of: str | dt.datetime | None = None,
) -> dict[str, Any]:
    """The facts of a briefing on who left an area, or on the arrivals at a destination from it and the watched areas.

    Raises PopflowError as `Reader.ask` does.
    """
    asked = reader.question(area, level="county", destination=destination, as_of=as_of, days=days, before=before)
    questions = [asked, *(_other_sources(reader, asked) if destination else [])]
    series = [_series(reader, question) for question in questions]
    return {
        "title": _title(asked),
        "area": {"zh": asked.area.name_zh, "en": asked.area.name_en, "code": asked.area.code},
        "destination": _place(asked),
        "first": str(asked.first),
        "last": str(asked.last),
        "series": series,
        "places": _places(reader, asked),
        "quality": _quality(reader, reader.served(asked)),
        "rules": {"k": reader.lake.contracts.disclosure.k, "floor": reader.lake.contracts.disclosure.floor},
        "mark": asked.area.code,
        "made": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        "version": __version__,
    }


def _series(reader: Reader, question: Question) -> dict[str, Any]:
    """One source's figures: by county, by prefecture, by date."""
    serving, flows = reader.shown(question)
    answer = rows.answer(question, flows, serving, reader.places)
    ranked = _ranked_level(question)
    ranking = rows.answer(replace(question, level=ranked), flows, serving, reader.places)
    return {
        "area": {"zh": question.area.name_zh, "en": question.area.name_en, "code": question.area.code},
        "summary": answer.attrs["summary"],
        "notices": answer.attrs["notices"],
        "provinces": _provinces(question, flows, serving, reader),
        "rows": _table(answer),
        "ranking": {"level": ranked, "rows": _table(ranking)},
        "map": _map(rows.every_place(question, flows, reader.places)),
        "daily": _daily(rows.by_date(question, flows, serving), serving),
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


def _table(frame: pd.DataFrame) -> list[list[Any]]:
    """Rows for the page, in the order of the columns below (page.js reads them by position)."""
    columns = [
        "kind",
        "destination_code",
        "destination_name",
        "destination_name_en",
        "prefecture_name",
        "prefecture_name_en",
        "province_name",
        "province_name_en",
        "persons_at_least",
        "persons_at_most",
        "share_percent",
        "dates_shown",
        "origin_name",
        "origin_name_en",
    ]
    table: list[list[Any]] = frame[columns].to_numpy().tolist()
    return table


def _map(places: pd.DataFrame) -> dict[str, list[int]]:
    """code -> [at least, at most, dates shown], for every county that may hold somebody."""
    values = places[["persons_at_least", "persons_at_most", "dates_shown"]].to_numpy().tolist()
    return dict(zip(places["code"], values, strict=True))


def _daily(frame: pd.DataFrame, serving: Served) -> list[dict[str, Any]]:
    why = dict.fromkeys(serving.empty, "empty") | dict.fromkeys(serving.withdrawn, "withdrawn")
    why |= dict.fromkeys(serving.missing, "missing")
    columns = frame[["date", "persons_at_least", "persons_at_most"]].astype(object)
    found = []
    for date, low, high in columns.itertuples(index=False, name=None):
        bounds = {"low": None, "high": None} if date in why else {"low": int(low), "high": int(high)}
        found.append({"date": str(date), "why": why.get(date)} | bounds)
    return found


def _provinces(question: Question, flows: pd.DataFrame, serving: Served, reader: Reader) -> list[list[Any]]:
    if question.destination is not None:
        return []
    answer = rows.answer(replace(question, level="province"), flows, serving, reader.places)
    return _table(answer[answer["kind"] == "shown"])


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
    return {"zh": place.name_zh, "en": place.name_en, "code": place.code, "level": place.level} if place else None


def _title(asked: Question) -> dict[str, str]:
    area, place = asked.area, asked.destination
    if place is not None:
        return {
            "zh": f"{place.name_zh}：自{area.name_zh}等地到达的人口",
            "en": f"Arrivals in {place.name_en} from {area.name_en}",
        }
    return {"zh": f"{area.name_zh}人口流出简报", "en": f"Who left {area.name_en}, and to which counties"}


def _quality(reader: Reader, serving: Served) -> list[dict[str, Any]]:
    """What `releases` says of each date that is served, and why the others are not."""
    known = reader.releases[reader.releases["indicator"] == reader.lake.contracts.headline.indicator]
    found = []
    for date in serving.dates:
        number = serving.releases.get(date)
        of_date = known[(known["date"] == date) & (known["release"] == number) & (known["status"] == "released")]
        found.append({"date": str(date)} | (_release(of_date.iloc[0]) if len(of_date) else {"release": None}))
    return found


def _release(row: pd.Series) -> dict[str, Any]:
    return {
        "release": int(row["release"]),
        "mnos": ", ".join(row["mnos"]),
        "persons": int(row["persons_rounded"]),
        "county": int(row["county_share_percent"]),
        "pair": int(row["pair_share_percent"]),
        "reason": row["reason"],
        "definition": row["definition"],
        "at": f"{row['released_at_utc']:%Y-%m-%d %H:%M} UTC",
    }

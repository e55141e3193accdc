"""What every briefing says, as plain data: its dates and their releases, places, tables, days."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from popflow import __version__

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.both_ways import Toward
    from popflow.reading.names import AskedArea, Place
    from popflow.reading.question import Question
    from popflow.reading.reader import Reader
    from popflow.reading.served import Served


def about(reader: Reader, asked: Question | Toward) -> dict[str, Any]:
    """What every briefing says of its dates, the releases of these, the rules, and how it was made."""
    rules = reader.lake.contracts.disclosure
    return {
        "first": str(asked.first),
        "last": str(asked.last),
        "quality": _quality(reader, reader.served(asked)),
        "rules": {"k": rules.k, "floor": rules.floor},
        "made": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        "version": __version__,
    }


def named(place: Place | AskedArea) -> dict[str, str]:
    """A place as the page names it."""
    return {"zh": place.name_zh, "en": place.name_en, "code": place.code}


def table(frame: pd.DataFrame, end: str) -> list[list[Any]]:
    """Rows for the page, in the order of the columns below (page.js reads them by position); null where unknown.

    end: whether the rows are of destinations or of origins.
    """
    columns = [
        "kind",
        f"{end}_code",
        f"{end}_name",
        f"{end}_name_en",
        "prefecture_name",
        "prefecture_name_en",
        "province_name",
        "province_name_en",
        "persons_at_least",
        "persons_at_most",
        "share_percent",
        "dates_shown",
    ]
    found: list[list[Any]] = without_na(frame[columns])
    return found


def without_na(frame: pd.DataFrame) -> list[list[Any]]:
    """Rows as lists, None for what is missing, as JSON takes it."""
    values: list[list[Any]] = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return values


def daily_rows(frame: pd.DataFrame, serving: Served) -> list[dict[str, Any]]:
    """Persons of each date for the page, at least and at most (null: unknown); why is a reason where there are none.

    In: date, persons_at_least, persons_at_most.
    """
    import pandas as pd

    why = dict.fromkeys(serving.empty, "empty") | dict.fromkeys(serving.withdrawn, "withdrawn")
    why |= dict.fromkeys(serving.missing, "missing")
    columns = frame[["date", "persons_at_least", "persons_at_most"]].astype(object)
    found = []
    for date, low, high in columns.itertuples(index=False, name=None):
        most = None if pd.isna(high) else int(high)
        bounds = {"low": None, "high": None} if date in why else {"low": int(low), "high": most}
        found.append({"date": str(date), "why": why.get(date)} | bounds)
    return found


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

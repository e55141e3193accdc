"""Answers in hundreds: figures by county with their bounds, and indices as views of them.

A true number is less than a hundred away from its figure, in either direction. A county without a figure is unknown,
not zero: such a row has no numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popflow.dates import day
from popflow.errors import PopflowError
from popflow.hundreds import HOURS, ROUNDED_TO, Hundreds
from popflow.reading.headings import INDEX
from popflow.reading.names import Place, Places, did_you_mean
from popflow.reading.notices import Notice, missing_notice, release_text
from popflow.reading.rows import dates_served, not_served

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.served import Served

OFF = ROUNDED_TO - 1  # the true number is at most so far away
WORK_HOUR, NIGHT_HOUR = 10, 3
INDICES = ("work-night", "baseline")
WORKDAYS = 5  # Monday to Friday
LEAST_BASE = 5  # workdays of a baseline on which a county has to have a figure
KEY = ["date", "hour", "county_code"]
BOUNDS = ["persons_at_least", "persons_at_most"]


@dataclass(frozen=True)
class Asked:
    """What is asked of figures in hundreds, with every name resolved.

    place: whose counties; None: all. hours: of an indicator by the hour. index: one of INDICES; baseline: first and
    last date of what it is held against.
    """

    indicator: Hundreds
    place: Place | None
    first: dt.date
    last: dt.date
    hours: tuple[int, ...] = ()
    as_of: dt.datetime | None = None
    index: str | None = None
    baseline: tuple[dt.date, dt.date] | None = None

    @property
    def read_hours(self) -> tuple[int, ...]:
        """The hours that an answer is made of."""
        return (WORK_HOUR, NIGHT_HOUR) if self.index == "work-night" else self.hours


def hours_of(text: str | Iterable[int] | None, indicator: Hundreds) -> tuple[int, ...]:
    """Hours as people give them: '3,10' or numbers; all where None. Raises PopflowError for what is no hour."""
    if not indicator.hourly:
        if text not in (None, "", ()):
            raise PopflowError(f"--hour: {indicator.indicator} has one figure a date; leave --hour out")
        return ()
    if text is None:
        return tuple(range(HOURS))
    parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else [str(part) for part in text]
    odd = [part for part in parts if not (part.isascii() and part.isdigit() and int(part) < HOURS)]
    if odd or not parts:
        raise PopflowError(f"--hour {odd[0] if odd else text}: hours are 0 to {HOURS - 1}, as 3 or 3,10")
    return tuple(sorted({int(part) for part in parts}))


def index_of(name: str | None, baseline: str | None, indicator: Hundreds) -> tuple[str | None, Any]:
    """An index and its baseline as people give them. Raises PopflowError for what is none, or lacks its baseline."""
    if name is None:
        if baseline:
            raise PopflowError("--baseline is of --index baseline; give that too")
        return None, None
    if name not in INDICES:
        raise PopflowError(f"--index {name}{did_you_mean(name, INDICES)}; the indices are {', '.join(INDICES)}")
    if name == "work-night" and not indicator.hourly:
        raise PopflowError(f"--index work-night needs figures by the hour, and {indicator.indicator} has none")
    if (name == "baseline") != bool(baseline):
        raise PopflowError(
            "--index baseline and --baseline FIRST:LAST belong together, as --baseline 2019-12-02:2019-12-29"
        )
    return name, _window(baseline) if baseline else None


def _window(text: str) -> tuple[dt.date, dt.date]:
    first, colon, last = text.partition(":")
    if not colon:
        raise PopflowError(f"--baseline {text}: give the first and last date, as 2019-12-02:2019-12-29")
    window = day(first), day(last)
    if window[1] < window[0]:
        raise PopflowError(f"--baseline {text}: its last date lies before its first")
    return window


def counts_frame(asked: Asked, serving: Served, rows: pd.DataFrame, base: pd.DataFrame, places: Places) -> pd.DataFrame:
    """The answer: every county of the place on each date that is served, at each hour asked for.

    In: rows (contract `counts`) of the releases served, and of the baseline's dates. Columns: date, hour, names,
    persons, persons_at_least and persons_at_most, kind (shown or unknown); of an index the three of INDEX in place of
    the persons. `attrs` hold summary and notices, and that figures are in hundreds.
    """
    found = _every_county(asked, serving, rows, places)
    frame = found if asked.index is None else _INDEX_OF[asked.index](asked, found, base)
    frame = _named(frame, asked, serving, rows, places)
    frame.attrs["summary"] = _summary(asked, serving, rows, frame)
    frame.attrs["notices"] = _notices(asked, frame)
    frame.attrs["in_hundreds"] = True
    return frame


def _every_county(asked: Asked, serving: Served, rows: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Each county, date and hour with its figure and bounds, missing where it has none."""
    import pandas as pd

    hours: Sequence[int] = asked.read_hours if asked.indicator.hourly else [-1]
    every = pd.MultiIndex.from_product([list(serving.releases), hours, _counties(asked.place, places)], names=KEY)
    keyed = rows.assign(hour=rows["hour"].fillna(-1).astype("int64")).set_index(KEY)["persons"]
    persons = keyed.reindex(every).astype("Int64")
    frame = persons.rename("persons").reset_index()
    return frame.assign(persons_at_least=frame["persons"] - OFF, persons_at_most=frame["persons"] + OFF)


def _counties(place: Place | None, places: Places) -> list[str]:
    codes = [one.code for one in places.all("county")]
    if place is None:
        return codes
    digits = {"province": 2, "prefecture": 4, "county": 6}[place.level]
    return [code for code in codes if code[:digits] == place.code[:digits]]


def _work_night(asked: Asked, found: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Persons at the work hour in percent of those at the night hour."""
    del asked, base
    work, night = (found[found["hour"] == hour].set_index(["date", "county_code"]) for hour in (WORK_HOUR, NIGHT_HOUR))
    return _ratio(work, night, night["persons_at_least"], night["persons_at_most"]).reset_index()


def _against_baseline(asked: Asked, found: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Persons in percent of the median of the baseline's workdays, at the same hour."""
    del asked
    workdays = base[[date.weekday() < WORKDAYS for date in base["date"]]]
    workdays = workdays.assign(hour=workdays["hour"].fillna(-1).astype("int64"))
    grouped = workdays.groupby(["hour", "county_code"])["persons"]
    medians = grouped.median().where(grouped.size() >= LEAST_BASE)
    here = found.set_index(["hour", "county_code"])
    usual = medians.reindex(here.index).astype("Float64")
    here = here.assign(usual=usual.to_numpy())
    beside = here.assign(persons=here["usual"])
    return _ratio(here, beside, here["usual"] - OFF, here["usual"] + OFF).drop(columns="usual").reset_index()


_INDEX_OF = {"work-night": _work_night, "baseline": _against_baseline}


def _ratio(top: pd.DataFrame, bottom: pd.DataFrame, low: pd.Series, high: pd.Series) -> pd.DataFrame:
    """One figure in percent of another, and the least and the most that it can be."""
    return top.assign(
        index_at_least=(100 * top["persons_at_least"] / high).round(1),
        index_percent=(100 * top["persons"] / bottom["persons"]).round(1),
        index_at_most=(100 * top["persons_at_most"] / low).round(1),
    )


def _named(frame: pd.DataFrame, asked: Asked, serving: Served, rows: pd.DataFrame, places: Places) -> pd.DataFrame:
    figures = ["persons", *BOUNDS] if asked.index is None else [*INDEX]
    names: dict[str, Any] = {}
    for level, digits in (("county", 6), ("prefecture", 4), ("province", 2)):
        codes = frame["county_code"].str[:digits].str.ljust(6, "0")
        of_level = {one.code: one for one in places.all(level)}
        names[f"{level}_code"] = codes
        names[f"{level}_name"] = codes.map({code: one.name_zh for code, one in of_level.items()}).fillna("")
        names[f"{level}_name_en"] = codes.map({code: one.name_en for code, one in of_level.items()}).fillna("")
    with_hour = asked.indicator.hourly and asked.index != "work-night"
    lead = ["date", *(["hour"] if with_hour else []), *names, *figures]
    out = frame.assign(**names, kind=frame[figures[0]].isna().map({True: "unknown", False: "shown"}))[[*lead, "kind"]]
    about = {
        "unit": "persons" if asked.index is None else "percent",
        "date_from": asked.first,
        "date_to": asked.last,
        "dates_not_served": not_served(serving),
        "definition": "; ".join(sorted(rows["definition"].unique())),
        "release": release_text(serving.releases),
    }
    order = ["date", *(["hour"] if with_hour else []), figures[0], "county_code"]
    ascending = [name != figures[0] for name in order]
    return out.assign(**about).sort_values(order, ascending=ascending, na_position="last").reset_index(drop=True)


def _summary(asked: Asked, serving: Served, rows: pd.DataFrame, frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "unit": "persons" if asked.index is None else "percent",
        "figures_asked": len(frame),
        "figures_shown": int((frame["kind"] == "shown").sum()),
        **dates_served(serving),
        "definition": "; ".join(sorted(rows["definition"].unique())),
        "release": release_text(serving.releases),
    }


def _notices(asked: Asked, frame: pd.DataFrame) -> list[Notice]:
    summary = frame.attrs["summary"]
    asked_for = summary["figures_asked"]
    unknown = asked_for - summary["figures_shown"]
    found = [missing_notice(summary), _rounded(asked)]
    if unknown:
        found.append({
            "en": f"{unknown:,} of {asked_for:,} figures are not shown: too few persons, or no figure to compare with. "
            "They are unknown, not zero.",
            "zh": f"{asked_for:,} 个数字中有 {unknown:,} 个未公布（人数过少或缺少比较基准）：未知，不是零。",
        })  # fmt: skip
    return [notice for notice in found if notice]


def _rounded(asked: Asked) -> Notice:
    if asked.index is None:
        return {
            "en": "Figures are rounded to hundreds behind a secret offset: the true number is less than 100 away. Sums "
            "and differences of figures are as uncertain as their parts together.",
            "zh": "数字经保密偏移后取整到百：真实数与其相差不到 100。数字之和与差的误差为各部分误差之和。",
        }
    return {
        "en": "An index is made of rounded figures; it lies between its bounds.",
        "zh": "指数由取整到百的数字算出，真实值介于上下限之间。",
    }

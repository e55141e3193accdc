"""The answer to a question as rows with names: destinations that are shown, and what is not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from popflow.dates import spans
from popflow.errors import PopflowError
from popflow.reading import bounds as tree
from popflow.reading.names import LEVELS, Place, Places
from popflow.reading.notices import notices, release_text

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.question import Level, Question
    from popflow.reading.served import Served

PLACE_COLUMNS = {
    tree.PROVINCE: ["side", "province"],
    tree.PREFECTURE: ["side", "province", "prefecture"],
    tree.COUNTY: ["side", "province", "prefecture", "county"],
    tree.PAIR: ["side", "province", "prefecture", "county", "origin_county"],
}
LEVEL_OF = {tree.PROVINCE: "province", tree.PREFECTURE: "prefecture", tree.COUNTY: "county", tree.PAIR: "county"}
COLUMNS = [
    "area",
    "kind",
    "date",
    "origin_level",
    "origin_code",
    "origin_name",
    "origin_name_en",
    "destination_level",
    "destination_code",
    "destination_name",
    "destination_name_en",
    "prefecture_code",
    "prefecture_name",
    "prefecture_name_en",
    "province_code",
    "province_name",
    "province_name_en",
    "persons_at_least",
    "persons_at_most",
    "unit",
    "share_percent",
    "dates_shown",
    "dates_released",
    "date_from",
    "date_to",
    "dates_not_served",
    "definition",
    "release",
]


def answer(question: Question, flows: pd.DataFrame, serving: Served, places: Places) -> pd.DataFrame:
    """Rows of the answer, the largest first; grain and columns as `Reader.ask` says.

    In: rows of the contract `flows` of the releases that are served.
    """
    import pandas as pd

    refuse_inner(question)
    top, view = tree.TOP_OF[question.level], question.view
    rows = tree.placed(flows, [view])
    finest = tree.finest_rows(rows, top)
    at_least, at_most = tree.whole(rows, finest, view)
    parts = [_shown(question, rows, finest, top), _rests(question, finest, top), _possible(question, rows, top)]
    found = pd.concat([part for part in parts if not part.empty] or parts[:1], ignore_index=True)
    if question.destination:
        at_least, at_most = int(found["persons_at_least"].sum()), _destination_at_most(question, found, rows, top)
    frame = _named(found, question, places)
    frame = _with_figures(frame, question, serving, flows, at_least)
    frame.attrs["summary"] = _summary(frame, question, serving, at_least, at_most)
    frame.attrs["notices"] = notices(frame.attrs["summary"], question)
    return frame


def every_place(question: Question, flows: pd.DataFrame, places: Places) -> pd.DataFrame:
    """What is known of every place of the question's level, shown or not.

    Grain: a place outside the area (within the destination where one is asked for). Columns: code, persons_at_least,
    persons_at_most (person-trips over several dates), dates_shown; 0 dates mean not shown: its bounds start at 0.
    """
    import pandas as pd

    top, view = tree.TOP_OF[question.level], question.view
    rows = tree.placed(flows, [view])
    asked = [place for place in places.all(question.level) if _may_hold(question, place)]
    units = pd.DataFrame(
        [_codes_of(place, view) for place in asked], columns=["side", "province", "prefecture", "county"]
    )
    hidden = tree.bounds(rows, tree.finest_rows(rows, top), [view], top, [], units)
    shown = rows[(rows["step"] == top) & ~rows["is_rest"]].groupby(question.level)
    units["code"] = [place.code for place in asked]
    low = units["code"].map(shown["persons"].sum()).fillna(0).astype("int64")
    found = units[["code"]].assign(persons_at_least=low, persons_at_most=low + hidden)
    return found.assign(dates_shown=units["code"].map(shown["date"].nunique()).fillna(0).astype("int64"))


def by_date(question: Question, flows: pd.DataFrame, serving: Served) -> pd.DataFrame:
    """Persons of each date of the question, at least and at most; null on a date that is not served.

    Grain: a date. Columns: date, persons_at_least, persons_at_most, release.
    """
    import pandas as pd

    step = tree.TOP_OF[question.destination.level] if question.destination else tree.ORIGIN
    rows = tree.placed(flows, [question.view])
    found = []
    for date in serving.dates:
        of_date = rows[rows["date"] == date]
        low, high = _figure(question, of_date, step) if date in serving.releases else (None, None)
        found.append((date, low, high, serving.releases.get(date)))
    columns = ["date", "persons_at_least", "persons_at_most", "release"]
    return pd.DataFrame(found, columns=columns).astype(dict.fromkeys(columns[1:], "Int64"))


def _figure(question: Question, rows: pd.DataFrame, step: int) -> tuple[int, int]:
    finest = tree.finest_rows(rows, step)
    if question.destination is None:
        return tree.whole(rows, finest, question.view)
    import pandas as pd

    unit = pd.DataFrame([_codes_of(question.destination, question.view)])
    shown = _of_destination(rows[(rows["step"] == step) & ~rows["is_rest"]], question)
    low = int(shown["persons"].sum())
    return low, low + int(tree.bounds(rows, finest, [question.view], step, [], unit).iloc[0])


def _may_hold(question: Question, place: Place) -> bool:
    wanted = question.destination
    if (
        wanted is not None
        and tree.destination_codes(place.level, place.code, "")[1:][LEVELS.index(wanted.level)] != wanted.code
    ):
        return False
    return not is_inner(question, place)


def _shown(question: Question, rows: pd.DataFrame, finest: pd.DataFrame, top: int) -> pd.DataFrame:
    """Destinations that a date shows, each with its bounds."""
    by = _by(question)
    shown = _of_destination(rows[(rows["step"] == top) & ~rows["is_rest"]], question)
    sums = {"persons_at_least": ("persons", "sum"), "dates_shown": ("date", "nunique")}
    units = shown.groupby([*by, *PLACE_COLUMNS[top]], as_index=False).agg(**sums)
    hidden = tree.bounds(rows, finest, [question.view], top, by, units)
    return units.assign(persons_at_most=units["persons_at_least"] + hidden, kind="shown", hides=0)


def _rests(question: Question, finest: pd.DataFrame, top: int) -> pd.DataFrame:
    """What is known of a parent and shown for none of its children, one row per parent."""
    sure = tree.certain(finest, question.view)
    hidden = _of_destination(sure[sure["hides"] > 0], question)
    columns = [*_by(question), "hides", *PLACE_COLUMNS[min(top, tree.COUNTY)]]
    sums = {"persons_at_least": ("persons", "sum"), "dates_shown": ("date", "nunique")}
    rests = hidden.groupby(columns, as_index=False).agg(**sums)
    return rests.assign(persons_at_most=rests["persons_at_least"], kind="rest")


def _possible(question: Question, rows: pd.DataFrame, top: int) -> pd.DataFrame:
    """The part of the destination asked for that may lie in rows above it, of which only the most is known."""
    import pandas as pd

    place = question.destination
    if place is None:
        return pd.DataFrame()
    by = _by(question)
    step = tree.TOP_OF[place.level]
    unit = pd.DataFrame([_codes_of(place, question.view)])
    groups = rows.loc[~rows["origin"].isin(("", "rest")) | ("origin" not in by), by].drop_duplicates() if by else unit
    units = groups.merge(unit, how="cross") if by else unit
    units["persons_at_most"] = tree.bounds(rows, tree.finest_rows(rows, step), [question.view], step, by, units)
    none_shown = _of_destination(rows[(rows["step"] == step) & ~rows["is_rest"]], question).empty
    kept = units[(units["persons_at_most"] > 0) | (none_shown and not by)]
    return kept.assign(persons_at_least=0, dates_shown=0, kind="possible", hides=step)


def _destination_at_most(question: Question, found: pd.DataFrame, rows: pd.DataFrame, top: int) -> int:
    """The most of all origins and dates together: asked by origin, what hidden origins sent is in no row."""
    if question.destination is None:
        return int(found["persons_at_least"].sum())
    level = cast("Level", question.destination.level)
    together = replace(question, by_origin=False, daily=False, level=level)
    possible = _possible(together, rows, top)["persons_at_most"].sum()
    return int(found["persons_at_least"].sum() + possible)


def _by(question: Question) -> list[str]:
    return (["date"] if question.daily else []) + (["origin"] if question.view.by_origin else [])


def _of_destination(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    place = question.destination
    return rows if place is None else rows[rows[place.level] == place.code]


def _codes_of(place: Place, view: tree.View) -> dict[str, str]:
    side, province, prefecture, county = tree.destination_codes(place.level, place.code, view.province)
    return {"side": side, "province": province, "prefecture": prefecture, "county": county}


def refuse_inner(question: Question) -> None:
    """Refuse a destination within the area itself: whoever is counted has left it."""
    place, area = question.destination, question.area
    if place is not None and is_inner(question, place):
        raise PopflowError(f"{place} lies in {area.name_en}: who is counted left the area, so no row can hold it")


def is_inner(question: Question, place: Place) -> bool:
    """Whether a place lies in the area that is asked about (a province does not lie in its prefecture)."""
    area = question.area
    width = 2 if area.level == "province" else 4
    return (place.code[:width] == area.code[:width] and place.level != "province") or place.code == area.code


def _named(found: pd.DataFrame, question: Question, places: Places) -> pd.DataFrame:
    """The rows with levels, codes and names in place of their place in the tree."""
    import pandas as pd

    records: list[dict] = found.to_dict("records")
    labels = [_labels(row, question, places) for row in records]
    kept = ["kind", "persons_at_least", "persons_at_most", "dates_shown", *(["date"] if question.daily else [])]
    return pd.concat([pd.DataFrame(labels, index=found.index, columns=_LABELS), found[kept]], axis=1)


_LABELS = COLUMNS[3:17]


def _labels(row: dict[str, Any], question: Question, places: Places) -> dict[str, str]:
    origin = _origin(row, question, places)
    if row["kind"] != "shown" and row["hides"] <= tree.COUNTY:
        level, code, zh, en = _rest_label(row, places, question)
    else:
        level = LEVEL_OF[tree.TOP_OF[question.level]]
        code = row[level]
        zh, en = _name(places, level, code)
    above: dict[str, str] = {}
    for parent in ("prefecture", "province"):
        own = row.get(parent) or ""
        above |= dict(
            zip(
                (f"{parent}_code", f"{parent}_name", f"{parent}_name_en"),
                (own, *_name(places, parent, own)),
                strict=True,
            )
        )
    names = {"destination_level": level, "destination_code": code, "destination_name": zh, "destination_name_en": en}
    return origin | names | above


def _origin(row: dict[str, Any], question: Question, places: Places) -> dict[str, str]:
    area = question.area
    level, code, zh, en = area.level, area.code, area.name_zh, area.name_en
    if row.get("origin") == "rest" or row["hides"] == tree.ORIGIN:
        level, code = "prefecture", f"rest_of_{area.chain}"
        zh, en = f"{zh}：未按地级市公布的起点", f"{en}: origins not shown singly"
    elif row.get("origin"):
        level, code = "prefecture", row["origin"]
        zh, en = _name(places, level, code)
    if row["hides"] == tree.PAIR:
        level, code, zh, en = "county", f"rest_of_{row['origin']}", f"{zh}：未按区县公布", f"{en}: not shown by county"
    elif row["kind"] == "shown" and question.level == "pair":
        level, code = "county", row["origin_county"]
        zh, en = _name(places, level, code)
    return {"origin_level": level, "origin_code": code, "origin_name": zh, "origin_name_en": en}


def _rest_label(row: dict[str, Any], places: Places, question: Question) -> tuple[str, str, str, str]:
    """Level, code, Chinese and English name of what is not shown below a parent."""
    if row["kind"] == "possible":
        place = question.destination
        assert place is not None
        return place.level, place.code, f"{place.name_zh}：可能含在未公布部分", f"{place.name_en}: possibly in rests"
    side_zh, side_en = _side(row["side"], places)
    if row["hides"] == tree.ORIGIN:
        return "border", row["side"], side_zh, side_en
    if row["hides"] == tree.PROVINCE:
        return "province", f"rest_of_{row['side']}", f"{side_zh}：未按省公布", f"{side_en}: not shown by province"
    level, child_zh, child_en = ("province", "地级市", "prefecture")
    if row["hides"] == tree.COUNTY:
        level, child_zh, child_en = ("prefecture", "区县", "county")
    zh, en = _name(places, level, row[level])
    return child_en, f"rest_of_{row[level]}", f"{zh}：未按{child_zh}公布", f"{en}: not shown by {child_en}"


def _side(side: str, places: Places) -> tuple[str, str]:
    where, _, code = side.partition("_")
    zh, en = _name(places, "province", code)
    return f"{zh}{'省内' if where == 'inside' else '省外'}".replace("省省", "省"), f"{where} {en}"


def _name(places: Places, level: str, code: str) -> tuple[str, str]:
    place = places.get(level, code) if code else None
    return (place.name_zh, place.name_en) if place else (code, code)


def _with_figures(
    frame: pd.DataFrame, question: Question, serving: Served, flows: pd.DataFrame, whole: int
) -> pd.DataFrame:
    frame = frame.assign(
        area=question.area.name,
        unit=unit_of(1 if question.daily else len(serving.dates)),
        share_percent=(100 * frame["persons_at_least"] / max(whole, 1)).round(2),
        dates_released=1 if question.daily else len(serving.releases),
        date_from=question.first,
        date_to=question.last,
        dates_not_served=not_served(serving),
        definition="; ".join(sorted(flows["definition"].unique())),
        release=frame["date"].map(serving.releases).astype(str) if question.daily else release_text(serving.releases),
    )
    order = frame.assign(last=frame["kind"] != "shown")
    keys = (["date"] if question.daily else []) + ["last", "persons_at_least", "destination_code", "origin_code"]
    ascending = [key != "persons_at_least" for key in keys]
    columns = [c for c in COLUMNS if c != "date" or question.daily]
    return frame.loc[order.sort_values(keys, ascending=ascending).index, columns].reset_index(drop=True)


def unit_of(dates: int) -> str:
    """Unit of figures that are sums over so many dates."""
    return "persons" if dates == 1 else "person-trips"


def not_served(serving: Served) -> str:
    """Dates of the question that no figure is in, with the reason of each; '' where every date is served."""

    why = {"no release": serving.missing, "withdrawn": serving.withdrawn, "empty": serving.empty}
    return "; ".join(f"{reason}: {spans(dates)}" for reason, dates in why.items() if dates)


def dates_served(serving: Served) -> dict[str, Any]:
    """Dates of a question, as a summary tells them: how many there are, and which are served, or are not and why."""
    return {
        "dates_asked": len(serving.dates),
        "dates_released": len(serving.releases),
        "dates": [str(d) for d in serving.releases],
        "dates_missing": [str(d) for d in serving.missing],
        "dates_withdrawn": [str(d) for d in serving.withdrawn],
        "dates_empty": [str(d) for d in serving.empty],
    }


def _summary(frame: pd.DataFrame, question: Question, serving: Served, at_least: int, at_most: int) -> dict[str, Any]:
    by_kind = frame.groupby("kind")["persons_at_least"].sum().to_dict()
    shown, rest = int(by_kind.get("shown", 0)), int(by_kind.get("rest", 0))
    return {
        "persons_at_least": at_least,
        "persons_at_most": at_most,
        "persons_shown": shown,
        "persons_in_rests": rest,
        "rest_share_percent": round(100 * rest / at_least, 1) if at_least else 0.0,
        "unit": unit_of(len(serving.dates)),
        **dates_served(serving),
        "definition": str(frame["definition"].iloc[0]) if len(frame) else "",
        "release": release_text(serving.releases),
    }

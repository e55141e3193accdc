"""What is known of a county besides its polygon: hierarchy, names, residents."""

from __future__ import annotations

import pandas as pd

from popflow.geography import crosswalk
from popflow.geography.codes import prefecture_of, province_of

NAMES_FILE = crosswalk.DATA / "names.csv"


def described(counties: pd.DataFrame) -> pd.DataFrame:
    """Counties (county_code, county_name) with prefecture, province, pinyin and residents by contract name."""
    frame = counties.copy()
    frame["prefecture_code"] = frame.county_code.map(prefecture_of)
    frame["province_code"] = frame.county_code.map(province_of)
    frame["county_pinyin"] = _of(frame.county_code, county_names(), "pinyin")
    for level, names in (("prefecture", prefecture_names()), ("province", province_names())):
        frame[f"{level}_name"] = _of(frame[f"{level}_code"], names, "name")
        frame[f"{level}_pinyin"] = _of(frame[f"{level}_code"], names, "pinyin")
    frame["population"] = residents(frame.county_code)
    return frame


def county_names() -> pd.DataFrame:
    """Names of counties, old and new, by code: name, pinyin."""
    return _completed("county", crosswalk.hierarchy()[["county_code", "county", "pinyin"]])


def prefecture_names() -> pd.DataFrame:
    """Names of prefectures by code: name, pinyin."""
    return _completed("prefecture", crosswalk.hierarchy()[["pref_code", "pref", "pref_en"]])


def province_names() -> pd.DataFrame:
    """Names of provinces by code: name, pinyin (English where it is the usual one)."""
    return _by_hand("province")


def residents(codes: pd.Series) -> pd.Series:
    """Persons by county: census of 2020, of 2010 where any part has no figure for 2020, null where one has neither."""
    figures = crosswalk.hierarchy().set_index("county_code")[["pop_2020", "pop_2010"]]
    predecessors = crosswalk.predecessors()
    sums = [_sum_of_one_census(figures.reindex(predecessors.get(code, [code]))) for code in codes]
    return pd.Series(sums, index=codes.index, dtype="Int64")


def _sum_of_one_census(parts: pd.DataFrame) -> float | None:
    for census in ("pop_2020", "pop_2010"):
        if parts[census].notna().all():
            return float(parts[census].sum())
    return None


def _completed(level: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The hierarchy's names, those set by hand before them."""
    rows = rows.set_axis(["code", "name", "pinyin"], axis=1).drop_duplicates("code").set_index("code")
    rows["pinyin"] = rows["pinyin"].str.replace(r"\s*\[.*\]$", "", regex=True)  # a note on the county's history
    by_hand = _by_hand(level)
    return pd.concat([by_hand, rows[~rows.index.isin(by_hand.index)]])


def _by_hand(level: str) -> pd.DataFrame:
    names = pd.read_csv(NAMES_FILE, dtype=str)
    return names[names.level == level].set_index("code")[["name", "pinyin"]]


def _of(codes: pd.Series, names: pd.DataFrame, column: str) -> pd.Series:
    return codes.map(names[column]).astype(object)

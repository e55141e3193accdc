"""A night's activity beside its trailing norm: the median of the nights before it.

Frames are pandas, rows of the contract `activity`; what comes out is national, or by MNO, in whole percent.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

import numpy as np
import pandas as pd

NIGHTS = 14  # of the trailing norm
NEAR = 0.5  # a prefecture is near its norm within so much of it; a festival empties a city by more, a nation by less
LARGE = 200  # SIMs of a prefecture's norm from which on it is compared: below, chance moves it


def before(activity: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    """The nights that the norm of a date is made of."""
    return activity[(activity["date"] < date) & (activity["date"] >= date - dt.timedelta(days=NIGHTS))]


def norm_of(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """Active SIMs of each MNO on a usual night before a date; empty without history."""
    by_night = before(activity, date).groupby(["mno", "date"])["sims"].sum()
    norm: pd.Series = by_night.groupby("mno").median()
    return norm


def percent_of_norm(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """Active SIMs of each MNO in percent of its norm, also for one without any on the date; empty without history."""
    norm = norm_of(activity, date)
    today = activity[activity["date"] == date].groupby("mno")["sims"].sum()
    return (100 * today.reindex(norm.index, fill_value=0) / norm).round()


def percent_of_same_weekday(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """Active SIMs of each MNO in percent of seven days before; empty where that night is not known."""
    total = activity.groupby(["date", "mno"])["sims"].sum()
    week = date - dt.timedelta(days=7)
    if week not in total.index or date not in total.index:
        return pd.Series(dtype=float)
    return (100 * total[date] / total[week]).round()


def share_points_off_norm(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """How many percentage points each MNO's share of the active SIMs lies off its norm."""
    by_night = activity.groupby(["date", "mno"])["sims"].sum().unstack(fill_value=0)
    shares = 100 * by_night.div(by_night.sum(axis=1), axis=0)
    earlier = shares[shares.index.isin(before(activity, date)["date"].unique())]
    if earlier.empty or date not in shares.index:
        return pd.Series(dtype=float)
    today = cast(pd.Series, shares.loc[date])
    return (today - earlier.median()).abs().round()


def prefectures_near_norm_percent(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """Share of each MNO's SIMs, by the norm, that belong to prefectures near their norm on the date."""
    norm = before(activity, date).groupby(["mno", "prefecture_code"])["sims"].median()
    norm = norm[norm >= LARGE]
    today = activity[activity["date"] == date].set_index(["mno", "prefecture_code"])["sims"]
    off = (today.reindex(norm.index, fill_value=0) / norm - 1).abs()
    whole = norm.groupby("mno").sum()
    near = norm[off <= NEAR].groupby("mno").sum().reindex(whole.index, fill_value=0)
    share: pd.Series = (100 * near / whole).round()
    return share


def profile_points_off_norm(activity: pd.DataFrame, date: dt.date) -> pd.Series:
    """How many percent of each MNO's day would have to move to other hours to be the norm's day."""
    today = hourly(activity[activity["date"] == date])
    norm = hourly(before(activity, date))
    both = today.index.intersection(norm.index)
    return (50 * (_shares(today.loc[both]) - _shares(norm.loc[both])).abs().sum(axis=1)).round()


def hourly(activity: pd.DataFrame) -> pd.DataFrame:
    """Rows of presence by MNO and hour: index mno, columns 0 to 23."""
    if activity.empty:
        return pd.DataFrame(columns=range(24), dtype=float)
    sums = {mno: np.vstack(rows.to_list()).sum(axis=0) for mno, rows in activity.groupby("mno")["sims_by_hour"]}
    return pd.DataFrame.from_dict(sums, orient="index", columns=range(24))


def _shares(by_hour: pd.DataFrame) -> pd.DataFrame:
    return by_hour.div(by_hour.sum(axis=1), axis=0)

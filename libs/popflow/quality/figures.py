"""Figures for the data-quality checks: a few national ones, or one row an MNO; counts become whole percents here.

A check's verdict and its Data Docs page print what it saw, so nothing finer than this goes in (docs/design, 6).
"""

from __future__ import annotations

import datetime as dt
from math import comb
from typing import Any, cast

import numpy as np
import pandas as pd

from popflow.quality import norms

QUIET = 0.1  # an hour with less than so much of the median hour is empty
TWIN_ROWS = 100  # deliveries with the same rows by area are twins from so many rows on


def intake_figures(
    tallies: pd.DataFrame, deliveries: pd.DataFrame, activity: pd.DataFrame, date: dt.date, mnos: tuple[str, ...]
) -> pd.DataFrame:
    """One row an MNO: mno and the figures of the suite `intake`; null where there is no history to compare with.

    tallies: contract `tallies`, of the date's deliveries. deliveries: contract `deliveries`, of the last nights.
    activity: contract `activity`, the date and the nights before.
    """
    frame = pd.DataFrame(index=pd.Index(mnos, name="mno"))
    frame = frame.join(_record_shares(tallies)).join(_delivery_figures(deliveries, date)).join(_hours(activity, date))
    for name in ("percent_of_norm", "percent_of_same_weekday", "share_points_off_norm",
                 "prefectures_near_norm_percent", "profile_points_off_norm"):  # fmt: skip
        frame[name] = getattr(norms, name)(activity, date).reindex(frame.index)
    return frame.reset_index()


def movement_figures(
    flows: pd.DataFrame, flows_eve: pd.DataFrame, population: pd.DataFrame, counties: pd.DataFrame
) -> pd.DataFrame:
    """One row: the figures of the suite `movement`.

    flows, flows_eve: contract `flows_exact` of the date and of the date before (may be empty). population: contract
    `presence_hourly` of the date. counties: contract `counties`, one edition.
    """
    seen = {*flows["origin_county"], *flows["destination_county"], *population["county_code"]}
    hours = population.groupby("hour")["persons"].sum()
    persons = int(flows["persons"].sum())
    stayers = int(flows.loc[flows["origin_county"] == flows["destination_county"], "persons"].sum())
    figures = {
        "counties_in_edition_percent": _floor_percent(len(seen & set(counties["county_code"])), len(seen)),
        "stayers_percent": _percent(stayers, persons),
        "imbalance_percent": _imbalance(flows, flows_eve),
        "registered_percent": _percent(int(flows["persons_registered"].sum()), persons),
        "rows_over_their_sum": _rows_over_their_sum(flows) + _rows_over_their_sum(population),
        "hours": int(hours.size),
        "hourly_swing_percent": _percent(int(hours.max() - hours.min()), int(hours.max())) if hours.size else np.nan,
        "census_percent": _percent(int(hours.max()) if hours.size else 0, int(counties["population"].sum())),
        "census_agreement_percent": _agreement(population, counties),
    }
    return pd.DataFrame([figures])


def _record_shares(tallies: pd.DataFrame) -> pd.DataFrame:
    names = ["rows", "accepted", "unparseable", "no_token", "time_outside", "unknown_cell"]
    known = tallies.groupby(["mno", "reason"])["records"].sum().unstack(fill_value=0)
    counts = known.reindex(columns=names, fill_value=0)
    located = counts["accepted"] + counts["unknown_cell"]
    return pd.DataFrame(
        {
            "located_percent": (100 * counts["accepted"] / located.where(located > 0)).round(),
            "readable_percent": (100 - 100 * (counts["unparseable"] + counts["no_token"]) / counts["rows"]).round(),
            "in_time_percent": (100 - 100 * counts["time_outside"] / counts["rows"]).round(),
        }
    )


def _delivery_figures(deliveries: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    tonight = deliveries[deliveries["delivery_date"] == date]
    files = tonight.groupby("mno")["status"].agg(
        new_files_percent=lambda s: round(100 * (s == "accepted").mean()),
        whole_files_percent=lambda s: round(100 * (s != "quarantined").mean()),
    )
    twins = {mno: _twins(of_mno, date) for mno, of_mno in deliveries.groupby("mno")}
    return files.assign(twin_deliveries=pd.Series(twins, dtype=float).reindex(files.index, fill_value=0))


def _twins(deliveries: pd.DataFrame, date: dt.date) -> int:
    """Deliveries of the date that have the same rows in each area as another one, of any date: the same, renamed."""
    sizes = deliveries.groupby(["delivery_date", "delivery_id", "area"])["rows"].sum()
    known: dict[Any, dict[str, int]] = {}
    for key, rows in sizes.items():
        *delivery, area = cast(tuple[Any, ...], key)
        known.setdefault(tuple(delivery), {})[area] = int(rows)
    large = {key: rows for key, rows in known.items() if sum(rows.values()) >= TWIN_ROWS}
    alike: dict[Any, list[bool]] = {}  # by rows of each area: for each delivery, whether it is of the date
    for delivery, rows_by_area in large.items():
        alike.setdefault(frozenset(rows_by_area.items()), []).append(delivery[0] == date)
    return sum(comb(len(of_date), 2) - comb(len(of_date) - sum(of_date), 2) for of_date in alike.values())


def _hours(activity: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    by_hour = norms.hourly(activity[activity["date"] == date])
    if by_hour.empty:
        return pd.DataFrame(columns=["empty_hours", "night_share_percent"], dtype=float)
    empty = by_hour.lt(QUIET * by_hour.median(axis=1), axis=0).sum(axis=1)
    night = by_hour[list(range(1, 5))].sum(axis=1) / by_hour.sum(axis=1)
    return pd.DataFrame({"empty_hours": empty, "night_share_percent": (100 * night).round()})


def _imbalance(flows: pd.DataFrame, yesterday: pd.DataFrame) -> float:
    """Share of persons whose origin today is not where yesterday's flows ended; null without a yesterday."""
    if yesterday.empty:
        return np.nan
    left = flows.groupby("origin_county")["persons"].sum()
    arrived = yesterday.groupby("destination_county")["persons"].sum()
    off = left.sub(arrived, fill_value=0).abs().sum() / 2
    return _percent(int(off), int(arrived.sum()))


def _rows_over_their_sum(frame: pd.DataFrame) -> int:
    over = frame["persons_registered"] > frame["persons"]
    most = frame["persons_without"].map(lambda pairs: max(dict(pairs or {}).values(), default=0))
    return int((over | (most > frame["persons_registered"])).any())


def _agreement(population: pd.DataFrame, counties: pd.DataFrame) -> float:
    """Correlation of persons with residents by province, in percent: a swapped cell table breaks it at once."""
    province = dict(zip(counties["county_code"], counties["province_code"], strict=True))
    noon = population[population["hour"] == 12]
    persons = noon.groupby(noon["county_code"].map(province))["persons"].sum()
    residents = counties.groupby("province_code")["population"].sum()
    both = pd.concat([persons, residents], axis=1, join="inner").astype(float)
    if len(both) < 3:
        return np.nan
    return float(np.round(100 * np.corrcoef(both.to_numpy().T)[0, 1]))


def _percent(part: int, whole: int) -> float:
    return float(round(100 * part / whole)) if whole else np.nan


def _floor_percent(part: int, whole: int) -> float:
    """Rounded down, so that 100 means all."""
    return float(100 * part // whole) if whole else np.nan

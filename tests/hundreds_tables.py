"""Exact tables of indicators in hundreds, written by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd

DATE = dt.date(2020, 1, 22)
MNOS = ("mobile", "unicom", "telecom")
KEY = bytes(range(32))


def counts(*rows: tuple, definition: str = "population-1", date: dt.date = DATE) -> pd.DataFrame:
    """Rows of an exact table: county, part, hour or None, persons, registered, and registered without each MNO."""
    frame = pd.DataFrame(
        [(county, part, hour, persons, registered, dict(zip(MNOS, without, strict=True)))
         for county, part, hour, persons, registered, without in rows],
        columns=["county_code", "part", "hour", "persons", "persons_registered", "persons_without"],
    )  # fmt: skip
    frame = frame.assign(date=date, definition=definition)
    return frame if frame["hour"].notna().any() else frame.drop(columns="hour")


def everyone(county: str, persons: int, hour: int = 3, registered: int | None = None, without: tuple = ()) -> tuple:
    """One row of population_exact."""
    registered = persons if registered is None else registered
    return county, "everyone", hour, persons, registered, without or (persons // 2,) * 3

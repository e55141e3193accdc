"""The truth of what is told in hundreds, read from where each simulated person was."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from popflow.accuracy.by_county import true_by_county

DATE = dt.date(2020, 1, 22)
# person, first slot, slots, county: at home; by day in the next county; gone at 11:00; away from 10:00 to 12:45
RUNS = [
    (1, 0, 96, "420102"),
    (2, 0, 36, "420102"), (2, 36, 36, "420106"), (2, 72, 24, "420102"),
    (3, 0, 44, "420102"), (3, 44, 52, "430102"),
    (4, 0, 40, "420102"), (4, 40, 11, "420106"), (4, 51, 45, "420102"),
]  # fmt: skip


@pytest.fixture
def nation(tmp_path: Path) -> Path:
    positions = pd.DataFrame(RUNS, columns=["person", "first_slot", "slots", "county"])
    flows = pd.DataFrame({"origin_county": ["420102", "420102"], "destination_county": ["420102", "430102"],
                          "persons": [3, 1]})  # fmt: skip
    presence = pd.DataFrame({"hour": [3, 10, 10], "county": ["420102", "420102", "420106"], "persons": [4, 2, 2]})
    for name, frame in (
        (f"positions/{DATE}/0000", positions),
        (f"flows/{DATE}", flows),
        (f"presence/{DATE}", presence),
    ):
        path = tmp_path / "truth" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.assign(date=DATE).to_parquet(path)
    return tmp_path


def told(frame: pd.DataFrame, quantity: str) -> dict:
    mine = frame[frame["quantity"] == quantity]
    return {(hour, county): n for hour, county, n in mine[["hour", "county_code", "persons"]].itertuples(index=False)}


def test_the_population_of_each_hour_is_the_simulations(nation: Path):
    found = told(true_by_county(nation), "population")
    assert found == {(3, "420102"): 4, (10, "420102"): 2, (10, "420106"): 2}


def test_who_arrived_and_who_spent_the_day_elsewhere(nation: Path):
    frame = true_by_county(nation)
    assert told(frame, "arrivals") == {(0, "430102"): 1}
    # The second person was away all day; the fourth for 11 of 24 quarter-hours; the third lives nowhere that day.
    assert told(frame, "daytime") == {(0, "420106"): 1}

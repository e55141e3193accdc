"""The truth of what is told in hundreds: read from where each simulated person was, quarter-hour by quarter-hour."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from popflow.accuracy.scores import BY_COUNTY
from popflow.movement.definition import DAY_HOURS, SLOTS_A_DAY, SLOTS_AN_HOUR

# A run holds a person from its first slot on for so many slots. Where somebody lives is where the date begins and ends
# for them; where they spend the day is the county of most quarter-hours of the working day, ties to the smaller code.
POPULATION = """
SELECT 'population' AS quantity, date, hour, county::VARCHAR AS county_code, persons FROM presence WHERE persons > 0
"""
ARRIVALS = """
SELECT 'arrivals' AS quantity, date, 0 AS hour, destination_county AS county_code, sum(persons)::BIGINT AS persons
FROM flows WHERE origin_county <> destination_county GROUP BY ALL
"""
FIRST_OF_DAY, END_OF_DAY = DAY_HOURS.start * SLOTS_AN_HOUR, DAY_HOURS.stop * SLOTS_AN_HOUR
DAYTIME = f"""
WITH days AS (
    SELECT date, person, county::VARCHAR AS county,
        sum(greatest(0, least(first_slot + slots, {END_OF_DAY}) - greatest(first_slot, {FIRST_OF_DAY}))) AS day_slots,
        bool_or(first_slot = 0) AS begins, bool_or(first_slot + slots = {SLOTS_A_DAY}) AS ends
    FROM runs GROUP BY ALL
), persons AS (
    SELECT date, person, max_by(county, (day_slots, -county::INTEGER)) AS by_day,
        any_value(county) FILTER (begins) AS begun, any_value(county) FILTER (ends) AS ended
    FROM days GROUP BY ALL
)
SELECT 'daytime' AS quantity, date, 0 AS hour, by_day AS county_code, count(*) AS persons
FROM persons WHERE begun = ended AND by_day <> begun GROUP BY ALL
"""


def true_by_county(nation: Path) -> pd.DataFrame:
    """Persons by quantity, date, hour (0 where it has none) and county, as the simulation has them.

    nation: the folder of a simulation, with truth/positions, truth/presence and truth/flows.
    """
    with duckdb.connect() as db:
        db.execute("SET enable_progress_bar = false")
        db.read_parquet(str(nation / "truth" / "positions" / "*" / "*.parquet")).create_view("runs")
        for name in ("flows", "presence"):
            db.read_parquet(str(nation / "truth" / name / "*.parquet")).create_view(name)
        frame = pd.concat([db.sql(query).df() for query in (POPULATION, ARRIVALS, DAYTIME)], ignore_index=True)
    return frame.assign(date=pd.to_datetime(frame["date"]).dt.date)[BY_COUNTY]

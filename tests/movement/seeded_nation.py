"""A small nation of random walkers, as presence and register, from a seed; troubles of all kinds among them."""

from __future__ import annotations

import datetime as dt

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from popflow.contracts import Contracts
from popflow.intake.register import with_mno_masks

FIRST = dt.date(2020, 1, 21)
# Three pairs lie in one prefecture: there the last run alone decides.
COUNTIES = ["420102", "420106", "420902", "420921", "429004", "430102", "430103", "411502"]
MNOS = ["mobile", "unicom", "telecom"]
WORD = (1 << 48) - 1


def register_rows(persons: int, rng: np.random.Generator) -> list[tuple]:
    """One to three SIMs a person, a few of them trackers; every tenth person's SIM stands in no register."""
    rows = []
    for person in range(persons):
        if person % 10 == 9:
            continue
        for sim in range(1 + rng.integers(3)):
            kind = "iot" if sim == 2 else "person"
            token = f"{person}.{sim}"
            rows.append((FIRST, MNOS[(person + sim) % 3], token, f"t{person}", f"p{person}", f"s{token}", kind))
    return rows


def register_frame(spark: SparkSession, contracts: Contracts, rows: list[tuple]) -> DataFrame:
    """An edition of the register from its rows, masks added as at loading."""
    schema = contracts.table("subscribers").spark_schema()
    given = StructType([field for field in schema if field.name != "mno_mask"])
    return with_mno_masks(spark.createDataFrame(rows, given), contracts.mno_bits())


def presence_rows(persons: int, days: int, rng: np.random.Generator, absent: float = 0.0) -> list[list[tuple]]:
    """For each day (mno, sim_token, county_code, slots_lo, slots_hi): most stay, some move, some are silent.

    absent: chance on each day that a person is then silent for 6 to 9 days, around the 7 that a day end is carried.
    """
    at, away_until = rng.integers(len(COUNTIES), size=persons), np.zeros(persons, int)
    nights = []
    for day in range(days):
        rows = []
        for person in range(persons):
            before = at[person]
            if rng.random() < 0.35:
                at[person] = rng.integers(len(COUNTIES))
            if absent and day >= away_until[person] and rng.random() < absent:
                away_until[person] = day + rng.integers(6, 10)
            if rng.random() < 0.2 or day < away_until[person]:
                continue  # silent all day
            for sim in range(3):
                if sim == 0 or rng.random() < 0.3:
                    rows += _sim_day(MNOS[(person + sim) % 3], f"{person}.{sim}", before, at[person], rng)
        nights.append(rows)
    return nights


def _sim_day(mno: str, token: str, before: int, after: int, rng: np.random.Generator) -> list[tuple]:
    seen = rng.random(96) < rng.choice([0.02, 0.2, 0.9])
    seen[rng.integers(96)] = True
    earliest = 92 if rng.random() < 0.2 else 0  # a fifth leave in the last hour
    leaves = int(rng.integers(earliest, 97)) if before != after else 0
    bits: dict[int, int] = {}
    for slot in np.flatnonzero(seen):
        for county in {before if slot < leaves else after, *([after] if rng.random() < 0.05 else [])}:
            bits[county] = bits.get(county, 0) | 1 << int(slot)
    return [(mno, token, COUNTIES[county], b & WORD, b >> 48) for county, b in bits.items()]

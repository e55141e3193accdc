"""What movement costs: the slot logic and the person stage per person-day, and a state after a short or long history.

Run: python benchmarks/movement.py [--persons 200000] [--history 40]
CPU time of this process and its children would miss the JVM: Spark's figures are wall-clock times on an idle machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from popflow.movement.batches import with_slot_logic
from popflow.movement.person_days import person_days
from popflow.movement.person_states import person_states
from popflow.movement.sims import SIGHTINGS
from popflow.session import session

FIRST = dt.date(2020, 1, 1)
WORD = (1 << 48) - 1
BATCH = 10_000  # rows of an Arrow batch, Spark's default
COUNTIES = np.array(["420102", "420106", "420902", "421002", "429004", "430102", "430602", "411502"])
REPEATS, TURNS = 3, 6
SHORT = 3  # days of history to compare with


def bitmaps(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two words a row, about a third of their bits set, never none."""
    lo, hi = (rng.integers(0, 1 << 48, rows) & rng.integers(0, 1 << 48, rows) for _ in range(2))
    return lo | 1, hi | rng.integers(0, 1 << 48, rows) & rng.integers(0, 1 << 48, rows)


def slot_logic_batch(persons: int, counties: int, rng: np.random.Generator) -> pa.RecordBatch:
    """Persons who were each seen in several counties, and came with a run."""
    rows = persons * counties
    county = np.concatenate([rng.permutation(COUNTIES)[:counties] for _ in range(persons)])
    lo, hi = bitmaps(rows, rng)
    sightings = pa.StructArray.from_arrays(
        [pa.array(county), pa.array(lo), pa.array(hi)], ["county_code", "slots_lo", "slots_hi"]
    )
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, rows + 1, counties), pa.int32()), sightings)
    before = [pa.array(rng.choice(COUNTIES, persons)), pa.array(np.full(persons, 6), pa.int32())]
    return pa.RecordBatch.from_arrays([lists, *before], ["sightings", "trailing_county", "silent_slots"])


def seconds(work: Callable[[], object]) -> float:
    """The best of a few runs."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def sims(spark: SparkSession, persons: int, moving: float, rng: np.random.Generator) -> DataFrame:
    """sim_days of one date: a SIM a person; a share of them seen in a second county as well."""
    home = np.random.default_rng(1).integers(len(COUNTIES), size=persons)
    movers = np.flatnonzero(rng.random(persons) < moving)
    person = np.concatenate([np.arange(persons), movers])
    county = np.concatenate([home, (home[movers] + 1) % len(COUNTIES)])
    lo, hi = bitmaps(len(person), rng)
    table = {
        "person_key": pa.array([f"{p:032x}" for p in person]),
        "sim_key": pa.array([f"{p:032x}" for p in person]),
        "mno_mask": pa.array(np.ones(len(person)), pa.int32()),
        "registered": pa.array(np.ones(len(person), bool)),
        "county_code": pa.array(COUNTIES[county]),
        "slots_lo": pa.array(lo),
        "slots_hi": pa.array(hi),
    }
    seen = spark.createDataFrame(pa.table(table))
    by_sim = seen.groupBy("person_key", "sim_key", "mno_mask", "registered")
    slots = F.bit_count(F.bit_or("slots_lo")) + F.bit_count(F.bit_or("slots_hi"))
    return by_sim.agg(
        slots.cast("int").alias("observed_slots"), F.collect_list(F.struct(*SIGHTINGS)).alias("sightings")
    )


def stored(frame: DataFrame, path: Path) -> DataFrame:
    """The same frame, read from a file as every night reads it."""
    frame.write.mode("overwrite").parquet(str(path))
    return frame.sparkSession.read.parquet(str(path))


def discarded(frame: DataFrame) -> None:
    """Compute all of it and keep nothing."""
    frame.write.format("noop").mode("overwrite").save()


def slot_logic_cost(rng: np.random.Generator) -> None:
    """Microseconds of numpy per person-day, by the number of counties seen."""
    for counties in (1, 2, 4):
        batch = slot_logic_batch(BATCH, counties, rng)
        spent = seconds(lambda batch=batch: list(with_slot_logic(iter([batch]))))
        print(f"slot logic, {counties} counties a person: {spent / BATCH * 1e6:6.1f} us a person-day")


@dataclass
class Evening:
    """What the state stage is given: yesterday's state, the person-days of the date."""

    yesterday: DataFrame
    days: DataFrame
    date: dt.date


def history(
    spark: SparkSession, persons: int, nights: int, folder: Path, rng: np.random.Generator
) -> dict[int, Evening]:
    """So many nights; what the state stage was given after 3 of them and after all, by the days of history."""
    yesterday, kept = None, {}
    for day in range(nights + 1):
        date = FIRST + dt.timedelta(days=day)
        night = stored(sims(spark, persons, 0.15, rng), folder / "sims")
        days = stored(person_days(night, yesterday, date), folder / f"days{day}")
        if day in (SHORT, nights):
            kept[day] = Evening(yesterday, days, date)
        yesterday = stored(person_states(yesterday, days, date), folder / f"state{day}")
    return kept


def state_cost(kept: dict[int, Evening], persons: int) -> None:
    """The state stage after a short and a long history, in turns, so that a busy machine slows both alike."""
    spent: dict[int, list[float]] = {days: [] for days in kept}
    for _ in range(TURNS):
        for days, given in kept.items():
            began = time.perf_counter()
            discarded(person_states(given.yesterday, given.days, given.date))
            spent[days].append(time.perf_counter() - began)
    for days, times in spent.items():
        rows = kept[days].yesterday.count()
        print(f"person_state after {days:2} days of history: {np.median(times) / persons * 1e6:6.1f} us a person, "
              f"median {np.median(times):.2f} s, best {min(times):.2f} s, {rows:,} rows read")  # fmt: skip
    short, long = (np.array(spent[days][1:]) for days in sorted(spent))  # the first turn warms up
    print(f"ratio long to short: medians {np.median(long) / np.median(short):.2f}, best {long.min() / short.min():.2f}")


def person_cost(spark: SparkSession, persons: int, after: Evening, folder: Path, rng: np.random.Generator) -> None:
    """The person stage with few and many movers."""
    for moving in (0.0, 0.15, 1.0):
        night = stored(sims(spark, persons, moving, rng), folder / "sims")
        spent = seconds(lambda n=night: discarded(person_days(n, after.yesterday, after.date)))
        print(f"person_days, {moving:4.0%} in two counties: {spent / persons * 1e6:6.1f} us a person-day")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--history", type=int, default=40)
    given, rng = parser.parse_args(), np.random.default_rng(7)
    slot_logic_cost(rng)
    with tempfile.TemporaryDirectory() as folder:
        spark = session("benchmark-movement")
        kept = history(spark, given.persons, given.history, Path(folder), rng)
        state_cost(kept, given.persons)
        person_cost(spark, given.persons, kept[given.history], Path(folder), rng)


if __name__ == "__main__":
    main()

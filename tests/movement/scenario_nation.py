"""All golden scenarios as one nation: read from their folders, run night after night, told back in their words."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from seeded_nation import register_frame

from popflow.contracts import Contracts
from popflow.intake.keys import person_key, read_secret, sim_key
from popflow.movement.arrivals import by_county_arrived_in
from popflow.movement.daytime import by_day_county
from popflow.movement.person_days import person_days
from popflow.movement.person_states import person_states
from popflow.movement.population import whereabouts
from popflow.movement.sims import sim_days

FOLDER = Path(__file__).parents[1] / "scenarios"
QUARTER = dt.timedelta(minutes=15)
WORD = (1 << 48) - 1


@dataclass
class Nation:
    """Presence by date, the register, and which name each key stands for."""

    secret: bytes
    presence: dict[dt.date, list[tuple]] = field(default_factory=lambda: defaultdict(list))
    register: dict[tuple[str, str], tuple] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def scenario_names() -> list[str]:
    """Every folder is one."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def read_csv(path: Path) -> pd.DataFrame:
    """A file of text fields, the missing ones empty."""
    return pd.read_csv(path, dtype=str, comment="#").fillna("")


def nation(key_file: Path) -> Nation:
    """All scenarios; SIMs and persons bear their scenario's name before their own."""
    whole = Nation(read_secret(key_file))
    for name in scenario_names():
        _add(whole, name)
    return whole


def _add(whole: Nation, scenario: str) -> None:
    folder = FOLDER / scenario
    records = read_csv(folder / "records.csv")
    if (folder / "cells.csv").exists():
        records = _with_counties(records, read_csv(folder / "cells.csv"))
    lines = {(r.sim, r.mno): (r.person, "person") for r in records.itertuples()}
    if (folder / "register.csv").exists():
        told = read_csv(folder / "register.csv").itertuples()
        lines |= {(r.sim, r.mno): (r.person, r.line_kind) for r in told}
    for (sim, mno), (person, kind) in lines.items():
        token = f"{scenario}/{sim}"
        key = sim_key(whole.secret, mno, token)
        owner = person_key(whole.secret, f"{scenario}/{person}")
        whole.names |= {key: token, owner: f"{scenario}/{person}"}
        if person:
            whole.register[mno, token] = (f"{scenario}/{person}", owner, key, kind)
    for (date, mno, sim, county), bits in _bitmaps(records).items():
        whole.presence[date].append((mno, f"{scenario}/{sim}", county, bits & WORD, bits >> 48))


def _with_counties(records: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    both = records.merge(cells, on="cell")
    day = both["from"].str[:10]
    return both[(both.valid_from <= day) & ((both.valid_to == "") | (day <= both.valid_to))]


def _bitmaps(records: pd.DataFrame) -> dict[tuple, int]:
    bits: dict[tuple, int] = defaultdict(int)
    for r in records.itertuples():
        begin = dt.datetime.fromisoformat(r[records.columns.get_loc("from") + 1])
        at, end = begin, dt.datetime.fromisoformat(r.until) if r.until else begin + dt.timedelta(minutes=1)
        while at < end:
            bits[at.date(), r.mno, r.sim, r.county] |= 1 << (at.hour * 4 + at.minute // 15)
            at += QUARTER
    return bits


def run_nights(spark: SparkSession, contracts: Contracts, whole: Nation, key_file: Path) -> dict:
    """What is known of each person on each date, by date and name.

    State, person-day or None, observed slots, county by hour of everybody known, county and part of the day presence
    and of the arrival.
    """
    subscribers = _subscribers(spark, contracts, whole)
    dates = sorted(whole.presence)
    known, yesterday = {}, None
    for offset in range((dates[-1] - dates[0]).days + 1):
        date = dates[0] + dt.timedelta(days=offset)
        sims = _at_hand(sim_days(_presence(spark, whole, date), subscribers, contracts.mno_bits(), str(key_file)))
        days = _at_hand(person_days(sims, yesterday, date))
        yesterday = _at_hand(person_states(yesterday, days, date))
        by_person = {row.person_key: row for row in days.collect()}
        slots = {row.sim_key: row.observed_slots for row in sims.collect()}
        placed = {row.person_key: row.hour_counties for row in whereabouts(days, yesterday).collect()}
        by_day = {row.person_key: f"{row.county_code} {row.part}" for row in by_day_county(days).collect()}
        came = {row.person_key: f"{row.county_code} {row.part}" for row in by_county_arrived_in(yesterday).collect()}
        for row in yesterday.collect():
            told_today = by_person.get(row.person_key), slots.get(row.speaking_sim_key)
            of_day = placed[row.person_key], by_day.get(row.person_key, ""), came.get(row.person_key, "")
            known[date, whole.names[row.person_key]] = (row, *told_today, *of_day)
    return known


def _at_hand(frame: DataFrame) -> DataFrame:
    """The same rows without their plan, as a table on disk would give them."""
    return frame.sparkSession.createDataFrame(frame.toArrow())


def _presence(spark: SparkSession, whole: Nation, date: dt.date) -> DataFrame:
    columns = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"
    return _at_hand(spark.createDataFrame(whole.presence[date], columns))


def _subscribers(spark: SparkSession, contracts: Contracts, whole: Nation) -> DataFrame:
    as_of = dt.date(2020, 1, 1)
    rows = [(as_of, mno, token, *line) for (mno, token), line in whole.register.items()]
    return _at_hand(register_frame(spark, contracts, rows))


def told(whole: Nation, contracts: Contracts, row, day, slots, placed, by_day, arrived) -> dict[str, str]:
    """A person's state and day in the words of expected.csv."""
    if row is None:
        return defaultdict(str)
    return {
        "day_end": row.day_end_county,
        "origin": row.origin_county or "",
        "speaking_sim": whole.names[row.speaking_sim_key].split("/")[1],
        "mnos": ";".join(sorted(m for m, bit in contracts.mno_bits().items() if row.mno_mask >> bit & 1)),
        "silent_slots": str(row.silent_slots),
        "last_seen": str(row.last_seen),
        "observed_slots": str(slots) if day else "",
        "hours": _by_hour(day.hour_counties) if day else "",
        "placed": _by_hour(placed),
        "by_day": by_day,
        "arrived": arrived,
    }


def _by_hour(counties: dict[int, str | None]) -> str:
    return ";".join(f"{h}={c or '-'}" for h, c in sorted(counties.items()))

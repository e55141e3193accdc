"""The short way from landing files to person states, without Spark: for many nations, one after the other.

The reduction, the cell table, the keys and the slot logic are popflow's own. What Spark does between them, joining SIMs
to persons and a day to yesterday, is said again in SQL; a test holds that every person comes out the same.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from popflow.contracts import Contracts
from popflow.feeds import Feed
from popflow.geography.cell_files import read_cells
from popflow.geography.cells import cell_to_county
from popflow.geography.counties import shipped_counties
from popflow.intake import cell_table, keys
from popflow.intake.deliveries import Delivery, discover
from popflow.intake.packing import LARGEST_PACK, Pack, packs
from popflow.intake.reduction import Limits, reduce_pack
from popflow.movement.batches import with_slot_logic
from popflow.movement.definition import CARRY_DAYS, SLOTS_A_DAY, SPEAKER_INERTIA

BATCH_PERSONS = 10_000
SEEN = ("event_date", "mno", "sim_token", "county_code", "slots_lo", "slots_hi")
TABLES = """
CREATE TABLE presence (event_date DATE, mno VARCHAR, sim_token VARCHAR, county_code VARCHAR, slots_lo BIGINT,
    slots_hi BIGINT);
CREATE TABLE state (person_key VARCHAR, speaker VARCHAR, origin_county VARCHAR, day_end_county VARCHAR,
    trailing_county VARCHAR, silent_slots INTEGER, last_seen DATE);
"""
# Presence of a date, ORed over deliveries; lines of no person left out; a SIM of no register is a person of its own.
SIMS = """
WITH seen AS (
    SELECT mno, sim_token, county_code, bit_or(slots_lo) AS slots_lo, bit_or(slots_hi) AS slots_hi
    FROM presence WHERE event_date = $date GROUP BY ALL)
SELECT coalesce(person_key, own_key(mno, sim_token)) AS person_key,
    coalesce(sim_key, own_key(mno, sim_token)) AS sim_key, county_code, slots_lo, slots_hi
FROM seen LEFT JOIN register USING (mno, sim_token) WHERE coalesce(line_kind, 'person') = 'person'
"""
# The rule of popflow.movement.sims.speaking_sims.
SPEAKERS = f"""
WITH by_sim AS (
    SELECT person_key, sim_key, bit_count(bit_or(slots_lo)) + bit_count(bit_or(slots_hi)) AS slots,
        list({{'county_code': county_code, 'slots_lo': slots_lo, 'slots_hi': slots_hi}}) AS sightings
    FROM sims GROUP BY ALL)
SELECT person_key, sim_key AS speaker, sightings, trailing_county, silent_slots
FROM by_sim LEFT JOIN state USING (person_key)
QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY
    -slots * CASE WHEN sim_key = speaker THEN {SPEAKER_INERTIA} ELSE 1 END, coalesce(sim_key = speaker, false) DESC,
    sim_key) = 1
"""
# The rule of popflow.movement.person_states.person_states.
STATE = f"""
SELECT person_key, coalesce(now.speaker, before.speaker) AS speaker, before.day_end_county AS origin_county,
    coalesce(now.day_end_county, before.day_end_county) AS day_end_county,
    coalesce(now.trailing_county, before.trailing_county) AS trailing_county,
    coalesce(now.silent_slots, before.silent_slots + {SLOTS_A_DAY}) AS silent_slots,
    CASE WHEN now.person_key IS NULL THEN before.last_seen ELSE $date END AS last_seen
FROM days AS now FULL JOIN state AS before USING (person_key)
WHERE now.person_key IS NOT NULL OR before.last_seen >= $date - {CARRY_DAYS}
"""


class Persons:
    """Persons from night to night in DuckDB: presence in, states out.

    register: mno, sim_token, line_kind, person_key, sim_key.
    """

    def __init__(self, register: pa.Table, secret: bytes) -> None:
        self._db = duckdb.connect()
        self._db.execute("SET enable_progress_bar = false")
        self._db.execute(TABLES)
        self._db.register("register_read", register)
        self._db.execute("CREATE TABLE register AS FROM register_read")
        self._db.create_function("own_key", lambda mno, sim: keys.sim_key(secret, mno, sim), ["VARCHAR"] * 2, "VARCHAR")

    def see(self, presence: pa.Table) -> None:
        """Keep presence of any date: event_date, mno, sim_token, county_code, slots_lo, slots_hi."""
        self._db.register("presence_read", presence)
        self._db.execute(f"INSERT INTO presence SELECT {', '.join(SEEN)} FROM presence_read")
        self._db.unregister("presence_read")

    def state(self, date: dt.date) -> duckdb.DuckDBPyRelation:
        """Persons with origin_county and day_end_county, of the date after the one asked for before."""
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE sims AS {SIMS}", {"date": date})
        speakers = self._db.sql(SPEAKERS).to_arrow_reader(BATCH_PERSONS)
        self._db.register("days", pa.Table.from_batches(list(with_slot_logic(_batches(speakers)))))
        self._db.execute(f"CREATE OR REPLACE TABLE state AS {STATE}", {"date": date})
        self._db.execute("DELETE FROM presence WHERE event_date <= $date", {"date": date})
        return self._db.table("state")


class ShortWay:
    """One nation's nights, in order; what they need on disk lies below `work`."""

    def __init__(self, nation: Path, work: Path, known: Contracts, key: Path) -> None:
        self._landing, self._work, self._known = str(nation / "landing"), work, known
        self._cells = _cells(nation / "reference" / "cells.parquet", tuple(known.mno_bits()))
        secret = keys.read_secret(key)
        self._persons = Persons(_keyed(nation / "reference" / "subscribers.parquet", secret), secret)

    def state(self, date: dt.date) -> duckdb.DuckDBPyRelation:
        """Persons of a date, after its deliveries: the day after the one asked for before."""
        schema = self._known.table("intake").arrow_schema()
        for delivery, feed in self._ready(date):
            for pack in packs([(delivery, delivery.manifest.files)], LARGEST_PACK):
                cells = self._cell_table(pack, feed)
                for batch in reduce_pack(pack, feed, cells, schema, Limits(threads=2)):
                    if batch["kind"][0].as_py() == "presence":
                        self._persons.see(pa.Table.from_batches([batch]))
        return self._persons.state(date)

    def _ready(self, date: dt.date) -> list[tuple[Delivery, Feed]]:
        ready = discover(self._landing, date, self._known, tuple(self._known.mno_bits())).ready
        return [(delivery, self._known.feeds[delivery.feed]) for delivery in ready]

    def _cell_table(self, pack: Pack, feed: Feed) -> str:
        path = self._work / f"cells-{pack.mno}-{pack.delivery_date}.parquet"
        if not path.exists():
            cell_table.write_cells(cell_table.cell_table(self._cells, feed, pack.delivery_date), str(path))
        return str(path)


def _cells(file: Path, mnos: tuple[str, ...]) -> pa.Table:
    return _located(hashlib.sha256(file.read_bytes()).hexdigest(), file, mnos)


@functools.lru_cache(maxsize=2)  # nations of one seed share their cells, whatever their troubles
def _located(_digest: str, file: Path, mnos: tuple[str, ...]) -> pa.Table:
    return pa.Table.from_pandas(cell_to_county(read_cells(file, mnos), shipped_counties()), preserve_index=False)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Whole batches of persons, each with lists that start at its first row."""
    for batch in reader:
        yield pa.RecordBatch.from_arrays([pa.concat_arrays([column]) for column in batch.columns], batch.schema.names)


def _keyed(file: Path, secret: bytes) -> pa.Table:
    """The register under keys, as load_subscribers writes it."""
    register = pd.read_parquet(file)
    sims = zip(register["mno"], register["sim_token"], strict=True)
    keyed = {
        "mno": register["mno"],
        "sim_token": register["sim_token"],
        "line_kind": register["line_kind"],
        "person_key": [keys.person_key(secret, token) for token in register["person_token"]],
        "sim_key": [keys.sim_key(secret, mno, token) for mno, token in sims],
    }
    return pa.Table.from_pandas(pd.DataFrame(keyed), preserve_index=False)

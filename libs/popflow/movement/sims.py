"""From presence to persons: whose SIM it is, which lines count, and which SIM speaks for a person."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.movement.definition import SPEAKER_INERTIA

PERSON = "person"  # the one line kind that counts
SIM = ["mno", "sim_token"]
SIGHTINGS = ["county_code", "slots_lo", "slots_hi"]
KEYED_SIM = "mno string, sim_key string, county_code string, slots_lo bigint, slots_hi bigint"
SIM_DAYS = ["person_key", "sim_key", "mno_mask", "registered", "home_prefecture", *SIGHTINGS]


def sim_days(presence: DataFrame, subscribers: DataFrame, mno_bits: Mapping[str, int], key_file: str) -> DataFrame:
    """Where each SIM of a person was seen on a date, under keys instead of tokens.

    IoT and data-only lines are left out. A SIM that the register does not hold is a person of its own.
    In: presence of one date, OR-ed over deliveries; the edition of the register that holds on it; the bit of every
    MNO; the key file, which tasks read.
    Out: one row per SIM and county (person_key, sim_key, mno_mask, registered, home_prefecture, county_code, slots_lo,
    slots_hi). METHODS.md section 2.
    """
    seen = _registered(presence, subscribers).unionByName(_unregistered(presence, subscribers, key_file))
    masked = seen.join(mno_masks(subscribers, mno_bits), "person_key", "left")
    return masked.withColumn("mno_mask", F.coalesce("mno_mask", _bit(mno_bits))).select(*SIM_DAYS)


def lines_by_kind(presence: DataFrame, subscribers: DataFrame) -> DataFrame:
    """How many SIMs of each MNO were seen, by line kind: person, data_only, iot or unregistered.

    Out: one row per MNO and line kind (mno, line_kind, sims). Only person and unregistered count as persons.
    """
    sims = presence.select(*SIM).distinct().join(subscribers.select(*SIM, "line_kind"), SIM, "left")
    kind = F.coalesce("line_kind", F.lit("unregistered")).alias("line_kind")
    return sims.groupBy("mno", kind).agg(F.count(F.lit(1)).alias("sims"))


def mno_masks(subscribers: DataFrame, mno_bits: Mapping[str, int]) -> DataFrame:
    """The MNOs at which each person of the register has a SIM of any kind, active or not (person_key, mno_mask)."""
    return subscribers.groupBy("person_key").agg(F.bit_or(_bit(mno_bits)).alias("mno_mask"))


def speaking_sims(sims: DataFrame) -> DataFrame:
    """The SIM that speaks for each person, with all it saw.

    The one with the most observed slots; but yesterday's speaker stays until another has more than twice its slots.
    Ties to the smaller key.
    In: sim_days with yesterday's `speaker_before` (null: none) and whatever else is constant for a person.
    Out: one row per person: the person's columns, `sim_key` as `speaking_sim_key`, `observed_slots`, and `sightings`,
    an array of (county_code, slots_lo, slots_hi).
    """
    of_person = [c for c in sims.columns if c not in ("person_key", "sim_key", "home_prefecture", *SIGHTINGS)]
    sightings = F.collect_list(F.struct(*SIGHTINGS)).alias("sightings")
    of_sim = [F.first(c).alias(c) for c in (*of_person, "home_prefecture")]
    by_sim = sims.groupBy("person_key", "sim_key").agg(_observed_slots(), *of_sim, sightings)
    stays = F.coalesce(F.col("sim_key") == F.col("speaker_before"), F.lit(False))
    weight = F.col("observed_slots") * F.when(stays, SPEAKER_INERTIA).otherwise(1)
    speaker = F.struct(*(c for c in by_sim.columns if c != "person_key"))
    by_person = by_sim.groupBy("person_key").agg(F.min_by(speaker, F.struct(-weight, ~stays, "sim_key")).alias("sim"))
    return by_person.select("person_key", "sim.*").withColumnRenamed("sim_key", "speaking_sim_key")


def _registered(presence: DataFrame, subscribers: DataFrame) -> DataFrame:
    lines = subscribers.where(F.col("line_kind") == PERSON).select(*SIM, "person_key", "sim_key", "home_prefecture")
    known = presence.join(lines, SIM).withColumn("registered", F.lit(True))
    return known.select("mno", "person_key", "sim_key", "registered", "home_prefecture", *SIGHTINGS)


def _unregistered(presence: DataFrame, subscribers: DataFrame, key_file: str) -> DataFrame:
    unknown = presence.join(subscribers.select(*SIM), SIM, "left_anti").select(*SIM, *SIGHTINGS)
    keyed = unknown.mapInArrow(_sim_keys_from(key_file), KEYED_SIM)
    alone = {
        "person_key": F.col("sim_key"),
        "registered": F.lit(False),
        "home_prefecture": F.lit(None).cast("string"),
    }
    return keyed.withColumns(alone)


def _sim_keys_from(key_file: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task that puts the key of each SIM in place of its token. Only the key file's path travels with the plan."""

    def keyed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from popflow.intake.keys import read_secret, sim_key

        secret = None
        for batch in batches:
            secret = secret or read_secret(key_file)
            pairs = zip(batch["mno"].to_pylist(), batch["sim_token"].to_pylist(), strict=True)
            keys = pa.array([sim_key(secret, mno, token) for mno, token in pairs], pa.string())
            columns = [batch["mno"], keys, *(batch[c] for c in SIGHTINGS)]
            yield pa.RecordBatch.from_arrays(columns, ["mno", "sim_key", *SIGHTINGS])

    return keyed


def _bit(mno_bits: Mapping[str, int]) -> Column:
    cases = [F.when(F.col("mno") == mno, F.lit(1 << bit)) for mno, bit in mno_bits.items()]
    return F.coalesce(*cases).cast("int")


def _observed_slots() -> Column:
    words = [F.bit_count(F.bit_or(F.col(word))) for word in ("slots_lo", "slots_hi")]
    return functools.reduce(operator.add, words).cast("int").alias("observed_slots")

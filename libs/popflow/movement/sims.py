"""From presence to persons: whose SIM it is, which lines count, and which SIM speaks for a person."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.intake.register import mno_bit
from popflow.movement.definition import SPEAKER_INERTIA

PERSON = "person"  # the one line kind that counts
SIM = ["mno", "sim_token"]
SIGHTINGS = ["county_code", "slots_lo", "slots_hi"]
REGISTERED = ["person_key", "sim_key", "mno_mask", "line_kind"]
SIM_DAYS = ["person_key", "sim_key", "mno_mask", "registered", "observed_slots", "sightings"]


def sim_days(presence: DataFrame, subscribers: DataFrame, mno_bits: Mapping[str, int], key_file: str) -> DataFrame:
    """What each SIM of a person saw on a date, under keys instead of tokens.

    IoT and data-only lines are left out. A SIM that the register does not hold is a person of its own.
    In: presence of one date, OR-ed over deliveries; the edition of the register that holds on it; the bit of every
    MNO; the key file, which tasks read.
    Out: one row per SIM (person_key, sim_key, mno_mask, registered, observed_slots, sightings: array of (county_code,
    slots_lo, slots_hi)). METHODS.md section 2.
    """
    sightings = F.collect_list(F.struct(*SIGHTINGS)).alias("sightings")
    seen = presence.groupBy(*SIM).agg(_observed_slots(), sightings)
    known = seen.join(subscribers.select(*SIM, *REGISTERED), SIM, "left")
    lines = known.where(F.coalesce(F.col("line_kind") == PERSON, F.lit(True)))
    registered = F.col("line_kind").isNotNull()
    alone = [F.when(~registered, F.col(name)) for name in SIM]  # null for SIMs that have a key already
    return lines.select(
        F.coalesce("sim_key", _sim_key_from(key_file)(*alone)).alias("sim_key"),
        F.coalesce("mno_mask", mno_bit(mno_bits)).alias("mno_mask"),
        registered.alias("registered"),
        *("person_key", "observed_slots", "sightings"),
    ).select(F.coalesce("person_key", "sim_key").alias("person_key"), *SIM_DAYS[1:])


def speaking_sims(sims: DataFrame) -> DataFrame:
    """The SIM that speaks for each person, with all it saw.

    The one with the most observed slots; but yesterday's speaker stays until another has more than twice its slots.
    Ties to the smaller key.
    In: sim_days with yesterday's `speaker_before` (null: none) and whatever else is constant for a person.
    Out: one row per person, the same columns, `sim_key` as `speaking_sim_key`.
    """
    stays = F.coalesce(F.col("sim_key") == F.col("speaker_before"), F.lit(False))
    weight = F.col("observed_slots") * F.when(stays, SPEAKER_INERTIA).otherwise(1)
    speaker = F.struct(*(c for c in sims.columns if c != "person_key"))
    by_person = sims.groupBy("person_key").agg(F.min_by(speaker, F.struct(-weight, ~stays, "sim_key")).alias("sim"))
    return by_person.select("person_key", "sim.*").withColumnRenamed("sim_key", "speaking_sim_key")


def _sim_key_from(key_file: str) -> Callable[..., Column]:
    """The key of a SIM, null for null. Only the key file's path travels with the plan."""

    @F.arrow_udf("string")  # type: ignore[call-overload]  # its stubs know this form by a number only
    def keyed(mno: pa.Array, sim_token: pa.Array) -> pa.Array:
        from popflow.intake.keys import read_secret, sim_key

        if sim_token.null_count == len(sim_token):
            return sim_token
        secret, pairs = read_secret(key_file), zip(mno.to_pylist(), sim_token.to_pylist(), strict=True)
        return pa.array([sim_key(secret, m, token) if token is not None else None for m, token in pairs], pa.string())

    return keyed


def _observed_slots() -> Column:
    words = [F.bit_count(F.bit_or(F.col(word))) for word in ("slots_lo", "slots_hi")]
    return functools.reduce(operator.add, words).cast("int").alias("observed_slots")

"""Whether the register knows the night's SIMs: of an MNO that it has in another form, all are strangers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.errors import PopflowError
from popflow.movement.sims import SIM

ONE_IN = 64  # SIMs that are looked up, by a hash of their token
FEWEST = 10_000  # that an MNO must have in such a sample; where one has less, all are looked up


def found_percent(presence: DataFrame, register: DataFrame, fewest: int) -> dict[str, int]:
    """Share of each MNO's SIMs that the register holds, of any line kind, in whole percent, rounded down.

    In: presence of one date; the edition of the register that holds on it; the SIMs of the MNO that has fewest.
    """
    if fewest >= FEWEST * ONE_IN:
        presence, register = presence.where(_drawn()), register.where(_drawn())
    known = register.select(*SIM, F.lit(True).alias("known"))
    sims = presence.select(*SIM).distinct().join(known, SIM, "left")
    shares = sims.groupBy("mno").agg(F.expr("100 * count(known) div count(*)").alias("percent")).collect()
    return {row["mno"]: int(row["percent"]) for row in shares}


def refuse_unregistered(found: Mapping[str, int], mnos: Sequence[str], least: float, date: dt.date) -> None:
    """Raise PopflowError where the register holds less than `least` percent of an MNO's SIMs of the date."""
    for mno in mnos:
        if mno in found and found[mno] < least:
            raise PopflowError(
                f"{date}: the register holds {found[mno]} % of the SIMs of {mno}, at least {least:g} % are needed; "
                "load one whose tokens are those of its records (popflow reference load subscribers FILE)"
            )


def _drawn() -> Column:
    return F.pmod(F.xxhash64("sim_token"), F.lit(ONE_IN)) == 0

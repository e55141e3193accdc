"""How persons are counted in every exact table: all, registered, and registered without a SIM at each MNO."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

MNOs = Mapping[str, int]  # the MNOs of the night by name, with their bit in mno_mask


def headcounts(mnos: MNOs) -> list[Column]:
    """persons, persons_registered and persons_without of the rows of a group; each row is a person.

    A SIM that the register does not know may be the second of a person who is counted already: it counts in persons
    alone. persons_without goes by every SIM the person has, active or not, not by the speaking one.
    """
    registered, mask = F.col("registered"), F.col("mno_mask")
    without = [(F.lit(mno), F.count_if(registered & (mask.bitwiseAND(1 << bit) == 0))) for mno, bit in mnos.items()]
    return [
        F.count(F.lit(1)).alias("persons"),
        F.count_if(registered).alias("persons_registered"),
        _map(without).alias("persons_without"),
    ]


def summed_headcounts(mnos: MNOs) -> list[Column]:
    """Sums of rows that are headcounts already and share no person."""
    without = [(F.lit(m), F.sum(F.col("persons_without")[m])) for m in mnos]
    return [
        F.sum("persons").alias("persons"),
        F.sum("persons_registered").alias("persons_registered"),
        _map(without).alias("persons_without"),
    ]


def _map(pairs: list[tuple[Column, Column]]) -> Column:
    return F.create_map(*(column for pair in pairs for column in pair))

"""Who moved from where to where: a day's flows, and a block's departures."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from popflow.movement.headcounts import MNOs, headcounts


def daily_flows(state: DataFrame, mnos: MNOs) -> DataFrame:
    """Persons by county of yesterday's and of today's day end, those who stayed on the diagonal; the whole nation.

    Each person who is in both states is in exactly one cell; whoever appears today has no origin and is in none.
    In: person_state of the date; the MNOs of the night with their bits.
    Out: contract `flows_exact`. METHODS.md section 7.
    """
    moved = state.where(F.col("origin_county").isNotNull())
    destination = F.col("day_end_county").alias("destination_county")
    return moved.groupBy(F.col("as_of").alias("date"), F.col("origin_county"), destination).agg(*headcounts(mnos))


def block_departures(state: DataFrame, mnos: MNOs) -> DataFrame:
    """Distinct persons who left each chain in a block, each in the cell of the last departure.

    A departure is a flow from a prefecture of the chain to another prefecture, inside the chain or not.
    In: person_state of the block's last day; the MNOs with their bits.
    Out: one row per chain and pair of prefectures (date: the block's last day, chain, origin_prefecture,
    destination_prefecture, persons, persons_registered, persons_without). METHODS.md section 9.
    """
    left = state.select("as_of", "registered", "mno_mask", F.explode("last_departure").alias("chain", "cell"))
    origin, destination = F.col("cell")[0].alias("origin_prefecture"), F.col("cell")[1].alias("destination_prefecture")
    return left.groupBy(F.col("as_of").alias("date"), F.col("chain"), origin, destination).agg(*headcounts(mnos))

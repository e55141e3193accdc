"""Where the persons of an area are now: those who stayed in it lately, and those whose SIM was sold in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from popflow.contracts import Area
from popflow.movement.headcounts import MNOs, headcounts
from popflow.movement.places import lies_in, nested_groups


def stock(state: DataFrame, areas: Mapping[str, Area], mnos: MNOs) -> DataFrame:
    """Persons with a stay in an area in the last 14 days, and persons at home in it, by county of day end.

    The groups of a chain are nested and share no person: stayed_in_wuhan, stayed_in_hubei_without_wuhan; roaming_wuhan,
    roaming_hubei_without_wuhan. Those who are still in the area are among them.
    In: person_state of the date; areas.yaml; the MNOs of the night with their bits.
    Out: contract `stock_exact`. METHODS.md section 8.
    """
    groups = [
        *_group_of_each_chain(areas, "stayed_in_", lambda name: F.col("last_stay")[name].isNotNull()),
        *_group_of_each_chain(areas, "roaming_", lambda name: lies_in(F.col("home_prefecture"), areas[name])),
    ]
    group = F.explode(F.array_compact(F.array(*groups))).alias("group")
    persons = state.select("as_of", "day_end_county", "registered", "mno_mask", group)
    county = F.col("day_end_county").alias("county_code")
    return persons.groupBy(F.col("as_of").alias("date"), F.col("group"), county).agg(*headcounts(mnos))


def _group_of_each_chain(areas: Mapping[str, Area], prefix: str, holds: Callable[[str], Column]) -> list[Column]:
    """For each chain, the person's group: that of the innermost area that holds them, null where none does."""
    chains = nested_groups(areas).values()
    return [F.coalesce(*(F.when(holds(n), F.lit(prefix + group)) for n, group in chain.items())) for chain in chains]

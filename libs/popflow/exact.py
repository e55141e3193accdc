"""A date's exact tables, made of its presence: what a night and a correction do alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from popflow.hundreds import Hundreds
from popflow.indicators import Indicator
from popflow.intake.keys import key_file
from popflow.intake.presence import presence_of
from popflow.lake import Lake
from popflow.movement.flows import counted
from popflow.movement.headcounts import MNOs
from popflow.movement.person_days import person_days
from popflow.movement.population import presence_hourly
from popflow.movement.sims import sim_days
from popflow.reference import register_on

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def days_of(lake: Lake, date: dt.date, mnos: Sequence[str], yesterday: DataFrame | None) -> DataFrame:
    """person_day of a date, of the presence of these MNOs and the register that holds on it.

    yesterday: person_state of the date before, None for the first night.
    """
    presence, register = presence_of(lake, date, mnos), register_on(lake, date)
    sims = sim_days(presence, register, lake.contracts.mno_bits(), str(key_file(lake)))
    return person_days(sims, yesterday, date)


def keep_exact(lake: Lake, indicator: Indicator, date: dt.date, states: DataFrame, mnos: MNOs) -> None:
    """Put an indicator's exact table in the place of a date's.

    In: person_state of the date; the MNOs of the night with their bits.
    """
    replace_counts(lake, indicator.exact, counted(indicator.function()(states), mnos), date=date)


def keep_counts(lake: Lake, indicator: Hundreds, date: dt.date, days: DataFrame, states: DataFrame, mnos: MNOs) -> None:
    """Put the exact table of an indicator in hundreds in the place of a date's.

    In: person_day and person_state of the date; the MNOs of the night with their bits.
    """
    from pyspark.sql import functions as F

    rows = indicator.function()(days, states, mnos).withColumn("definition", F.lit(indicator.definition))
    replace_counts(lake, indicator.exact, rows.select(*lake.contracts.table(indicator.exact).columns), date=date)


def keep_presence_hourly(lake: Lake, date: dt.date, days: DataFrame, mnos: MNOs) -> None:
    """Put presence_hourly in the place of a date's, for the data-quality checks of its night.

    In: person_day of the date; the MNOs of the night with their bits.
    """
    replace_counts(lake, "presence_hourly", presence_hourly(days, mnos), date=date)


def replace_counts(lake: Lake, name: str, rows: DataFrame, **partition: Any) -> None:
    """Write counts in place of a partition's rows.

    On one machine through the driver and by delta-rs, which is seconds faster; by Spark on a cluster, since the counts
    of a nation's pairs of counties are some hundred megabytes, and where the table is encrypted. Raises PopflowError as
    `Lake.replace` does.
    """
    through_driver = (lake.spark.sparkContext.master or "").startswith("local")
    by_spark = not through_driver or lake.encrypts(lake.contracts.table(name))
    lake.replace(name, rows if by_spark else rows.toArrow(), **partition)

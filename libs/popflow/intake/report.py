"""What came in for a date, as the table of `popflow deliveries`: one row per MNO, national figures only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from popflow.intake.feed_sql import REASONS
from popflow.intake.register import edition_on
from popflow.intake.standing import standing_files, standing_tallies
from popflow.intake.summary import MnoIntake, mno_intake, tallies_of

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

    from popflow.lake import Lake

LATE_HOURS = 24  # a delivery taken in so much later than the date's first is late


def delivery_report(lake: Lake, date: dt.date, norms: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Per MNO the deliveries of a date and what became of their records.

    Columns: mno; deliveries, files, redelivered_files, quarantined_files; rows, accepted, and a column for each reason
    of quarantine; duplicates and duplicate_share (measured on 1/64 of the SIMs, within a file); late_records (of this
    date, from a later date's delivery or one that came LATE_HOURS after the first); other_date_records; first_hour and
    last_hour seen on the date; reduction_factor; active_sims and no_person_sims (IoT, data-only) on the date,
    active_sims_norm and active_share of it. norms: active SIMs of a usual night, by MNO (`usual_sims`).
    Raises PopflowError where nothing came in for the date.
    """
    import pandas as pd

    from popflow.errors import PopflowError

    files = lake.read_pandas("deliveries", delivery_date=date)
    if files.empty:
        raise PopflowError(f"{date}: no delivery has been taken in for this date")
    near = lake.read_pandas("deliveries", delivery_date=[date + dt.timedelta(days=days) for days in (-1, 0, 1)])
    stand = standing_files(lake, near)
    tallies = standing_tallies(tallies_of(lake, near), near, stand)
    sims = _sims(lake, date)
    rows = []
    for mno in sorted(set(files.mno)):
        own = stand[(stand.mno == mno) & (stand.delivery_date == date)]
        counts = tallies[tallies.mno == mno]
        of_date = counts[counts.delivery_id.isin(set(own.delivery_id))]
        hours = counts[(counts.event_date == date)]
        intake = mno_intake(str(mno), own, of_date)
        active = sims.get(str(mno), (0, 0))
        norm = (norms or {}).get(str(mno))
        rows.append(
            _figures(intake)
            | {
                "late_records": _late(date, near[near.mno == mno], counts),
                "other_date_records": sum(n for day, n in intake.by_event_date.items() if day != date),
                "first_hour": _hour(hours[hours.reason == "first_hour"].records.min()),
                "last_hour": _hour(hours[hours.reason == "last_hour"].records.max()),
                "reduction_factor": round(intake.reduction_factor, 1),
                "active_sims": active[0],
                "no_person_sims": active[1],
                "active_sims_norm": None if norm is None else round(norm),
                "active_share": round(active[0] / norm, 3) if norm else None,
            }
        )
    return pd.DataFrame(rows)


def set_aside(lake: Lake, date: dt.date) -> pd.DataFrame:
    """Where in the files of a date's deliveries the records are that were set aside, so that their MNO can mend them.

    Columns: mno, delivery_id, file, reason, rows (how many are named here, 100 a file and reason at most), first and
    last (the first and last of these, counted from 1; null for a whole file). Raises PopflowError where nothing came in
    for the date.
    """
    from popflow.errors import PopflowError

    files = lake.read_pandas("deliveries", ["mno", "delivery_id"], delivery_date=date).drop_duplicates()
    if files.empty:
        raise PopflowError(f"{date}: no delivery has been taken in for this date")
    rows = lake.read_pandas("quarantine", delivery_id=sorted(set(files["delivery_id"])))
    of_date = rows.merge(files, on=["mno", "delivery_id"])
    place = of_date.groupby(["mno", "delivery_id", "file", "reason"])["row_number"]
    return place.agg(rows="count", first="min", last="max").reset_index()


def _figures(intake: MnoIntake) -> dict:
    return {
        "mno": intake.mno,
        "deliveries": intake.deliveries,
        "files": intake.files,
        "redelivered_files": intake.redelivered_files,
        "quarantined_files": intake.quarantined_files,
        "rows": intake.rows,
        "accepted": intake.accepted,
        **{reason: intake.by_reason.get(reason, 0) for reason in REASONS},
        "in_quarantined_files": sum(n for reason, n in intake.by_reason.items() if reason not in REASONS),
        "duplicates": intake.duplicates,
        "duplicate_share": round(intake.duplicate_share, 4),
    }


def _late(date: dt.date, files: pd.DataFrame, tallies: pd.DataFrame) -> int:
    taken = files.groupby("delivery_id").agg(delivery_date=("delivery_date", "first"), at=("taken_in_at_utc", "min"))
    first = taken[taken.delivery_date == date]["at"].min()
    late = taken[(taken.delivery_date > date) | (taken["at"] > first + dt.timedelta(hours=LATE_HOURS))]
    mine = tallies[(tallies.reason == "accepted") & (tallies.event_date == date)]
    return int(mine[mine.delivery_id.isin(set(late.index))].records.sum())


def _sims(lake: Lake, date: dt.date) -> dict[str, tuple[int, int]]:
    """Active SIMs of a date, and those of them that belong to no person, by MNO."""
    from pyspark.sql import functions as F

    seen = lake.read("presence", event_date=date).select("mno", "sim_token").distinct()
    things = _no_persons(lake, date)
    if things is None:
        counted = seen.withColumn("thing", F.lit(0))
    else:
        counted = seen.join(things, ["mno", "sim_token"], "left").withColumn("thing", F.coalesce("thing", F.lit(0)))
    rows = counted.groupBy("mno").agg(F.count(F.lit(1)).alias("active"), F.sum("thing").alias("things"))
    return {row["mno"]: (int(row["active"]), int(row["things"])) for row in rows.collect()}


def _no_persons(lake: Lake, date: dt.date) -> DataFrame | None:
    from pyspark.sql import functions as F

    edition = edition_on(lake, date)
    if edition is None:
        return None
    things = lake.read("subscribers", as_of=edition).where(F.col("line_kind") != "person")
    return things.select("mno", "sim_token", F.lit(1).alias("thing"))


def _hour(found: float) -> int | None:
    return None if found != found else int(found)

"""What the night asks of quality: coverage and a check after the intake, checks after the flows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from popflow.dates import ONE_DAY
from popflow.errors import Held, PopflowError
from popflow.geography.counties import county_table
from popflow.intake.standing import COLUMNS, standing_files, standing_tallies
from popflow.quality.activity import activity
from popflow.quality.checks import CheckVerdict, QualityChecks
from popflow.quality.coverage import Coverage, coverage
from popflow.quality.figures import intake_figures, movement_figures
from popflow.quality.norms import NIGHTS, norm_of
from popflow.quality.registered import found_percent, refuse_unregistered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from popflow.lake import Lake

LOOKED_AT = [*COLUMNS, "delivery_date", "area", "rows"]  # of the last nights' deliveries
SAMPLED = ("flows_exact", "presence_hourly")


def after_intake(
    lake: Lake,
    date: dt.date,
    mnos: tuple[str, ...],
    run_id: str,
    allowed: tuple[str, ...] = (),
    reason: str | None = None,
    *,
    register: DataFrame,
    sample: bool = False,
) -> tuple[Coverage, CheckVerdict]:
    """Let the night go on with the MNOs that it may go on with, and then write the date's `activity`.

    register: the edition of `subscribers` that holds. sample: the deliveries are of a sample of the people. Out:
    coverage, and the check's verdict with its warnings.
    Raises Held where an MNO is missing or thin that is not allowed to be, PopflowError where the check `intake` fails
    or the register holds too few of an MNO's SIMs; the date has no `activity` then, so that no norm is made of it and
    no later stage runs.
    """
    landed = _landed(lake, date, mnos)
    there = [mno for mno, is_there in landed.items() if is_there]
    if not there:
        raise Held(f"{date} is held back: no delivery of any MNO; it is tried again when deliveries come")
    presence = lake.read("presence", event_date=date, mno=list(mnos))
    tonight = activity(presence, date).toArrow()
    known = pd.concat([_activity_before(lake, date), tonight.to_pandas(date_as_object=True)], ignore_index=True)
    found = coverage(mnos, landed, known, date, allowed, reason, sample=sample)
    fewest = int(known[known["date"] == date].groupby("mno")["sims"].sum().min())
    least = lake.contracts.table("subscribers").bounds["least_found_percent"]
    refuse_unregistered(found_percent(presence, register, fewest), found.mnos, least, date)
    lately = lake.read_pandas("deliveries", LOOKED_AT, delivery_date=[date, *_nights_before(date)])
    delivered = sorted(set(lately.loc[lately["delivery_date"] == date, "delivery_id"]))
    tallies = lake.read_pandas("tallies", delivery_id=delivered)
    stand = standing_files(lake, lately)
    figures = intake_figures(standing_tallies(tallies, lately, stand), stand, known, date, found.mnos)
    verdict = QualityChecks.of(lake, date, run_id).check("intake", figures, sample=sample).enforce()
    lake.replace("activity", tonight, date=date)
    return found, verdict


def refuse_unchecked(lake: Lake, date: dt.date, mnos: tuple[str, ...]) -> None:
    """Raise PopflowError unless `after_intake` has let a night of these MNOs go on."""
    known = lake.read_pandas("activity", ["mno"], date=date) if lake.exists("activity") else pd.DataFrame({"mno": []})
    if unchecked := sorted(set(mnos) - set(known["mno"])):
        raise PopflowError(
            f"{date}: the coverage of {', '.join(unchecked)} has not passed its check; run that stage first"
        )


def after_flows(lake: Lake, date: dt.date, run_id: str, *, sample: bool = False) -> list[CheckVerdict]:
    """The data-quality checks of a date's exact tables: their contracts on samples, and what a contract cannot say.

    sample: the deliveries are of a sample of the people. Raises PopflowError for the first that fails. The first night
    of a lake has no flows and is not held against them.
    """
    checks = QualityChecks.of(lake, date, run_id)
    flows = lake.read_pandas("flows_exact", date=date)
    population = lake.read_pandas("presence_hourly", date=date)
    verdicts = [
        checks.check_contract(lake.contracts.table(name), frame).enforce()
        for name, frame in zip(SAMPLED, (flows, population), strict=True)
        if len(frame)
    ]
    if flows.empty:
        return verdicts
    yesterday = lake.read_pandas("flows_exact", ["destination_county", "persons"], date=date - ONE_DAY)
    figures = movement_figures(flows, yesterday, population, _counties(lake))
    return [*verdicts, checks.check("movement", figures, sample=sample).enforce()]


def _landed(lake: Lake, date: dt.date, mnos: tuple[str, ...]) -> dict[str, bool]:
    if not lake.exists("deliveries"):
        return dict.fromkeys(mnos, False)
    frame = lake.read_pandas("deliveries", columns=["mno", "status"], delivery_date=date)
    there = set(frame.loc[frame["status"] != "quarantined", "mno"])
    return {mno: mno in there for mno in mnos}


def _activity_before(lake: Lake, date: dt.date) -> pd.DataFrame:
    if not lake.exists("activity"):
        return lake.frame("activity", []).to_pandas(date_as_object=True)
    return lake.read_pandas("activity", date=_nights_before(date))


def _nights_before(date: dt.date) -> list[dt.date]:
    """The nights that a date is compared with."""
    return [date - dt.timedelta(days=back) for back in range(1, NIGHTS + 1)]


def _counties(lake: Lake) -> pd.DataFrame:
    columns = ["county_code", "province_code", "population"]
    if lake.exists("counties"):
        return lake.read_pandas("counties", columns=columns)
    return county_table()[columns]


def usual_sims(lake: Lake, date: dt.date) -> dict[str, float]:
    """Active SIMs of each MNO on a usual night before a date: the trailing norm that the night is held against."""
    return {str(mno): float(sims) for mno, sims in norm_of(_activity_before(lake, date), date).items()}

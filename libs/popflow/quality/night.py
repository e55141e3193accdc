"""What the night asks of quality: coverage and the gate after the intake, the gate after the flows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from popflow.errors import Held
from popflow.geography.counties import county_table
from popflow.quality.activity import activity
from popflow.quality.coverage import Coverage, coverage
from popflow.quality.figures import intake_figures, movement_figures
from popflow.quality.gates import Gates, GateVerdict
from popflow.quality.norms import NIGHTS

if TYPE_CHECKING:
    from popflow.lake import Lake

SAMPLED = ("flows_exact", "population_exact")


def after_intake(
    lake: Lake,
    date: dt.date,
    mnos: tuple[str, ...],
    run_id: str,
    allowed: tuple[str, ...] = (),
    reason: str | None = None,
) -> Coverage:
    """Write the date's `activity`, and let the night go on with the MNOs that it may go on with.

    Raises Held where an MNO is missing or thin that is not allowed to be, PopflowError where the gate `intake` fails.
    """
    landed = _landed(lake, date, mnos)
    there = [mno for mno, is_there in landed.items() if is_there]
    if not there:
        raise Held(f"{date} is held back: no delivery of any MNO; it is tried again when deliveries come")
    lake.replace("activity", activity(lake.read("presence", event_date=date), date), date=date)
    past = _activity(lake, date)
    found = coverage(mnos, landed, past, date, allowed, reason)
    deliveries = lake.read_pandas("deliveries")
    lately = deliveries[deliveries["delivery_date"] >= date - dt.timedelta(days=NIGHTS)]
    tonight = sorted(set(lately.loc[lately["delivery_date"] == date, "delivery_id"]))
    tallies = lake.read_pandas("tallies", delivery_id=tonight)
    figures = intake_figures(tallies, lately, past, date, found.mnos)
    Gates.of(lake, date, run_id).check("intake", figures).enforce()
    return found


def after_flows(lake: Lake, date: dt.date, run_id: str) -> list[GateVerdict]:
    """The gates of a date's exact tables: their contracts on samples, and what a contract cannot say.

    Raises PopflowError for the first that fails. The first night of a lake has no flows and is not held against them.
    """
    gates = Gates.of(lake, date, run_id)
    flows = lake.read_pandas("flows_exact", date=date)
    population = lake.read_pandas("population_exact", date=date)
    verdicts = [
        gates.check_contract(lake.contracts.table(name), frame).enforce()
        for name, frame in zip(SAMPLED, (flows, population), strict=True)
        if len(frame)
    ]
    if flows.empty:
        return verdicts
    eve = lake.read_pandas("flows_exact", date=date - dt.timedelta(days=1))
    figures = movement_figures(flows, eve, population, _counties(lake))
    return [*verdicts, gates.check("movement", figures).enforce()]


def _landed(lake: Lake, date: dt.date, mnos: tuple[str, ...]) -> dict[str, bool]:
    if not lake.exists("deliveries"):
        return dict.fromkeys(mnos, False)
    frame = lake.read_pandas("deliveries", columns=["mno", "status"], delivery_date=date)
    there = set(frame.loc[frame["status"] != "quarantined", "mno"])
    return {mno: mno in there for mno in mnos}


def _activity(lake: Lake, date: dt.date) -> pd.DataFrame:
    nights = [date - dt.timedelta(days=back) for back in range(NIGHTS + 1)]
    return lake.read_pandas("activity", date=nights)


def _counties(lake: Lake) -> pd.DataFrame:
    columns = ["county_code", "province_code", "population"]
    if lake.exists("counties"):
        return lake.read_pandas("counties", columns=columns)
    return county_table()[columns]

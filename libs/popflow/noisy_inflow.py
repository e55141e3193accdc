"""A date's inflow with noise, from the lake's exact flows, booked in a ledger that the restricted zone keeps."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from popflow.disclosure import OUTFLOW, read_exact
from popflow.disclosure.chain import FLOWS
from popflow.disclosure.noise import INFLOW, Ledger, noisy_flows, scale_of
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.movement.definition import DEFINITION
from popflow.release import covered_lately, releases_of

if TYPE_CHECKING:
    import pandas as pd

LEDGER = f"_noise/{INFLOW}.json"
COLUMNS = [
    "indicator",
    "date",
    "origin_level",
    "origin_code",
    "destination_level",
    "destination_code",
    "persons",
    "mechanism",
    "cost",
    "scale",
    "definition",
]


def noisy_inflow(lake: Lake, date: dt.date, cost: float) -> pd.DataFrame:
    """Persons who came to the prefectures of each chain on a date, with noise that costs so much of the budget.

    Grain: a publishable cell. Columns: indicator, date, levels and codes of origin and destination, persons (noise
    included, 0 or more), mechanism, cost, scale (of the noise, persons), definition. Only of dates whose outflow was
    released, so that every gate of the night has passed. Raises PopflowError where the ledger would go over.
    """
    released = releases_of(lake, OUTFLOW, date)
    if not released:
        raise PopflowError(f"{date} was not released; noise is for dates whose night has passed all gates")
    rules = lake.contracts.disclosure
    ledger = Ledger.kept(
        lake.read_text("restricted", LEDGER), rules.noise, lambda text: lake.write_text("restricted", LEDGER, text)
    )
    rows = noisy_flows(
        read_exact(lake.read_arrow("flows_exact", date=date)),
        indicator=INFLOW,
        date=date,
        areas=lake.contracts.areas,
        covered_counties=covered_lately(lake)(date),
        mnos=sorted(released[-1]["mnos"]),
        rules=rules,
        ledger=ledger,
        cost=cost,
    )
    mechanism = rules.noise.mechanism
    about = {"mechanism": mechanism, "cost": cost, "scale": scale_of(mechanism, len(FLOWS), cost)}
    return rows.drop(columns="step").assign(indicator=INFLOW, date=date, **about, definition=DEFINITION)[COLUMNS]

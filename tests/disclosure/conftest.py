"""What the gate's tests share: the gate, called as a night calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from exact_tables import DATE, MNOS

from popflow import disclosure
from popflow.contracts import Contracts
from popflow.disclosure import ProtectedTable


@pytest.fixture
def protect(contracts: Contracts) -> Callable[..., ProtectedTable]:
    """protect_flows of small tables; covered are the counties of the table and those named in `also`."""

    def call(exact: pd.DataFrame, also: str = "", **changes: Any) -> ProtectedTable:
        covered = {*exact["origin_county"], *exact["destination_county"], *also.split()}
        given = {
            "date": DATE,
            "release": 1,
            "areas": contracts.areas,
            "covered_counties": sorted(covered),
            "mnos": MNOS,
            "rules": contracts.disclosure,
            "indicator": contracts.headline,
        }
        return disclosure.protect_flows(exact, **(given | changes))

    return call

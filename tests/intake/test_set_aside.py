"""Which rows were set aside is told by file, so that their MNO can mend them; never the lines."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake.report import set_aside
from popflow.lake import Lake

DAY, EVE = dt.date(2020, 1, 22), dt.date(2020, 1, 21)
NOW = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)


def quarantined(delivery: str, file: str, reason: str, row: int | None) -> dict:
    return {"mno": "mobile", "delivery_id": delivery, "kind": "quarantine", "file": file, "reason": reason,
            "row_number": row}  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path, contracts: Contracts) -> Lake:
    lake = Lake(tmp_path, contracts)
    dates = {"m1": DAY, "m0": EVE}
    files = [("mobile", name, day, "a.gz", "", "0" * 64, 9, "accepted", NOW) for name, day in dates.items()]
    lake.replace("deliveries", lake.frame("deliveries", files))
    rows = [quarantined("m1", "a.gz", "unknown_cell", row) for row in (7, 3, 12)]
    rows += [quarantined("m1", "b.gz", "file_missing", None), quarantined("m0", "a.gz", "no_token", 1)]
    schema = contracts.table("intake").arrow_schema()
    lake.replace("intake", pa.Table.from_pylist(rows, schema=schema))
    return lake


def test_rows_are_told_by_file_and_reason_and_those_of_the_date_alone(lake: Lake):
    told = set_aside(lake, DAY).astype(object)
    told = told.where(told.notna(), None)
    assert told.to_dict("records") == [
        {"mno": "mobile", "delivery_id": "m1", "file": "a.gz", "reason": "unknown_cell", "rows": 3, "first": 3,
         "last": 12},
        {"mno": "mobile", "delivery_id": "m1", "file": "b.gz", "reason": "file_missing", "rows": 0, "first": None,
         "last": None},
    ]  # fmt: skip


def test_a_date_without_deliveries_is_said(lake: Lake):
    with pytest.raises(PopflowError, match="2020-01-25: no delivery has been taken in"):
        set_aside(lake, dt.date(2020, 1, 25))

"""A lake that takes a night for computed, without one."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from popflow.lake import Lake


def computed_night(lake: Lake, date: dt.date) -> None:
    """Put a person into the state of a date."""
    contract = lake.contracts.table("person_state")
    plain = {"date": date, "string": "a" * 32, "boolean": True, "int": 1, "long": 1}
    row = {name: None if column.nullable else plain.get(column.type, []) for name, column in contract.columns.items()}
    row |= {name: "420102" for name, column in contract.columns.items() if column.pattern and "6" in column.pattern}
    lake.replace("person_state", pa.Table.from_pylist([row], schema=contract.arrow_schema()), as_of=date)

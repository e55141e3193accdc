"""Exact tables from a few lines of text, and protected tables as dicts."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from popflow.disclosure import ProtectedTable

DATE = dt.date(2020, 1, 22)
MNOS = ["mobile", "unicom", "telecom"]


def moves(text: str, mnos: list[str] = MNOS) -> pd.DataFrame:
    """flows_exact from lines 'origin destination persons [registered [without each MNO]]'; by default all registered,
    and all of them without any one MNO."""
    rows = []
    for line in text.strip().splitlines():
        origin, destination, *numbers = line.split()
        persons, registered, *without = [*map(int, numbers), *([int(numbers[0])] if len(numbers) == 1 else [])]
        figures = dict(zip(mnos, without or [registered] * len(mnos), strict=True))
        rows.append((origin, destination, persons, registered, figures))
    columns = ["origin_county", "destination_county", "persons", "persons_registered", "persons_without"]
    return pd.DataFrame(rows, columns=columns)


def shown(table: ProtectedTable) -> dict[tuple[str, str, str, str], int]:
    """Persons by origin level and code, destination level and code."""
    keys = ["origin_level", "origin_code", "destination_level", "destination_code"]
    return dict(zip(table.rows[keys].itertuples(index=False, name=None), table.rows["persons"].tolist(), strict=True))

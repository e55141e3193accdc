"""What a walked tree becomes: rows of the contract `flows`, rows of `base_cells`, and the shares that are shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow import contracts
from popflow.disclosure.chain import Nodes
from popflow.disclosure.correction import EarlierRelease
from popflow.disclosure.exact import finest_cells
from popflow.disclosure.rules import PERSONS, Ints
from popflow.disclosure.suppression import Folded

ALL = "all"
CODES = ["origin_level", "origin_code", "destination_level", "destination_code"]


@dataclass(frozen=True)
class Walked:
    """A step's exact counts and what of them is shown."""

    counts: Ints
    folded: Folded


def rows_table(
    indicator: str, date: dt.date, release: int, definition: str, steps: Sequence[Nodes], walked: Sequence[Walked]
) -> pa.Table:
    """Rows of the contract `flows`, step by step, in the order of their codes."""
    parts = [_rows(nodes, own) for nodes, own in zip(steps, walked, strict=True)]
    frame = pd.concat([pd.DataFrame(columns=[*CODES, "persons"]), *parts], ignore_index=True)
    frame = frame.assign(indicator=indicator, date=date, release=release, definition=definition)
    return _as_contract("flows", frame)


def _rows(nodes: Nodes, own: Walked) -> pd.DataFrame:
    persons, folded = own.counts[:, PERSONS], own.folded
    shown = nodes.codes[folded.shown].assign(persons=persons[folded.shown])
    withheld = nodes.rest_codes[folded.in_rest].assign(persons=persons[folded.in_rest])
    rests = withheld.groupby(CODES, as_index=False, sort=True).sum()
    return pd.concat([shown, rests], ignore_index=True)


def base_cells_table(
    indicator: str,
    date: dt.date,
    release: int,
    mnos: Sequence[str],
    cells: pd.DataFrame,
    earlier: Sequence[EarlierRelease],
) -> pa.Table:
    """Rows of the contract `base_cells`: all persons of the release, and who joined and left since each earlier one."""
    parts = [cells.assign(change=ALL, against_release=0)]
    for one in earlier:
        for change, rows in one.changes.groupby("change"):
            parts.append(finest_cells(rows, mnos).assign(change=change, against_release=one.release))
    frame = pd.concat(parts, ignore_index=True).assign(indicator=indicator, date=date, release=release)
    return _as_contract("base_cells", frame, _maps(frame, mnos))


def _maps(frame: pd.DataFrame, mnos: Sequence[str]) -> pa.MapArray:
    """The MNOs' columns as the column persons_without."""
    offsets = np.arange(0, (len(frame) + 1) * len(mnos), len(mnos), dtype=np.int32)
    keys = pa.array(np.tile(np.array(mnos, dtype=object), len(frame)), pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(frame[list(mnos)].to_numpy().ravel(), pa.int64()))


def _as_contract(name: str, frame: pd.DataFrame, without: pa.MapArray | None = None) -> pa.Table:
    schema = contracts.load().table(name).arrow_schema()
    columns = [
        without if field.name == "persons_without" else pa.array(frame[field.name], field.type, from_pandas=True)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def shown_of(walked: Sequence[Walked], steps: int) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """For each step persons of the cells that are shown, and how many cells are shown and have persons."""
    if not walked:
        return (0,) * steps, ((0, 0),) * steps
    persons = tuple(int(own.counts[own.folded.shown, PERSONS].sum()) for own in walked)
    return persons, tuple((int(own.folded.shown.sum()), int((own.counts[:, PERSONS] > 0).sum())) for own in walked)

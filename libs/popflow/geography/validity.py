"""Periods of validity: from a date to a date, both included; without an end while it still holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow.errors import PopflowError

FOR_EVER = np.datetime64("9999-12-31", "D")


def period(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """First and last day of each row."""
    first = _days(frame["valid_from"])
    last = _days(frame["valid_to"])
    return first, np.where(np.isnat(last), FOR_EVER, last)


def refuse_overlaps(cells: pd.DataFrame, where: str) -> None:
    """Refuse a period that ends before it begins, and a cell with two periods that share a day.

    `where` names the cells' source in the error (PopflowError).
    """
    first, last = period(cells)
    if (last < first).any():
        row = int(np.argmax(last < first))
        raise PopflowError(
            f"{where}: valid_to of the cell in {_row(cells, row)} is before its valid_from; correct the dates"
        )
    order = _in_order(cells, first)
    same_cell = _same_as_before(cells, order)
    overlap = same_cell & (first[order][1:] <= last[order][:-1])
    if overlap.any():
        row = int(order[1:][np.argmax(overlap)])
        raise PopflowError(
            f"{where}: valid_from/valid_to of the cell in {_row(cells, row)} overlap with another row of it "
            f"({int(overlap.sum())} such rows); give each day of a cell to one row"
        )


def _in_order(cells: pd.DataFrame, first: np.ndarray) -> np.ndarray:
    keys = pd.DataFrame({"mno": cells["mno"].to_numpy(), "cell_id": cells["cell_id"].to_numpy(), "first": first})
    return keys.sort_values(["mno", "cell_id", "first"]).index.to_numpy()


def _same_as_before(cells: pd.DataFrame, order: np.ndarray) -> np.ndarray:
    mno, cell_id = cells["mno"].to_numpy()[order], cells["cell_id"].to_numpy()[order]
    return (mno[1:] == mno[:-1]) & (cell_id[1:] == cell_id[:-1])


def _row(cells: pd.DataFrame, row: int) -> str:
    return f"row {int(cells.index[row]) + 1}"  # no value of it: a file of something else may come as cells


def _days(dates: pd.Series) -> np.ndarray:
    """Days, not pandas' nanoseconds: those end in 2262, and 9999-12-31 is a usual way to write no end."""
    if dates.dtype.kind == "M":
        return dates.to_numpy().astype("datetime64[D]")
    return pa.array(dates, pa.date32(), from_pandas=True).to_numpy(zero_copy_only=False)

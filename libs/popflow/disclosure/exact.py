"""Exact frames as counts: read, checked, and refused where they do not hold together. No figure is ever named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow.disclosure.rules import Ints
from popflow.errors import PopflowError

ENDS = ["origin_code", "destination_code"]
WITHOUT_MNO = "persons_without_"  # before an MNO's name: its part of persons_without as a column


def finest_cells(frame: pd.DataFrame, mnos: Sequence[str]) -> pd.DataFrame:
    """Cells with persons: origin_code, destination_code, persons, persons_registered and a column for each MNO.

    frame: the first four, and persons_without as dicts or pairs, or as `read_exact` has it; cells that stand twice are
    added up.
    Raises PopflowError where an MNO of the night is missing in a row, or where a part is larger than its whole.
    """
    cells = counted_rows(frame, ENDS, mnos)
    return (
        cells.groupby(ENDS, as_index=False, sort=True, observed=True).sum() if cells.duplicated(ENDS).any() else cells
    )


def counted_rows(frame: pd.DataFrame, key: list[str], mnos: Sequence[str]) -> pd.DataFrame:
    """Rows with persons: the columns of a key, persons, persons_registered and a column for each MNO.

    Raises PopflowError as `finest_cells` does.
    """
    return _held_together(pd.concat([frame[key].reset_index(drop=True), _figures(frame, mnos)], axis=1), mnos)


def _held_together(cells: pd.DataFrame, mnos: Sequence[str]) -> pd.DataFrame:
    """The cells with persons. Raises PopflowError where a part is larger than its whole."""
    parts = cells[["persons_registered", *mnos]]
    if (parts < 0).any(axis=None) or parts.gt(cells["persons"], axis=0).any(axis=None):
        raise PopflowError("a cell has fewer persons than registered ones, or a negative number")
    if parts.gt(cells["persons_registered"], axis=0).any(axis=None):
        raise PopflowError("a cell has fewer registered persons than registered ones without an MNO")
    return cells[cells["persons"] > 0]


def read_exact(table: pa.Table) -> pd.DataFrame:
    """An exact table as a frame, persons_without in a column for each MNO where all rows name the same in one order.

    For tables of millions of cells; where rows differ, the frame has the maps.
    """
    maps = pa.concat_arrays(table["persons_without"].chunks) if table.num_rows else None
    names = maps.keys.to_numpy(zero_copy_only=False) if maps is not None else np.array([])
    width = names.size // max(table.num_rows, 1)
    alike = width > 0 and names.size == width * table.num_rows and (names.reshape(-1, width) == names[:width]).all()
    if maps is None or not alike or maps.null_count or maps.items.null_count:
        return table.to_pandas(date_as_object=True)
    figures = maps.items.to_numpy().reshape(-1, width)
    frame = table.drop_columns(["persons_without"]).to_pandas(date_as_object=True)
    return frame.assign(**{f"{WITHOUT_MNO}{name}": figures[:, place] for place, name in enumerate(names[:width])})


def _figures(frame: pd.DataFrame, mnos: Sequence[str]) -> pd.DataFrame:
    """The columns of counts: persons, persons_registered, and for each MNO the registered ones without it."""
    if not mnos:
        raise PopflowError("mnos: a night has at least one MNO")
    return pd.concat([frame[["persons", "persons_registered"]].reset_index(drop=True), _without(frame, mnos)], axis=1)


def _without(frame: pd.DataFrame, mnos: Sequence[str]) -> pd.DataFrame:
    wide = {mno: f"{WITHOUT_MNO}{mno}" for mno in mnos}
    if "persons_without" not in frame and set(wide.values()) <= set(frame.columns):
        return pd.DataFrame({mno: frame[column].to_numpy(dtype=np.int64) for mno, column in wide.items()})
    try:
        maps = [dict(pairs) for pairs in frame["persons_without"]]
        return pd.DataFrame({mno: np.array([figures[mno] for figures in maps], dtype=np.int64) for mno in mnos})
    except (KeyError, TypeError, ValueError):
        raise PopflowError(f"persons_without: a cell lacks the figure of one of {', '.join(mnos)}") from None


def counts_of(cells: pd.DataFrame, mnos: Sequence[str]) -> Ints:
    """Counts of finest cells. With a single MNO nobody is without it, and whoever is that MNO knows everybody."""
    columns = ["persons", "persons_registered", *(mnos if len(mnos) > 1 else ())]
    return cells[columns].to_numpy(dtype=np.int64)


def of_codes(codes: pd.Series, question: Callable[[str], Any]) -> np.ndarray:
    """A function of every code of a column, asked once for each code."""
    position, unique = pd.factorize(codes)
    answers = np.array([question(code) for code in unique])
    return answers[position] if len(answers) else answers


def refuse_repeated(frame: pd.DataFrame, key: list[str]) -> None:
    """Raise PopflowError where a cell stands twice or a key is missing."""
    if frame[key].isna().any(axis=None) or frame.duplicated(key).any():
        raise PopflowError(f"a cell stands twice in the exact table, or without its {' or '.join(key)}")


def refuse_other_date(exact: pd.DataFrame, date: dt.date) -> None:
    """Raise PopflowError where the exact table has a date and it is another."""
    if "date" in exact and not {str(one)[:10] for one in exact["date"].unique()} <= {date.isoformat()}:
        raise PopflowError(f"the exact table holds another date than {date}")


def refuse_uncovered(frame: pd.DataFrame, places: Mapping[str, Iterable[str]]) -> None:
    """Raise PopflowError where a cell lies in a place that was not named as covered: its fold would count wrongly.

    places: for each column of the frame the codes that may stand in it.
    """
    strange = set().union(*(set(frame[column].unique()) - set(known) for column, known in places.items()))
    if strange:
        raise PopflowError(
            f"covered_counties: {len(strange)} places of the exact table are not among them; name every county in "
            "which the date, or the day before, can have ended for somebody"
        )

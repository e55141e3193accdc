"""The user's own cells, from a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from popflow import contracts
from popflow.contracts import Column
from popflow.errors import PopflowError
from popflow.geography.validity import refuse_overlaps

LARGEST_RADIUS_M = 150_000.0  # beyond what any network builds; such a number is a unit mistaken
CHINA_LON, CHINA_LAT = (73, 136), (3, 54)


def read_cells(path: str | Path, mnos: Collection[str] | None = None) -> pd.DataFrame:
    """Cells of a CSV (comma, header, UTF-8; dates as 2020-01-31) or Parquet file, with the contract's columns.

    One row per cell and period of validity, in the order of the file; valid_from and valid_to are dates, valid_to None
    while it still holds. `mnos`: the MNOs that may occur, by default those of the landing contracts.

    Raises PopflowError, naming file, field and mend, for a file that cannot be read, a missing column, a value of
    another type, null, out of range or unknown, longitude and latitude swapped, and days of a cell in two rows.
    """
    path = Path(path)
    cells = _contract_columns(_read(path), path)
    _refuse_empty(cells, path)
    _refuse_unknown_mnos(cells, contracts.load().mno_bits() if mnos is None else mnos, path)
    _refuse_places(cells, path)
    refuse_overlaps(cells, str(path))
    return cells


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise PopflowError(f"{path}: there is no such file of cells")
    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_table(path)
        as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_columns(), pa.string()), null_values=[""])
        as_text.strings_can_be_null = True
        return pyarrow.csv.read_csv(path, convert_options=as_text)
    except (pa.ArrowException, OSError) as error:
        form = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
        raise PopflowError(
            f"{path}: cannot be read as {form} ({_one_line(error)}); give cells as CSV or Parquet"
        ) from None


def _columns() -> dict[str, Column]:
    return contracts.load().table("cells").columns


def _contract_columns(table: pa.Table, path: Path) -> pd.DataFrame:
    missing = [name for name in _columns() if name not in table.column_names]
    if missing:
        raise PopflowError(f"{path}: no column {', '.join(missing)}; cells need {', '.join(_columns())}")
    schema = contracts.load().table("cells").arrow_schema()
    typed = pa.table([_typed(table[field.name], field, path) for field in schema], names=schema.names)
    cells = typed.to_pandas(date_as_object=True)
    cells["valid_to"] = cells["valid_to"].astype(object).where(cells["valid_to"].notna(), None)
    return cells


def _typed(values: pa.ChunkedArray, field: pa.Field, path: Path) -> pa.ChunkedArray:
    try:
        return values.cast(field.type)
    except pa.ArrowException as error:
        kind = "a date as 2020-01-31" if pa.types.is_date(field.type) else f"a {field.type}"
        raise PopflowError(f"{path}: {field.name} must be {kind} ({_one_line(error)}); correct the column") from None


def _refuse_empty(cells: pd.DataFrame, path: Path) -> None:
    for name, rule in _columns().items():
        if not rule.nullable:
            _refuse(path, name, cells[name].isna() | (cells[name] == ""), "is empty", "fill it")


def _refuse_unknown_mnos(cells: pd.DataFrame, known: Collection[str], path: Path) -> None:
    unknown = sorted(set(cells["mno"].unique()) - set(known))
    if unknown:
        raise PopflowError(
            f"{path}: mno '{unknown[0]}' is none of {', '.join(sorted(known))}; correct it or add its landing contract"
        )


def _refuse_places(cells: pd.DataFrame, path: Path) -> None:
    """No longitude of China is one of its latitudes, so that what is swapped shows."""
    swapped = cells["lon"].between(*CHINA_LAT) & cells["lat"].between(*CHINA_LON)
    _refuse(path, "lon and lat", swapped, "are swapped", "exchange them")
    for name in ("lon", "lat", "radius_m"):
        rule = _columns()[name]
        low, high = rule.minimum or 0.0, rule.maximum or LARGEST_RADIUS_M
        outside = ~cells[name].between(low, high)
        _refuse(path, name, outside, f"is not within {low:,.0f} and {high:,.0f} {rule.unit}", "correct it")


def _refuse(path: Path, name: str, wrong: pd.Series, what: str, mend: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise PopflowError(f"{path}: {name} {what} in {len(rows):,} rows, the first is row {rows[0] + 1}; {mend}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

"""The user's own cells, from a CSV or Parquet file: the usable ones, and how many of the others for which reason."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow import contracts
from popflow.errors import PopflowError
from popflow.feeds import Feed
from popflow.geography.cell_faults import Fault, faults_of
from popflow.geography.validity import refuse_overlaps
from popflow.tables_in import GivenTable

NUMBERS, DATES = ("lon", "lat", "radius_m"), ("valid_from", "valid_to")
DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)


@dataclass(frozen=True)
class LeftOut:
    """Cells of one MNO that cannot be used for one reason: how many, in which row the first, and the mend."""

    mno: str
    what: str
    mend: str
    rows: int
    first: int | None = None

    def __str__(self) -> str:
        where = f", the first in row {self.first}" if self.first else ""
        return f"{self.mno}: {self.rows:,} cells left out: {self.what}{where}"


@dataclass(frozen=True)
class GivenCells:
    """Usable cells by their contract, one row per cell and period of validity; rows of each MNO; what was left out."""

    path: Path
    cells: pd.DataFrame
    rows: dict[str, int]
    left_out: tuple[LeftOut, ...]

    def without_county(self, found: pd.DataFrame) -> GivenCells:
        """Cells after `locate_cells` has counted (`found`) how many lie in no county."""
        mend = "load the counties that they lie in, or correct their places"
        nowhere = tuple(
            LeftOut(mno, "the place is in no county (at sea, abroad, outside the polygons)", mend, int(dropped))
            for mno, dropped in zip(found["mno"], found["dropped"], strict=True)
            if dropped
        )
        return replace(self, left_out=self.left_out + nowhere)

    def refuse_too_many(self, most_percent: float) -> None:
        """Raise PopflowError where more of an MNO's cells are left out, naming the commonest reason."""
        for mno, rows in self.rows.items():
            mine = [one for one in self.left_out if one.mno == mno]
            percent = 100 * sum(one.rows for one in mine) / rows
            if percent > most_percent:
                worst = max(mine, key=lambda one: one.rows)
                where = f", the first is row {worst.first}" if worst.first else ""
                raise PopflowError(
                    f"{self.path}: {worst.what} in {worst.rows:,} rows{where}; {worst.mend} ({percent:.1f} % of the "
                    f"cells of {mno} cannot be used, at most {most_percent:g} % may be left out; nothing was loaded)"
                )


def read_cells(path: str | Path, mnos: Collection[str] | None = None) -> pd.DataFrame:
    """Cells of a CSV (header; dates as 2020-01-31) or Parquet file, with the contract's columns: those that are usable.

    One row per cell and period of validity, in the order of the file; valid_from and valid_to are dates, valid_to None
    while it still holds. `mnos`: the MNOs that may occur, by default those of the landing contracts.
    Raises PopflowError as `given_cells` does, and where more are left out than the contract's bound allows.
    """
    given = given_cells(path, contracts.load().feeds.values(), mnos)
    given.refuse_too_many(contracts.load().table("cells").bounds["most_left_out_percent"])
    return given.cells


def given_cells(path: str | Path, feeds: Iterable[Feed], mnos: Collection[str] | None = None) -> GivenCells:
    """What a file of cells holds; cell ids as the feeds assemble them. mnos: as `read_cells` has it.

    Raises PopflowError, naming file, row and mend and no value, for a file that cannot be read, a missing column, an
    empty or unknown MNO, and days of a cell in two rows.
    """
    path = Path(path)
    by_mno = {feed.mno: feed for feed in feeds}
    text = _text(path)
    _refuse_unknown_mnos(text["mno"], by_mno if mnos is None else mnos, path)
    cells, faults = _typed(text)
    cells["cell_id"], more = faults_of(cells, by_mno)
    reason = _first_reason([*faults, *more], len(cells))
    left_out = tuple(_counted(cells["mno"], [*faults, *more], reason))
    rows = {str(mno): int(count) for mno, count in cells["mno"].value_counts(sort=False).items()}
    usable = cells[reason < 0]
    refuse_overlaps(usable, str(path))
    return GivenCells(path, usable.reset_index(drop=True), rows, left_out)


def _text(path: Path) -> pd.DataFrame:
    names = list(contracts.load().table("cells").columns)
    table = GivenTable(path, "file of cells", names)
    missing = [name for name in names if name not in table.columns]
    if missing:
        is_register = "person_token" in table.columns
        mend = "a register is loaded as subscribers" if is_register else f"cells need {', '.join(names)}"
        raise PopflowError(f"{path}: line 1, the header: no column {', '.join(missing)}; {mend}")
    schema = pa.schema([(name, pa.string()) for name in names])
    frame = pa.Table.from_batches(table.batches(names), schema).to_pandas()
    if frame.empty:
        raise PopflowError(f"{path}: no cell in it; give at least one")
    frame["mno"] = frame["mno"].str.lower()
    return frame


def _refuse_unknown_mnos(mno: pd.Series, known: Collection[str], path: Path) -> None:
    for wrong, what, mend in (
        (mno.isna(), "is empty", "fill it"),
        (~mno.isin(list(known)), f"is none of {', '.join(sorted(known))}", "correct it or add its landing contract"),
    ):
        rows = np.flatnonzero(wrong)
        if len(rows):
            raise PopflowError(f"{path}: mno {what} in {len(rows):,} rows, the first is row {rows[0] + 1}; {mend}")


def _typed(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
    """Cells with numbers and dates, null where the text is none; and those faults."""
    cells, faults = text.copy(), []
    for name in ("cell_id", *NUMBERS, "valid_from"):
        faults.append(Fault(f"{name} is empty", "fill it", text[name].isna().to_numpy()))
    for name in NUMBERS:
        cells[name] = pd.to_numeric(text[name], errors="coerce").astype("float64")
        wrong = (cells[name].isna() & text[name].notna()).to_numpy()
        faults.append(Fault(f"{name} must be a double and is not", "write it as 114.3", wrong))
    for name in DATES:
        known = {one: _date(one) for one in text[name].dropna().unique()}
        dates = text[name].map(known).astype(object)
        cells[name] = dates.where(dates.notna(), None)
        wrong = (cells[name].isna() & text[name].notna()).to_numpy()
        faults.append(Fault(f"{name} must be a date as 2020-01-31 and is not", "correct it", wrong))
    return cells, faults


def _date(text: str) -> dt.date | None:
    shaped = DATE.fullmatch(text)
    try:
        return dt.date.fromisoformat(shaped[1]) if shaped else None
    except ValueError:
        return None


def _first_reason(faults: list[Fault], rows: int) -> np.ndarray:
    """The number of the first fault of each row, -1 for a usable one."""
    reason = np.full(rows, -1)
    for number, fault in enumerate(faults):
        reason[(reason < 0) & fault.rows] = number
    return reason


def _counted(mno: pd.Series, faults: list[Fault], reason: np.ndarray) -> Iterable[LeftOut]:
    wrong = pd.DataFrame({"mno": mno, "reason": reason, "row": np.arange(1, len(mno) + 1)})[reason >= 0]
    counts = wrong.groupby(["mno", "reason"], as_index=False)["row"].agg(["size", "min"])
    for one, number, size, first in counts.itertuples(index=False):
        yield LeftOut(str(one), faults[number].what, faults[number].mend, int(size), int(first))

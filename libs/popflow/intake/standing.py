"""Files as they stand now: one set aside whole that has come in since, by another delivery, is no fault any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from popflow.intake.file_checks import FILE_REASONS

if TYPE_CHECKING:
    import pandas as pd

    from popflow.lake import Lake

COLUMNS = ["mno", "delivery_id", "file", "sha256", "status"]  # of `deliveries`, by which files are told apart
OF_A_FILE = ["rows", *FILE_REASONS]  # what the tallies say of a file that was set aside whole


def standing_files(lake: Lake, files: pd.DataFrame) -> pd.DataFrame:
    """Rows of `deliveries` without the files in quarantine whose content another delivery of the MNO has brought.

    files: contract `deliveries`, `COLUMNS` at least, of any dates.
    """
    set_aside = files[files.status == "quarantined"]
    if set_aside.empty:
        return files
    prints = sorted(set(set_aside.sha256))
    taken = lake.read_pandas("deliveries", ["mno", "sha256"], sha256=prints, status="accepted")
    return files[~(_keys(files, "mno", "sha256").isin(_keys(taken, "mno", "sha256")) & (files.status == "quarantined"))]


def standing_tallies(tallies: pd.DataFrame, files: pd.DataFrame, standing: pd.DataFrame) -> pd.DataFrame:
    """Rows of `tallies` without those of files that stand no longer; files: all, standing: those that do."""
    gone = files.loc[files.index.difference(standing.index)]
    name = ("mno", "delivery_id", "file")
    return tallies[~(_keys(tallies, *name).isin(_keys(gone, *name)) & tallies.reason.isin(OF_A_FILE))]


def _keys(frame: pd.DataFrame, *columns: str) -> pd.Series:
    import pandas as pd

    return pd.Series(list(zip(*(frame[column] for column in columns), strict=True)), frame.index, dtype=object)

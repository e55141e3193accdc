"""Data files that hold what was published, by date: told by the tables' logs and the storage, without opening one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from functools import cached_property

import pandas as pd
import pyarrow.parquet as pq

from popflow.audit.digests import digest_of
from popflow.audit.shape import retired_text
from popflow.delta_log import DataFile
from popflow.intake.storage import files_under, open_address
from popflow.lake import Lake


def published_version(lake: Lake) -> int:
    """How often anything was committed to `flows`: a verdict holds for what was published when it was given."""
    return lake.commits("flows")


class Files:
    """The data files of `flows` and `base_cells` by date, by the tables' logs and the storage; none is opened."""

    def __init__(self, lake: Lake) -> None:
        self.version = published_version(lake)
        self._lake = lake
        self._flows, self._base_cells = data_files(lake, "flows"), data_files(lake, "base_cells")

    @cached_property
    def rows(self) -> dict[dt.date, str]:
        """By date, a digest of the files of its indicators: paths, sizes and times, in the log and in the storage."""
        return files_by_date(self._lake, "flows", self._flows, self._lake.contracts.indicators)

    @cached_property
    def base_cells(self) -> dict[dt.date, str]:
        """By date, a digest of the data files that hold its base cells."""
        return files_by_date(self._lake, "base_cells", self._base_cells, self._lake.contracts.indicators)

    @property
    def dates(self) -> set[dt.date]:
        """Dates of which rows are published."""
        return set(self.rows)

    @property
    def indicators(self) -> set[str]:
        """Indicators of which rows are published."""
        return {str(file.partition["indicator"]) for file in self._flows}

    @property
    def retired(self) -> tuple[str, ...]:
        """What there is to say of rows published under earlier rules; nothing where there are none."""
        retired = self._lake.contracts.retired
        old = [file for file in self._flows if file.partition["indicator"] in retired]
        return (retired_text(self._row_count(old), retired),) if old else ()

    def gone(self, dates: Collection[dt.date]) -> list[dt.date]:
        """Of some dates those whose base cells are there no more, and need not be: they are older than is kept."""
        days = self._lake.contracts.table("base_cells").retention_days
        newest = max([*self.dates, *dates], default=dt.date.min)
        old = [date for date in dates if days is not None and (newest - date).days > days]
        return [date for date in old if date not in self.base_cells]

    def _row_count(self, files: list[DataFile]) -> str:
        try:
            footers = (pq.read_metadata(self._lake.open_file("flows", file.path)) for file in files)
            return f"{sum(footer.num_rows for footer in footers):,}"
        except (OSError, ValueError):  # ArrowInvalid is one
            return "an unknown number of"


def files_by_date(lake: Lake, table: str, files: Sequence[DataFile], indicators: Collection[str]) -> dict[dt.date, str]:
    """By date, a digest of the data files of some indicators: paths, sizes and times, in the log and in the storage."""
    root = open_address(lake.path(table))[1] if files else ""
    stored = {info.path.removeprefix(f"{root}/"): info for info in (files_under(lake.path(table)) if files else ())}
    facts: dict[dt.date, list[tuple]] = {}
    for file in files:
        if file.partition["indicator"] not in indicators:
            continue
        there = stored.get(file.path)
        storage = (there.size, there.mtime.isoformat()) if there is not None else None
        date = pd.Timestamp(file.partition["date"]).date()
        facts.setdefault(date, []).append((file.path, file.size, storage))
    return {date: digest_of(sorted(of_date)) for date, of_date in facts.items()}


def data_files(lake: Lake, table: str) -> list[DataFile]:
    """The data files that a table has now; none where it is not there."""
    return lake.snapshot(table).files if lake.exists(table) else []

"""A lake of toy nights, made without Java, and what an audit of it reads."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import toy_publisher as toy
from deltalake import write_deltalake
from test_audit_differences import BASE_CELLS, COVERED, HUNAN_COUNTIES, ROWS

import popflow.lake
from popflow.audit import Candidate
from popflow.lake import Lake

FIRST = dt.date(2020, 1, 10)


def date_of(night: int) -> dt.date:
    """The date of a night, from 1."""
    return FIRST + dt.timedelta(days=night - 1)


def written(lake: Lake, name: str, frame: pd.DataFrame) -> None:
    """Append rows to a table, in one commit."""
    contract = lake.contracts.table(name)
    rows = frame[list(contract.columns)].to_dict("records")
    for row in rows:
        row |= {c: list(v.items()) for c, v in row.items() if isinstance(v, dict)}
    table = pa.Table.from_pylist(rows, schema=contract.arrow_schema())
    write_deltalake(lake.path(name), table, partition_by=contract.partition_by or None, mode="append")


def references(lake: Lake, covered: Sequence[str] = COVERED) -> None:
    """One cell in each county, from the beginning of the year on."""
    cells = pd.DataFrame({"county_code": list(covered)}).assign(
        mno="mobile", area_share=1.0, is_border=False, valid_from=dt.date(2020, 1, 1), valid_to=None
    )
    cells["cell_id"] = [f"460-00-1-{i}" for i in range(len(cells))]
    written(lake, "cell_to_county", cells)


def released(date: dt.date, release: int = 1) -> dict:
    """A row of `releases`."""
    return {
        "indicator": "outflow",
        "date": date,
        "release": release,
        "status": "released",
        "run_id": "r",
        "code_version": "0",
        "definition": "day-end-1",
        "input_fingerprint": "0" * 64,
        "mnos": list(toy.MNOS),
        "reason": "first release",
        "signed_by": "the night",
        "persons_rounded": 0,
        "pair_share_percent": 0,
        "county_share_percent": 0,
        "released_at_utc": dt.datetime(2020, 1, 12, tzinfo=dt.UTC),
    }


def rows_of(date: dt.date) -> pd.DataFrame:
    """Rows of a night: the same on all."""
    return toy.flows_frame(ROWS + HUNAN_COUNTIES, date)


def publish(lake: Lake, nights: Sequence[int], base_cells_from: int = 1) -> None:
    """Some nights, published in one commit; without base cells before base_cells_from."""
    dates = [date_of(night) for night in nights]
    written(lake, "flows", pd.concat([rows_of(date) for date in dates]))
    kept = [date for night, date in zip(nights, dates, strict=True) if night >= base_cells_from]
    if kept:
        written(lake, "base_cells", pd.concat([toy.base_cells_frame(BASE_CELLS, date) for date in kept]))
    written(lake, "releases", pd.DataFrame([released(date) for date in dates]))


def candidate(night: int) -> dict:
    """What a night's audit is given."""
    date = date_of(night)
    return {"candidate": Candidate(rows_of(date), toy.base_cells_frame(BASE_CELLS, date)), "candidate_mnos": toy.MNOS}


class Reading:
    """Counts what is read of a lake: data files by table, and the dates that rows are asked of."""

    def __init__(self, lake: Lake, monkeypatch) -> None:
        self.files: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        read, opened = lake.read_arrow, popflow.lake.dataset

        def counted_read(name: str, *args, **equals):
            table = read(name, *args, **equals)
            self.rows[name] += len(table)
            return table

        def counted_files(found, *args, **options):
            self.files["all"] += len(found)
            return opened(found, *args, **options)

        monkeypatch.setattr(lake, "read_arrow", counted_read)
        monkeypatch.setattr(popflow.lake, "dataset", counted_files)

    def taken(self) -> tuple[dict[str, int], dict[str, int]]:
        """Rows by table and data files, since the last time."""
        found = dict(self.rows), dict(self.files)
        self.rows.clear()
        self.files.clear()
        return found

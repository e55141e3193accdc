"""Landing folders and a lake that knows their cells."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import landing_files
import pyarrow as pa
import pytest
from checked_packs import reduce_and_check
from landing_files import D, cell_rows, entry
from pyspark.sql import SparkSession

from popflow.contracts import load
from popflow.feeds import Feed
from popflow.intake import reduction
from popflow.intake.packing import Pack
from popflow.intake.spark_sql import reduced_by_spark
from popflow.lake import Lake

Deliver = Callable[..., Path]


ENGINES = ["kernel", "duckdb", "check", pytest.param("spark", marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn, as what `landing_files.reduce_files` reduces with; and the MNO's own check beside duckdb."""
    if request.param == "spark":
        way: Callable = partial(reduced_by, request.getfixturevalue("spark"))
    elif request.param == "check":
        way = reduce_and_check
    else:
        way = partial(reduction.reduce_pack, engine=request.param)
    monkeypatch.setattr(landing_files, "reduce_pack", way)
    return request.param


def reduced_by(
    spark: SparkSession, pack: Pack, feed: Feed, cells: str, schema: pa.Schema, _limits: Any
) -> list[pa.RecordBatch]:
    """The oracle in Spark SQL, called as the others are."""
    contract = load().table("intake")
    with contextlib.ExitStack() as held:
        frame = reduced_by_spark(spark, [pack], {pack.mno: feed}, {pack.mno: cells}, contract, held)
        rows = [row.asDict() for row in frame.select(*schema.names).collect()]
    return [pa.RecordBatch.from_pylist(rows, schema=schema)]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """An empty landing folder."""
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


@pytest.fixture
def deliver(landing: Path) -> Deliver:
    """Write a delivery: deliver(mno, id, {file: (content, rows)}, date=..., manifest=...)."""

    def write(
        mno: str, delivery_id: str, files: dict[str, tuple[bytes, int]], /, date: dt.date = D, **manifest: Any
    ) -> Path:
        folder = landing / mno / str(date) / delivery_id
        folder.mkdir(parents=True, exist_ok=True)
        for name, (content, _) in files.items():
            (folder / name).write_bytes(content)
        said = {"mno": mno, "event_date": str(date), "delivery_id": delivery_id,
                "created_at_utc": "2020-01-22T20:00:00Z",
                "files": [entry(name, content, rows) for name, (content, rows) in files.items()]}  # fmt: skip
        (folder / "manifest.json").write_text(json.dumps(said | manifest))
        return folder

    return write


@pytest.fixture
def known_cells(lake: Lake) -> Lake:
    """A lake that knows CELLS at all three MNOs."""
    lake.replace("cell_to_county", lake.frame("cell_to_county", cell_rows()))
    return lake

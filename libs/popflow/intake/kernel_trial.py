"""A few records through all that is compiled: what is not kept on this machine yet is compiled, and shown to work."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from popflow.dates import ONE_DAY
from popflow.feeds import Feed
from popflow.intake import kernel_cells
from popflow.intake.cell_table import cell_table
from popflow.intake.file_rows import Sieves
from popflow.intake.kernel_cache import one_at_a_time
from popflow.intake.kernel_presence import InKernel
from popflow.intake.spill import Spill

D, TIME = dt.date(2020, 1, 22), 1579658400  # ten o'clock
TOKEN = "1b" * 16
LINES = {"csv": f"{TOKEN}|{TIME}|7\nodd\n", "jsonl": f'{{"sim": "{TOKEN}", "at": {TIME}, "cell": "7"}}\nodd\n'}


def compile_all() -> None:
    """Compile, or load, all of the kernel. Raises what the compiler raises, RuntimeError where a figure is wrong."""
    with one_at_a_time():
        for kind, base in (("csv", "decimal"), ("jsonl", "text"), ("parquet", "decimal"), ("parquet", "text")):
            _try(_feed(kind, base))


def _try(feed: Feed) -> None:
    known = pa.table({"mno": ["x"], "cell_id": ["7"], "county_code": ["420102"], "area_share": [1.0],
                      "valid_from": [D - ONE_DAY], "valid_to": pa.nulls(1, pa.date32())})  # fmt: skip
    cells = kernel_cells.indexed(cell_table(known, feed, D), "")
    held = InKernel(duckdb.connect(), feed, cells, D, Spill(Path()), held=4)
    for _ in range(2):  # the second file is merged with the first
        odd = _read(held.start(), feed)
        held.put(pa.table({"place": pa.array([1_420_102], pa.int32()), "sim_token": [TOKEN], "slots_lo": [2],
                           "slots_hi": [0]}))  # fmt: skip
        held.keep()
    looked_up = cells.looked_up(pa.array([7] if cells.by_number else ["7"]))
    found = pa.Table.from_batches(list(held.batches())).to_pylist()
    wanted = {"event_date": D, "sim_token": TOKEN, "county_code": "420102", "slots_lo": 1 << 40 | 2, "slots_hi": 0}
    if found != [wanted] or odd != [2] or looked_up.column("day_1").to_pylist() != [420102]:
        raise RuntimeError("the compiled reduction counts wrong")


def _read(sieves: Sieves, feed: Feed) -> list[int]:
    """Numbers of the rows that are set aside."""
    if feed.format != "parquet":
        sieve = sieves.of_lines({"sim": 1, "at": 2, "cell": 3})
        return sieve(LINES[feed.format].encode(), 1)[2].tolist()
    cells: list[Any] = [7, 8] if feed.fields.cell_id.base == "decimal" else ["7", "8"]
    odd: list[int] = []
    for values in (pa.array(cells), pa.array(cells).cast(pa.string())):
        batch = pa.record_batch({"sim": pa.array([TOKEN] * 2), "at": pa.array([TIME] * 2), "cell": values})
        odd = (sieves.of_columns(False)(batch) + 1).tolist()
    return odd


def _feed(kind: str, base: str) -> Feed:
    return Feed.model_validate({
        "feed": "x", "mno": "x", "mno_bit": 5, "meaning": "x", "format": kind, "file_pattern": "*", "retention_days": 1,
        "delimiter": "|" if kind == "csv" else None, "columns": ["sim", "at", "cell"],
        "fields": {"sim_token": {"from": "sim", "pattern": "^[0-9a-f]{32}$"}, "time": {"from": "at", "kind": "epoch_s"},
                   "cell_id": {"from": ["cell"], "base": base}},
    })  # fmt: skip

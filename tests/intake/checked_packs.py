"""The MNO's own check beside the night's reduction: the same files, as a delivery with its manifest, in a folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from landing_files import PREFIXES, cell_rows

from popflow.contracts import load
from popflow.delivery.check import Checked, check_delivery
from popflow.delivery.known_cells import KnownCells
from popflow.feeds import Feed
from popflow.intake import reduction
from popflow.intake.packing import Pack

NAMES = ("mno", "cell_id", "county_code", "area_share", "is_border", "valid_from", "valid_to")


def cells_of(mno: str, prefix: str) -> KnownCells:
    """CELLS of an MNO, as its file of cells would give them."""
    columns = [list(column) for column in zip(*cell_rows({mno: prefix}), strict=True)]
    return KnownCells(pa.table(dict(zip(NAMES, columns, strict=True))), [])


def reduce_and_check(
    pack: Pack, feed: Feed, cells: str, schema: pa.Schema, limits: reduction.Limits
) -> Iterable[pa.RecordBatch]:
    """The reduction of a pack, after its delivery was checked with the same verdict on every file and row."""
    batches = list(reduction.reduce_pack(pack, feed, cells, schema, limits, engine="duckdb"))
    rows = [row for batch in batches for row in batch.to_pylist()]
    checked = check_pack(pack, feed)
    assert not checked.refused
    assert checked.planned is not None
    again = {file.name for file in checked.planned.redelivered}
    night = {(row["file"], row["row_number"], row["reason"]) for row in rows if row["kind"] == "quarantine"}
    assert {row for row in checked.quarantine if row[2] != "file_unlisted"} == {
        row for row in night if row[0] not in again
    }
    counted = [
        (row["file"], row["reason"], row["records"], row["event_date"])
        for row in rows
        if row["kind"] == "tallies" and row["reason"] != "reduced_rows" and row["file"] not in again
    ]
    said = [tuple(tally) for one in checked.found for tally in one.tallies]
    assert sorted(said, key=str) == sorted(counted, key=str)
    return batches


def check_pack(pack: Pack, feed: Feed) -> Checked:
    """The check of a pack's files, linked into a delivery of their own."""
    contracts = load().model_copy(update={"feeds": {feed.feed: feed}})
    with tempfile.TemporaryDirectory(dir=Path(pack.files[0].address).parent) as place:
        folder = Path(place) / pack.mno / str(pack.delivery_date) / pack.delivery_id
        folder.mkdir(parents=True)
        for file in pack.files:
            if Path(file.address).is_dir():
                (folder / file.name).mkdir()
            elif os.path.lexists(file.address):
                os.link(file.address, folder / file.name, follow_symlinks=False)
        files = [
            {key: getattr(file, key) for key in ("name", "area", "bytes", "sha256", "rows")} for file in pack.files
        ]
        manifest = {"mno": pack.mno, "event_date": str(pack.delivery_date), "delivery_id": pack.delivery_id}
        (folder / "manifest.json").write_text(json.dumps(manifest | {"files": files}))
        prefix = feed.fields.cell_id.prefix or PREFIXES[pack.mno]
        return check_delivery(folder, contracts, lambda mno: cells_of(mno, prefix), workers=2)

"""Landing folders and a lake that knows their cells."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from landing_files import D, cell_rows, entry

from popflow.lake import Lake

Deliver = Callable[..., Path]


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

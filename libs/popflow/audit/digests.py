"""Digests of frames and facts, the same whatever the order of rows and columns."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

NO_ROWS = hashlib.sha256().hexdigest()
ABSENT = -1  # in a digest: no figure for this MNO
_ROW_KEY = ["indicator", "date", "release", "origin_level", "origin_code", "destination_level", "destination_code"]
_BASE_CELL_KEY = ["indicator", "date", "release", "change", "against_release", "origin_code", "destination_code"]


@functools.cache
def auditors_version() -> str:
    """Digest of the auditor's own code: what another auditor found good is looked at again."""
    seen = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        seen.update(f"\x1e{path.name}\x1f".encode() + path.read_bytes())
    return seen.hexdigest()


def digest_of(facts: Any) -> str:
    """SHA-256 of what repr says of facts."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def rows_digest(rows: pd.DataFrame) -> str:
    """SHA-256 of published rows, places, figures and definition, whatever their order.

    Made of text alone: it is compared for years, and must not hang on how a library keeps a frame.
    """
    columns = [rows[name].astype(str) for name in [*_ROW_KEY[3:], "persons", "definition"]]
    lines = sorted("\x1f".join(row) for row in zip(*columns, strict=True))
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()


def audited_digest(rows: pd.DataFrame, base_cells: pd.DataFrame, history_version: str | int | None = None) -> str:
    """SHA-256 of a candidate and of the history it was audited with, whatever the order of rows and columns.

    Publishing compares it with the verdict's just before the commit.
    """
    seen = hashlib.sha256(repr(("history", history_version)).encode())
    hash_frame(rows, _ROW_KEY, seen)
    if len(base_cells) and "persons_without" in base_cells:
        maps = [one if isinstance(one, dict) else dict(one) for one in base_cells["persons_without"]]
        names = sorted({name for one in maps for name in one})
        wide = {f"without_{name}": [one.get(name, ABSENT) for one in maps] for name in names}
        base_cells = base_cells.drop(columns="persons_without").assign(**wide)
    hash_frame(base_cells, _BASE_CELL_KEY, seen)
    return seen.hexdigest()


def hash_frame(frame: pd.DataFrame, order: Sequence[str], seen: hashlib._Hash) -> hashlib._Hash:
    """Hash a frame's values in the order of its key; numbers and texts of the same look are the same."""
    names = sorted(map(str, frame.columns))
    table = pa.table({name: _plain(frame[name]) for name in names})
    keys = [(name, "ascending") for name in order if name in names]
    if keys and len(frame):
        table = table.take(pc.sort_indices(table, sort_keys=keys))
    for name in names:
        seen.update(f"\x1e{name}\x1f{len(frame)}\x1f".encode())
        for buffer in pa.concat_arrays(table[name].chunks).buffers() if len(frame) else ():
            seen.update(buffer if buffer is not None else b"-")
    return seen


def _plain(column: pd.Series) -> pa.Array:
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return pa.array(column.to_numpy(dtype=np.int64))
    places, distinct = pd.factorize(column, use_na_sentinel=False)
    return pa.array(np.array([str(one) for one in distinct], dtype=object), type=pa.large_string()).take(
        pa.array(places)
    )

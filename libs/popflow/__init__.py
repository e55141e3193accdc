"""County-level population flows from mobile network signalling, published so that nobody can be singled out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popflow.reading.reader import Reader

__version__ = "0.2.0"


def read(lake: str | Path) -> Reader:
    """The published tables of a lake, for an analyst; needs no Java."""
    from popflow.reading.reader import Reader

    return Reader(lake)

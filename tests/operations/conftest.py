"""A lake for what needs no Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.lake import Lake


@pytest.fixture
def bare_lake(tmp_path: Path, contracts: Contracts) -> Lake:
    """A lake without a session."""
    return Lake(tmp_path / "lake", contracts)

"""The contracts of this folder beside those that popflow ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from popflow import contracts
from popflow.contracts import Contracts

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def known() -> Iterator[Contracts]:
    """The shipped contracts and those of this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPFLOW_CONTRACTS", str(HERE))
        yield contracts.load()

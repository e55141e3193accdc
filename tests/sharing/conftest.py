"""A published lake behind a running server, for the stock client of Delta Sharing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from served_share import serving
from shared_dates import D20, D21, D22, ROWS, TWICE, Profile

import published_lake
from popflow import contracts
from popflow.lake import Lake
from popflow.sharing.grants import Grants, write_profile
from popflow.sharing.server import application


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The 20th corrected, the 21st withdrawn, the 22nd released."""
    folder = tmp_path_factory.mktemp("shared") / "lake"
    published_lake.publish(folder, D20, ROWS)
    published_lake.publish(folder, D20, TWICE, release=2)
    published_lake.publish(folder, D21, ROWS)
    published_lake.publish(folder, D22, ROWS)
    gone = published_lake.release_row(D21, 1, "withdrawn")
    published_lake.write_table(folder, "releases", pd.DataFrame([gone]))
    return Lake(folder, contracts.load())


@pytest.fixture(scope="module")
def endpoint(lake: Lake) -> Iterator[str]:
    """A server on a free port."""
    with serving(application(lake)) as port:
        yield f"http://127.0.0.1:{port}/delta-sharing"


@pytest.fixture
def profile(lake: Lake, endpoint: str, tmp_path: Path) -> Profile:
    """Makes a profile file for a reader."""

    def make(reader: str = "hunan-cdc", token: str | None = None) -> Path:
        grant, own = Grants(lake).add(reader, "epidemic_prevention", 30)
        return write_profile(tmp_path / f"{reader}.share", grant, token or own, endpoint)

    return make

"""One small published lake and its briefings for all tests of the report room."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_nation

from popflow.report import briefing


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published lake."""
    return small_nation.write(tmp_path_factory.mktemp("report") / "lake")


@pytest.fixture(scope="session")
def page(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The briefing on Wuhan's outflow on the three days before 23 January 2020."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        return briefing(published, "wuhan", "2020-01-23", days=3, out=tmp_path_factory.mktemp("page") / "wuhan.html")

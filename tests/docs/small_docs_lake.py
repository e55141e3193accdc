"""The small published lake of the report room, for the documentation's commands."""

from __future__ import annotations

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent


def write(lake: Path) -> Path:
    """The lake of tests/report/small_nation.py."""
    spec = importlib.util.spec_from_file_location("docs_small_nation", HERE.parent / "report" / "small_nation.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write(lake)

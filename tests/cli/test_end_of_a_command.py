"""How a command ends: at once, and silently."""

from __future__ import annotations

import subprocess
import sys

import pytest

USES_DUCKDB = "import duckdb; duckdb.sql('select 1').fetchall()"
PRINTS_FROZEN = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0))"


@pytest.mark.parametrize(("then", "said"), [("import pyarrow", "True\n"), (USES_DUCKDB, "False\n")])
def test_what_is_left_is_not_collected_unless_duckdb_would_complain(then: str, said: str):
    code = f"{PRINTS_FROZEN}; import popflow.cli; {then}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (said, "")

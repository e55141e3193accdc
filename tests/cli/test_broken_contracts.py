"""Commands are made of the contracts; one that does not hold together is one line, whatever is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("asked", [["releases", "--lake", "lake"], ["--help"]])
def test_a_contract_that_does_not_hold_together_is_one_line(tmp_path: Path, asked: list[str]):
    (tmp_path / "indicators").mkdir()
    (tmp_path / "indicators" / "mine.yaml").write_text("indicator: mine\nkind: blocks\n")
    call = [sys.executable, "-c", "from popflow.cli import main; main()", *asked]
    environment = os.environ | {"POPFLOW_CONTRACTS": str(tmp_path)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "mine.yaml: kind: 'blocks' is not a kind that popflow publishes; there are chain, hundreds" in line

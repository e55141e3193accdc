"""The page that brings a feed from its first file to an accepted delivery says what the program says, to the letter."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from popflow.cli import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "send-a-delivery.md"
EXAMPLE = ROOT / "docs" / "examples" / "virtual"
OF_THE_OPERATOR = ("popflow reference", "popflow nightly", "popflow deliveries")
BLOCKS = re.findall(r'```(\w+)(?: title="([^"]+)")?\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.S)


def mnos_steps() -> list[tuple[str, str]]:
    """Commands of the MNO, each with what the page shows after it."""
    steps = []
    for place, (language, _, text) in enumerate(BLOCKS):
        if language == "bash":
            shown = BLOCKS[place + 1] if place + 1 < len(BLOCKS) else ("", "", "")
            lines = [line for line in text.splitlines() if not line.startswith(OF_THE_OPERATOR)]
            is_output = shown[0] == "text" and not shown[1]
            steps += [(line, shown[2] if is_output and line == lines[-1] else "") for line in lines]
    return steps


def test_every_step_of_the_page_does_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    ran = 0
    for line, shown in mnos_steps():
        if not line.startswith("popflow "):
            subprocess.run(shlex.split(line), check=True)
            continue
        outcome = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
        assert outcome.exit_code == 0, outcome.output
        assert outcome.output == shown, line
        ran += 1
    assert ran == 4
    assert (tmp_path / "landing/virtual/2020-01-22/20200122-1/manifest.json").is_file()
    for _, title, text in BLOCKS:
        if title.endswith(".yaml"):
            assert (tmp_path / title).read_text() == text
        elif title:
            assert (tmp_path / title).read_text().startswith(text)


BLOCKED = "import sys; sys.modules['pyspark'] = None; sys.modules['py4j'] = None; from popflow.cli import main; main()"


def test_an_mnos_commands_run_where_there_is_no_spark(tmp_path: Path):
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    lines = [line for line, _ in mnos_steps()]
    for line in lines:
        words = shlex.split(line)
        call = [sys.executable, "-c", BLOCKED, *words[1:]] if words[0] == "popflow" else words
        ran = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, (line, ran.stderr)


def test_the_check_for_spark_would_see_it(tmp_path: Path):
    call = [
        sys.executable,
        "-c",
        BLOCKED,
        "nightly",
        "--date",
        "2020-01-22",
        "--landing",
        ".",
        "--lake",
        str(tmp_path / "l"),
    ]
    assert subprocess.run(call, cwd=tmp_path, capture_output=True, check=False).returncode == 1

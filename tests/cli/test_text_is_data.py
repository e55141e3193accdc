"""Text of people and files is shown as it is: no markup, no terminal escapes, no formulas, no template of a page."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from popflow.cli import screen
from popflow.cli.app import app, stopping_in_one_line
from popflow.errors import PopflowError, one_line, printable
from popflow.reading.tables_out import as_text, save
from popflow.report.briefing import _json

HOSTILE = ["[/ops]", "[red]x[/red]", "[link=file:///etc/passwd]x[/link]", ":smile:", "\x1b]0;owned\x07", "a\rb", "a\nb"]
HOSTILE += ["\x9b2J", "‮txt.exe", "\udcff", "\x00"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_tables_cells_headings_and_title_are_text(text: str, capsys: pytest.CaptureFixture[str]):
    screen.show(pd.DataFrame({text.replace("\n", ""): [text]}), text)
    out = capsys.readouterr().out
    assert out.count(printable(text)) == (2 if "\n" in text else 3)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", out)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_output_is_one_line_of_text(text: str, capsys: pytest.CaptureFixture[str]):
    screen.say(text)
    assert capsys.readouterr().out == f"{printable(text)}\n"


def test_chinese_and_accents_are_printed_as_they_are():
    assert printable("武汉 Xī'ān　，²") == "武汉 Xī'ān　，²"


def test_a_refusal_is_one_line_whatever_it_names(capsys: pytest.CaptureFixture[str]):
    def refuse() -> None:
        raise PopflowError("x\x1b[2J\n  y\u2028z\udcff")

    with pytest.raises(SystemExit):
        stopping_in_one_line(refuse)
    assert capsys.readouterr().err == "popflow: x\\x1b[2J y z\\udcff\n"
    assert one_line(" a \n\t b ") == "a b"


def test_words_of_the_call_are_no_markup():
    result = CliRunner().invoke(app, ["[/ops]"])
    assert result.exit_code == 2
    assert "[/ops]" in result.output


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "'=1", "＝1"]


@pytest.mark.parametrize("text", [*FORMULAS, "\t=1", "\r=1", "a\rb", "a\nb", "\x1b[2J"])
def test_a_csv_holds_no_formula(tmp_path: Path, text: str):
    frame = pd.DataFrame({"destination_name": [text, "武汉"], "persons_at_least": [-1, 2]})
    path = save(frame, tmp_path / "a.csv")
    for written in (as_text(frame, "csv"), path.read_bytes().decode("utf-8-sig")):
        (_, first, second) = csv.reader(io.StringIO(written, newline=""))
        assert first == [f"'{text}" if text in FORMULAS else printable(text), "-1"]  # figures stay figures
        assert second == ["武汉", "2"]


@pytest.mark.parametrize("text", [*FORMULAS, *HOSTILE[:4], "http://example.org"])
def test_a_workbook_holds_text_as_text(tmp_path: Path, text: str):
    frame = pd.DataFrame({"kind": ["shown"], "destination_name": [text]})
    cell = openpyxl.load_workbook(save(frame, tmp_path / "a.xlsx")).worksheets[0]["B2"]
    assert (cell.data_type, cell.hyperlink) == ("s", None)
    assert cell.value.replace("_x000D_", "\r") == text


def test_a_pages_data_cannot_leave_its_element():
    text = _json({"a": "</script><!--<script>{{script}}"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--<script>{{script}}"}


def commands(command: Any, name: str = "popflow") -> Iterator[tuple[str, Any]]:
    """Every command of the program with its parameters."""
    below = getattr(command, "commands", {})
    yield name, command.params
    for key, one in below.items():
        yield from commands(one, f"{name} {key}")


def test_every_number_of_a_call_is_bounded():
    """A number without a bound runs for minutes, or ends in a stack trace."""
    numbers = [
        (f"{name} --{one.name}", one.min, one.max)
        for name, params in commands(typer.main.get_command(app))
        for one in params
        if re.search(r"\b(int|float)\b", str(one.type_descriptor.annotation))
    ]
    assert len(numbers) > 10
    assert [name for name, least, most in numbers if least is None or most is None] == []


def test_bytes_that_are_no_text_are_refused_wherever_what_somebody_says_is_kept(tmp_path: Path):
    """GBK typed at a UTF-8 program came as half characters, and ended in an UnicodeEncodeError in mid-act."""
    kept = ("reason", "signed_by", "name")
    every = commands(typer.main.get_command(app))
    found = [(words, one) for words, params in every for one in params if one.name in kept and "scenario" not in words]
    assert len(found) == 10
    for words, one in found:
        with pytest.raises(PopflowError, match="is not written in UTF-8"):
            one.callback(None, one, os.fsdecode("武汉".encode("gbk")))
        assert one.callback(None, one, "武汉") == "武汉", words

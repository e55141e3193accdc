"""A trial shows what rows are read as and why some fail, and no token, nor what may be one."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner
from virtual import EXAMPLE, TOKEN, D, csv, line, virtual

from popflow.cli import app
from popflow.contracts import default_folder
from popflow.delivery.files import Look
from popflow.delivery.known_cells import KnownCells, known_cells
from popflow.delivery.masks import cell_shown, form_of, shape_of
from popflow.delivery.told import fitted, trial_lines
from popflow.delivery.trial import try_file
from popflow.errors import PopflowError

PHONE, IMSI = "13912345678", "460001234567890"


@pytest.fixture(scope="module")
def cells() -> KnownCells:
    """The cells of the example, in the counties that popflow ships."""
    return known_cells(EXAMPLE / "cells.csv", virtual()[0], "virtual")


def told(path: Path, cells: KnownCells | None = None, feed=None, date: dt.date | None = None, **look) -> str:
    found = try_file(path, feed or virtual()[1], cells, date, Look(**({"rows": 5, "failures": 10} | look)))
    return "\n".join(fitted(trial_lines(found, look.get("failures", 10))))


def written(folder: Path, *lines: str) -> Path:
    path = folder / "f.csv"
    path.write_text(csv(*lines))
    return path


def test_rows_are_shown_as_they_are_read(tmp_path: Path, cells: KnownCells):
    said = told(written(tmp_path, line(), line(ci="1b", at="2020-01-22T04:00:00Z")), cells)
    assert "2 32 signs 2020-01-22 10:00 460-20-6145-26    420102 attach" in said
    assert "3 32 signs 2020-01-22 12:00 460-20-6145-27    420103 attach" in said
    assert "2 of 2 accepted" in said


def test_each_row_that_fails_has_its_reason(tmp_path: Path, cells: KnownCells):
    bad = [
        *(line(at="22.01.2020 10:00"), line(ci="1Z"), line(lac=""), line(token="ab")),
        *(line(at="2019-12-01T10:00:00+08:00"), line(ci="63")),
        *(line(lac="2C0F", ci="FF", at="2018-01-01T10:00:00+08:00"), "", "a;b"),
    ]
    said = told(written(tmp_path, *[line()] * 9, *bad), cells)
    for reason in (
        "row 11: event_time: 99.99.9999 99:99 is not a time as %Y-%m-%dT%H:%M:%S%z",
        "row 12: ci: xx is not hexadecimal digits alone",
        "row 13: lac: an empty field, where a cell's part should be",
        "row 14: token: 2 characters (a to f), not ^[0-9a-f]{32}$",
        "row 15: event_time: 2019-12-01 is more than a day from 2020-01-22",
        "row 16: cell 460-20-6145-99 (hexadecimal 1801, 63): is not in the table",
        "row 17: event_time: 2018-01-01 is more than a day from 2020-01-22",
        "row 18: event_time: an empty field is not a time",
        "9 of 18 accepted",
    ):
        assert reason in said, reason


def test_a_cell_of_other_dates_is_told_from_one_that_is_nowhere(tmp_path: Path, cells: KnownCells):
    old = line(lac="2C0F", ci="FF", at="2019-05-01T10:00:00+08:00")
    assert "460-20-11279-255 (hexadecimal 2C0F, FF): has no row that holds" in told(
        written(tmp_path, old), cells, date=dt.date(2019, 5, 1)
    )


def test_the_date_is_the_commonest_of_the_records_or_the_one_that_is_named(tmp_path: Path):
    path = written(tmp_path, line(), line(), line(at="2020-03-01T10:00:00+08:00"))
    assert "date 2020-01-22, the commonest" in told(path)
    assert "2 of 3 time_outside" in told(path, date=dt.date(2020, 3, 1))


def test_a_sample_is_named_as_one_has_the_whole_head_and_keeps_the_rows_numbers(tmp_path: Path):
    lines = [line(token="x" if n < 300 or n % 7 == 0 else TOKEN) for n in range(8000)]
    path = written(tmp_path, *lines)
    said = told(path, sample=2000, failures=5000)
    assert "a sample of" in said
    assert "--whole reads all" in said
    rows = [int(row) for row in re.findall(r"row (\d+): token: 1 character", said)]
    assert rows[:300] == list(range(2, 302))
    assert [row for row in rows if lines[row - 2] == line()] == []
    assert max(rows) > 5000


ODD_COLUMNS = {
    "token as cell": {"cell_id": {"from": ["token"], "base": "text"}},
    "token as hexadecimal cell": {"cell_id": {"from": ["token"], "base": "hex"}},
    "token as time": {"time": {"from": "token", "kind": "epoch_s"}},
    "token as event": {"event": {"from": "token", "kinds": {"A": "attach"}}},
    "number as cell": {"cell_id": {"from": ["phone"], "base": "decimal", "prefix": "460-20"}},
    "number as text cell": {"cell_id": {"from": ["lac", "phone"], "base": "text"}},
    "number as time": {"time": {"from": "phone", "kind": "epoch_s"}},
    "imsi as cell": {"cell_id": {"from": ["imsi"], "base": "decimal"}},
    "imsi as time": {"time": {"from": "imsi", "kind": "epoch_us"}},
    "number as token": {"sim_token": {"from": "phone", "pattern": "^[0-9a-f]{32}$"}},
}


@pytest.mark.parametrize("odd", ODD_COLUMNS)
def test_no_token_and_no_number_of_a_person_is_ever_shown(tmp_path: Path, cells: KnownCells, odd: str):
    hashes = [hashlib.md5(bytes([n])).hexdigest() for n in range(8)]
    fields = dict(virtual()[1].model_dump(by_alias=True)["fields"]) | ODD_COLUMNS[odd]
    columns = ["token", "event_time", "lac", "ci", "event", "phone", "imsi"]
    rows = [f"{line(token=one)};{PHONE};{IMSI}" for one in hashes]
    path = tmp_path / "f.csv"
    path.write_text("\n".join([";".join(columns), *rows]) + "\n")
    feed = virtual(fields=fields, columns=columns)[1]
    for known in (None, cells):
        said = told(path, known, feed)
        secrets = [*hashes, *(one[:12] for one in hashes), PHONE, IMSI, "2410-11-12 20", "1984-07-30 10"]
        assert [one for one in secrets if one in said] == []
        assert repr(try_file(path, feed, known, D, Look(rows=5)).found.seen).find(hashes[0]) == -1


def test_a_number_of_a_person_where_the_token_should_be_is_warned_of(tmp_path: Path):
    said = told(written(tmp_path, *[line(token=PHONE)] * 3))
    assert "warning: token: in 3 records it is a telephone number, no pseudonym" in " ".join(said.split())


def test_forms_tell_nothing_of_a_value_but_its_length():
    assert form_of(TOKEN) == "32 characters (digits, a to f)"
    assert shape_of(TOKEN) == "x{32}"
    assert shape_of("2020-01-22 10:00:00") == "9999-99-99 99:99:99"
    assert shape_of(f"{PHONE}") == "9{11}"
    assert (shape_of(None), shape_of("")) == ("nothing", "an empty field")
    feed = virtual()[1]
    assert cell_shown("460-20-6145-26", feed) == "460-20-6145-26"
    assert cell_shown(TOKEN, feed) == "(not shown: it has the form of a token)"
    assert "telephone number" in cell_shown(f"460-20-{PHONE}", feed)


def test_a_file_that_would_be_set_aside_says_which_columns_are_off(tmp_path: Path, contracts):
    path = tmp_path / "f.csv"
    path.write_text("token;at;lac\nx;y;z\n")
    assert "it lacks event_time, ci, event" in told(path)
    sink = io.BytesIO()
    pq.write_table(pa.table({"sim": [1.5], "event_time_utc": [1], "cgi": ["a"], "event": ["b"]}), sink)
    path.write_bytes(sink.getvalue())
    said = told(path, feed=contracts.feeds["unicom"])
    assert "sim double, event_time_utc int64" in said


def test_json_lines_and_gzip_are_tried_too(tmp_path: Path, contracts):
    row = {"sim": TOKEN, "ts": 1579658400000, "cell": "460-11-1-1", "evt": "U"}
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(row) + "\n{\n").encode()))
    said = told(path, feed=contracts.feeds["telecom"])
    assert "1 32 signs 2020-01-22 10:00 460-11-1-1" in said
    assert "row 2: ts: nothing is not a whole number (epoch_ms); cell: nothing" in " ".join(said.split())


def test_cells_in_hexadecimal_are_told(tmp_path: Path):
    file = tmp_path / "cells.csv"
    file.write_text((EXAMPLE / "cells.csv").read_text().replace("6145-26", "1801-63"))
    known = known_cells(file, virtual()[0], "virtual")
    assert "1 of them would be known if the numbers" in told(written(tmp_path, line(ci="63")), known)


def test_the_command_refuses_in_one_line(tmp_path: Path):
    path = written(tmp_path, line())
    for words, said in (
        (["--feed", "nobody"], "--feed: no feed 'nobody'; there are"),
        (["--feed", "mobile", "--counties", "x"], "--counties: give the cells"),
    ):
        with pytest.raises(PopflowError, match=said):
            CliRunner().invoke(app, ["feed", "try", str(path), *words], catch_exceptions=False)
    other = tmp_path / "cells.csv"
    other.write_text((EXAMPLE / "cells.csv").read_text().replace("virtual,460-20", "mobile,460-00"))
    known = virtual()[0].with_feeds(default_folder() / "landing")
    with pytest.raises(PopflowError, match="has no cell of virtual"):
        known_cells(other, known, "virtual")

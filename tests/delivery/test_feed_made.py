"""A feed's contract by questions or options: what it guesses and refuses, and that no value is said."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner, Result
from virtual import EXAMPLE, TOKEN, csv, line

from popflow.cli import app
from popflow.contracts import load
from popflow.delivery.guesses import guessed
from popflow.errors import PopflowError
from popflow.feeds import Feed


def new(*words: str, answers: str = "") -> Result:
    return CliRunner().invoke(app, ["feed", "new", *words], input=answers, catch_exceptions=False)


def contract(path: Path) -> Feed:
    return Feed.model_validate(yaml.safe_load(path.read_text()))


def test_options_alone_make_a_feed(tmp_path: Path):
    said = new("regional", "--folder", str(tmp_path / "feeds"), "--yes", "--meaning", "Records", "--format", "csv",
               "--delimiter", "tab", "--no-header", "--columns", "t,at,c", "--token", "t", "--time", "at",
               "--time-kind", "local_text", "--time-format", "%Y%m%d%H%M%S", "--zone", "Asia/Urumqi", "--cell", "c",
               "--cell-base", "text", "--file-pattern", "*.tsv", "--retention-days", "3", "--mno-bit", "9")  # fmt: skip
    assert said.exit_code == 0, said.output
    feed = contract(tmp_path / "feeds" / "regional.yaml")
    assert (feed.delimiter, feed.header, feed.mno, feed.mno_bit, feed.retention_days) == ("\t", False, "regional", 9, 3)
    assert (feed.fields.time.format, feed.fields.time.zone) == ("%Y%m%d%H%M%S", "Asia/Urumqi")
    assert (feed.fields.cell_id.base, feed.fields.event) == ("text", None)
    assert "regional" in load().with_feeds(tmp_path / "feeds").feeds


def test_questions_take_the_guesses_by_return_and_skip_what_does_not_matter(tmp_path: Path):
    told = new("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), "--cell-prefix", "460-20",
               "--kinds", "A=attach", answers="\n" * 30)  # fmt: skip
    assert told.exit_code == 0, told.output
    feed = contract(tmp_path / "virtual.yaml")
    assert (feed.delimiter, feed.header, feed.fields.cell_id.base) == (";", True, "hex")
    assert feed.fields.time.kind == "zoned_text"
    assert "Time zone" not in told.output  # its times have their own
    assert "Network before" not in told.output  # given as an option


def test_values_of_events_are_shown_and_no_token(tmp_path: Path):
    told = new("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), answers="\n" * 30)
    assert "the first rows have A, C, U" in told.output
    hashes = [one.partition(";")[0] for one in (EXAMPLE / "first.csv").read_text().splitlines()[1:]]
    assert [one for one in hashes if one[:12] in told.output] == []


def test_an_answer_that_cannot_stand_is_asked_for_again(tmp_path: Path):
    wrong_then_right = ["China Mobile", "virtual", "", "xml", "csv", "", "", "", "", "", "nobody", "token", "(a+)+", "",
                        "", "soon", "", "%b", "", "", "octal", "", "", "", "A=roaming", "A=attach", "", ""]  # fmt: skip
    told = new("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), "--cell-prefix", "460-20",
               answers="\n".join(wrong_then_right) + "\n")  # fmt: skip
    assert told.exit_code == 0, told.output
    for said in (
        *("String should match pattern", "Input should be 'csv'", "'nobody' is none of the columns token, event_time"),
        *("write characters, [classes]", "Input should be 'local_text'", "%b is not one of"),
        *("Input should be 'decimal'", "Input should be 'attach'"),
    ):
        assert said in told.output, said
    assert contract(tmp_path / "virtual.yaml").fields.event.kinds == {"A": "attach"}


TIMES = {
    "%Y-%m-%d %H:%M:%S": "2020-01-22 10:00:00",
    "%Y/%m/%d %H:%M:%S": "2020/01/22 10:00:00",
    "%Y%m%d%H%M%S": "20200122100000",
    "%d.%m.%Y %H:%M:%S": "22.01.2020 10:00:00",
    "%Y-%m-%dT%H:%M:%S.%f%z": "2020-01-22T10:00:00.123+08:00",
    "epoch_s": "1579658400",
    "epoch_ms": "1579658400000",
}


@pytest.mark.parametrize("form", TIMES)
def test_times_are_recognised(tmp_path: Path, form: str):
    path = tmp_path / "f.csv"
    path.write_text(f"{TOKEN}|{TIMES[form]}|1|2\n" * 5)
    found = guessed(path)
    assert found.get("time_format", found["time_kind"]) == form
    assert (found["header"], found["delimiter"], found["token"], found["time"]) == (False, "|", "c1", "c2")


@pytest.mark.parametrize(("lac", "ci", "base"), [("1801", "0026", "decimal"), ("1801", "00FF", "hex")])
def test_cells_are_recognised_by_name_and_spelling(tmp_path: Path, lac: str, ci: str, base: str):
    path = tmp_path / "f.csv"
    path.write_text(csv(*[line(lac=lac, ci=ci)] * 5))
    assert {"cell": "lac,ci", "cell_base": base}.items() <= guessed(path).items()


def test_json_parquet_and_gzip_are_recognised(tmp_path: Path):
    row = {"sim": TOKEN, "ts": 1579658400000, "cell": "460-11-1-1", "evt": "U"}
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(row) + "\n").encode() * 3))
    told = {"format": "jsonl", "compression": "gzip", "token": "sim", "time": "ts", "time_kind": "epoch_ms",
            "cell": "cell", "cell_base": "text", "event": "evt", "file_pattern": "*.jsonl.gz"}  # fmt: skip
    assert told.items() <= guessed(path).items()
    sink = io.BytesIO()
    at = pa.array([0], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"sim": [TOKEN], "at": at, "cgi": ["460-01-1-1"]}), sink)
    (tmp_path / "f.parquet").write_bytes(sink.getvalue())
    told = {"format": "parquet", "time_kind": "timestamp_us", "zone": "UTC", "token": "sim", "cell": "cgi"}
    assert told.items() <= guessed(tmp_path / "f.parquet").items()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00broken", b"PAR1broken"])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(PopflowError, match="name another file of the MNO"):
        guessed(tmp_path / "f")
    with pytest.raises(PopflowError, match="name the MNO's first file"):
        guessed(tmp_path / "nowhere")


def test_fields_in_quotation_marks_are_told_at_once(tmp_path: Path):
    path = tmp_path / "f.csv"
    path.write_text(f'"{TOKEN}";"2020-01-22 10:00:00"\n' * 5)
    with pytest.raises(PopflowError, match=r"f\.csv: its fields stand in quotation marks"):
        guessed(path)


def test_a_first_line_that_is_a_record_is_never_taken_for_names(tmp_path: Path):
    path = tmp_path / "f.csv"
    path.write_text("".join(f"{hashlib.md5(bytes([n])).hexdigest()};13912345678;x\n" for n in range(5)))
    assert guessed(path)["columns"] == "c1,c2,c3"
    with pytest.raises(PopflowError, match="header: 1 names of the first line look like values of a record"):
        new("x", "--folder", str(tmp_path), "--yes", "--format", "csv", "--header", "--columns", f"{TOKEN},at,c",
            "--token", TOKEN, "--time", "at", "--time-format", "%Y", "--cell", "c")  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kinds", "A=roaming"], "fields.event.kinds.A: Input should be 'attach', 'detach', 'location_update'"),
        (["--kinds", "A"], "--kinds: 'A' has no meaning; write it as A=attach"),
        (["--zone", "Mars", "--time-kind", "local_text"], "zone"),
        (["--token", "nobody"], "fields: column 'nobody' is neither under columns nor under constants"),
        (["--mno", "mobile"], "mno: mobile has the feed mobile already; an MNO has one feed"),
        (["--time-kind", "seconds"], "fields.time.kind: Input should be 'local_text', 'epoch_s'"),
    ],
)
def test_a_wrong_answer_is_one_line_and_nothing_is_written(tmp_path: Path, words: list[str], said: str):
    with pytest.raises(PopflowError, match=said):
        new("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path / "f"), "--yes", *words)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", ".hidden", "", "a\nb"])
def test_a_name_is_no_path(tmp_path: Path, name: str):
    with pytest.raises(PopflowError, match="is not a name of a feed; write letters"):
        new(name, "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path / "f"), "--yes", "--mno", "x")
    assert list(tmp_path.rglob("*.yaml")) == []


def test_what_the_file_does_not_tell_is_asked_for_by_its_option(tmp_path: Path):
    with pytest.raises(PopflowError, match="--columns: the file does not tell it"):
        new("virtual", "--folder", str(tmp_path), "--yes")


def test_one_that_is_there_is_written_anew_only_when_told(tmp_path: Path):
    call = ("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), "--yes")
    assert new(*call).exit_code == 0
    with pytest.raises(PopflowError, match="already exists; --replace rewrites it"):
        new(*call)
    assert new(*call, "--replace", "--meaning", "anew").exit_code == 0
    feed = contract(tmp_path / "virtual.yaml")
    assert (feed.meaning, feed.mno_bit) == ("anew", 3)


def test_each_mno_gets_a_number_of_its_own(tmp_path: Path):
    for name in ("virtual", "second"):
        assert new(name, "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), "--yes").exit_code == 0
    assert load().with_feeds(tmp_path).mno_bits() == load().mno_bits() | {"virtual": 3, "second": 4}


def test_two_feeds_of_one_mno_are_refused(tmp_path: Path):
    assert new("virtual", "--file", str(EXAMPLE / "first.csv"), "--folder", str(tmp_path), "--yes").exit_code == 0
    text = (tmp_path / "virtual.yaml").read_text()
    (tmp_path / "other.yaml").write_text(text.replace("feed: virtual", "feed: other"))
    with pytest.raises(PopflowError, match=r"virtual\.yaml: mno: virtual has the feed other; an MNO has one feed"):
        load().with_feeds(tmp_path)

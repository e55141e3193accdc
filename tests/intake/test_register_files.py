"""A file of the register: one token for one person however it is written, and no message that shows one. No Spark."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popflow.contracts import Contracts, load
from popflow.intake import token_form
from popflow.intake.register_files import Forms, Verdict, register_batches, verdict

GIVEN = Path(__file__).parents[1] / "given"
A, B, PERSON = "0a" * 16, "0b" * 16, "feedface" * 4
HEADER = "mno,sim_token,person_token,line_kind,home_prefecture\n"
ROW = f"mobile,{A},{PERSON},person,420100\n"
HEX, BASE64 = "^[0-9a-f]{32}$", "^[0-9A-Za-z+/]{22}$"


@pytest.fixture(scope="module")
def forms() -> Forms:
    return Forms.of(load())


def written(folder: Path, content: str | bytes, name: str = "register.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path: Path, forms: Forms) -> list[dict]:
    return [row for batch in register_batches(path, forms) for row in batch.to_pylist()]


def test_capitals_are_the_same_person(forms: Forms) -> None:
    assert {row["person_token"] for row in rows(GIVEN / "register_capitals.csv", forms)} == {PERSON}
    assert verdict(GIVEN / "register_capitals.csv", forms) == Verdict(2, None, [32])


@pytest.mark.parametrize(
    "row",
    [
        f" mobile ,  {A} ,{PERSON}\t,person,420100\n",
        f"MOBILE,{A.upper()},{PERSON.upper()},Person,420100\n",
        f'"mobile","{A}","{PERSON}","person","420100"\n',
    ],
)
def test_blanks_capitals_and_quotation_marks_change_nothing(tmp_path: Path, forms: Forms, row: str) -> None:
    path = written(tmp_path, HEADER + row)
    assert rows(path, forms) == rows(written(tmp_path, HEADER + ROW, "plain.csv"), forms)
    assert verdict(path, forms).fault is None


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        (HEX, "lower"),
        ("^[0-9A-F]{32}$", "upper"),
        ("^[0-9a-fA-F]{32}$", "lower"),
        (BASE64, None),
        (r"^\d{20}$", "lower"),
    ],
)
def test_the_pattern_tells_whether_capitals_matter(pattern: str, letters: str | None) -> None:
    assert token_form.letters(pattern) == letters
    assert token_form.canonical(BASE64, pa.array([" aB "])).to_pylist() == ["aB"]


NOTHING = ["", "null", "NULL", "none", "NaN", "\\N", "0", "0" * 32, "f" * 32, "F" * 64, "unknown", "未知"]
NOTHING += [hashlib.new(name, word).hexdigest() for name in ("md5", "sha1", "sha256") for word in (b"", b"null", b"0")]
NOTHING += [hashlib.sha256(b"").hexdigest()[:32], hashlib.md5(b"NULL").hexdigest().upper()]
NO_PSEUDONYM = {
    "13800138000": "a telephone number",
    "+8613800138000": "a telephone number",
    "460001234567890": "an IMSI or IMEI",
    "11010519491231002X": "an identity number",
    "11010519491231002x": "an identity number",
    "0" * 21 + "13800138000": "a number filled up with zeros",
    "4.2E+31": "not in the form",
    "x": "not in the form",
    "a" * 31: "not in the form",
    "0x" + "a" * 30: "not in the form",
    "MTIzNDU2Nzg5MDEyMzQ1Ng==": "not in the form",
    "１" * 32: "not in the form",
}


@pytest.mark.parametrize("column", ["sim_token", "person_token"])
@pytest.mark.parametrize(
    ("value", "said"), [*((one, "empty|stands for nothing") for one in NOTHING), *NO_PSEUDONYM.items()]
)
def test_what_is_no_pseudonym_is_refused_by_row_and_never_shown(
    tmp_path: Path, forms: Forms, column: str, value: str, said: str
) -> None:
    bad = ROW.replace(A if column == "sim_token" else PERSON, value)
    fault = verdict(written(tmp_path, HEADER + ROW.replace(A, B) + bad + bad), forms).fault
    assert fault is not None
    assert fault.startswith(f"{tmp_path / 'register.csv'}: {column}")
    assert pa.compute.match_substring_regex(pa.scalar(fault), said).as_py(), fault
    assert "in 2 row(s), the first is row 2; " in fault
    assert len(value) < 8 or value.lower() not in fault.lower()
    assert "\n" not in fault


def test_an_identity_number_is_known_by_its_check_digit() -> None:
    shaped = token_form.faults(r"^\d{17}[\dx]$", pa.array(["11010519491231002x", "110105194912310021"]))
    assert shaped["is an identity number, no pseudonym"].to_pylist() == [True, False]


def test_a_hash_of_nothing_in_a_hundred_thousand_rows_is_told_by_its_row(tmp_path: Path, forms: Forms) -> None:
    good = "".join(f"mobile,{number:032x},{number + 2**100:032x}\n" for number in range(2**90, 2**90 + 70_000))
    bad = f"mobile,{A},{hashlib.md5(b'').hexdigest()}\n"
    fault = verdict(written(tmp_path, "mno,sim_token,person_token\n" + good + bad), forms).fault
    assert fault is not None
    assert "in 1 row(s), the first is row 70001" in fault


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        ((HEADER + ROW[:-12] + "\n").encode(), "row 1 has 4 fields and the header 5"),
        ((HEADER + ROW + ROW[:-1] + ",more\n").encode(), "row 2 has 6 fields"),
        ((HEADER + ROW.replace("person,4", 'person"open,4') + ROW).encode(), "line_kind: not one of|quotation"),
        ((HEADER + f'mobile,{A},{PERSON},"person\n' + ROW + ROW).encode(), "quotation marks runs over|row 1 has"),
        (gzip.compress((HEADER + ROW * 50).encode(), mtime=0)[:-9], "gzip data is damaged or cut short"),
        ((HEADER + ROW).encode("utf-16")[:-1], "not UTF-16"),
        (b"PK\x03\x04" + b"x" * 90, "a zip or Excel file"),
        (b"PAR1" + (HEADER + ROW).encode(), "cannot be read as Parquet"),
        ((HEADER + "x" * 3_000_000).encode(), "a line is too long"),
        ((HEADER + ROW).encode().replace(b"person,4", b"p\xe4rson,4"), "line_kind in row 1 is not UTF-8"),
        ((HEADER.replace("line_kind", "mno") + ROW).encode(), "column mno appears 2 times"),
        (HEADER.replace("person_token", "person").encode(), "person_token: the register lacks this column"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_line_of_ours(
    tmp_path: Path, forms: Forms, content: bytes, said: str
) -> None:
    fault = verdict(written(tmp_path, content), forms).fault
    assert fault is not None
    assert pa.compute.match_substring_regex(pa.scalar(fault), said).as_py(), fault
    assert A not in fault
    assert PERSON not in fault


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress((HEADER + ROW).encode(), mtime=0),
        b"\xef\xbb\xbf" + (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).encode("utf-16"),
        (HEADER.replace(",", " ;").upper() + ROW.replace(",", ";")).encode(),
        (HEADER + ROW).replace(",", "\t").encode(),
        ("\n" + HEADER + "\n\n" + ROW + "\n").encode(),
        (HEADER[:-1] + ",备注\n" + ROW[:-1] + ",汉口\n").encode("gbk"),  # text beside what is wanted may be any
    ],
)
def test_spellings_of_a_table_are_the_same_table(tmp_path: Path, forms: Forms, content: bytes) -> None:
    plain = rows(written(tmp_path, HEADER + ROW, "plain.csv"), forms)
    assert rows(written(tmp_path, content), forms) == plain


def test_parquet_gives_the_same(tmp_path: Path, forms: Forms) -> None:
    plain = rows(written(tmp_path, HEADER + ROW, "plain.csv"), forms)
    table = pa.table({name.upper(): [value] for name, value in plain[0].items()})
    table = table.set_column(4, "HOME_PREFECTURE", pa.array([420100])).append_column("more", pa.array([[1]]))
    pq.write_table(table, tmp_path / "register.parquet")
    assert rows(tmp_path / "register.parquet", forms) == plain


def test_a_token_that_is_no_text_at_all_is_told_by_its_row(tmp_path: Path, forms: Forms) -> None:
    tokens = pa.array([A.encode(), b"\xff" + A.encode()[1:]]).view(pa.string())  # as a broken writer leaves it
    table = pa.table({"mno": ["mobile"] * 2, "sim_token": tokens, "person_token": [PERSON] * 2})
    pq.write_table(table, tmp_path / "register.parquet")
    fault = verdict(tmp_path / "register.parquet", forms).fault
    assert fault == f"{tmp_path / 'register.parquet'}: sim_token in row 2 is not UTF-8 text; save the file as UTF-8"


@pytest.mark.parametrize("note", ['"never closed', '"closed rows later', '"two\nlines"'])
def test_rows_do_not_vanish_in_a_quotation(tmp_path: Path, forms: Forms, note: str) -> None:
    """A quotation mark in a column that nobody asked for takes the rows behind it in, up to the next one."""
    notes = (note, "plain", 'plain"', "plain")
    lines = [ROW.replace(A, f"{number:032x}")[:-1] + f",{one}\n" for number, one in enumerate(notes, 2**100)]
    fault = verdict(written(tmp_path, HEADER[:-1] + ",note\n" + "".join(lines)), forms).fault
    assert fault is not None
    assert "a field in quotation marks runs over a line's end" in fault


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, forms: Forms) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name, said in (("pipe.csv", "a pipe or a device"), ("zero.csv", "a pipe or a device"), ("none", "no such")):
        assert said in str(verdict(tmp_path / name, forms).fault)


def test_the_contract_gives_the_form(contracts: Contracts) -> None:
    person = contracts.table("subscribers").columns["person_token"]
    assert Forms.of(contracts) == Forms(dict.fromkeys(("mobile", "telecom", "unicom"), HEX), person.form or "")
    assert person.sensitivity == "secret"

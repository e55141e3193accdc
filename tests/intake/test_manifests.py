"""A manifest is read as other systems write it, and refused, with file, field and mend, where it does not hold."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.feeds import LandingLimits
from popflow.intake.manifests import FIELDS, Manifest, read_manifest

CASES = Path(__file__).parent / "cases"
FILE: dict[str, Any] = {"name": "a.csv.gz", "bytes": 1, "sha256": "ab" * 32, "rows": 1}
PLAIN: dict[str, Any] = {"mno": "mobile", "event_date": "2020-01-22", "delivery_id": "w1", "files": [FILE]}
TOKEN = "deadbeefdeadbeefdeadbeefdeadbeef"


def read(folder: Path, content: bytes, contracts: Contracts, **limits: int) -> Manifest:
    """The manifest of delivery w1 of mobile."""
    (folder / "manifest.json").write_bytes(content)
    feed = contracts.feeds["mobile"].model_copy(update={"limits": LandingLimits(**limits)})
    return read_manifest(str(folder), feed, dt.date(2020, 1, 22), "w1")


def refused(folder: Path, content: bytes, contracts: Contracts, **limits: int) -> str:
    with pytest.raises(PopflowError) as refusal:
        read(folder, content, contracts, **limits)
    said = str(refusal.value)
    assert said.startswith(f"{folder}/manifest.json: ")
    assert "\n" not in said
    assert "Input" not in said
    return said.removeprefix(f"{folder}/manifest.json: ")


def test_a_manifest_as_windows_writes_it_is_read(tmp_path: Path, contracts: Contracts) -> None:
    manifest = read(tmp_path, (CASES / "manifest_windows.json").read_bytes(), contracts)
    assert manifest.event_date == dt.date(2020, 1, 22)
    assert manifest.files[0].sha256 == "ab" * 32
    assert manifest.files[0].model_dump(exclude={"sha256"}) == {
        "name": "a.csv.gz", "area": "420000", "bytes": 1, "rows": 1}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(tmp_path: Path, contracts: Contracts, encoding: str) -> None:
    text = json.dumps(PLAIN | {"note": "武汉"}, ensure_ascii=False)
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    assert read(tmp_path, (mark + text).encode(encoding), contracts).delivery_id == "w1"
    assert (
        refused(tmp_path, text.encode("gbk"), contracts)
        == "is not UTF-8; write it as UTF-8 and send the delivery again"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event_date": "2020-02-30"}, 'event_date: must be a date in quotes, as "2020-01-22"'),
        ({"event_date": 20200122}, "event_date: must be a date in quotes"),
        ({"event_date": 1579651200}, "event_date: must be a date in quotes"),
        ({"event_date": "2020-01-22T00:00:00"}, "event_date: must be a date in quotes"),
        ({"event_date": "２０２０-01-22"}, "event_date: must be a date in quotes"),
        ({"mno": None}, "mno: must be the MNO, as its landing contract names it"),
        ({"mno": "\ud800"}, "mno: must be"),
        ({"delivery_id": 7}, "delivery_id: must be a plain name"),
        ({"delivery_id": "w1' OR '1'='1"}, "delivery_id: must be a plain name"),
        ({"created_at_utc": 7}, "created_at_utc: must be a time in quotes"),
        ({"created_at_utc": "x" * 300}, "created_at_utc: must be a time in quotes"),
        ({"files": {}}, "files: must be a list of one object for each file"),
        ({"files": [7]}, "files.0: must be an object with name, bytes, sha256 and rows"),
        ({"files": [FILE, FILE]}, "files: a.csv.gz is listed twice"),
    ],
)
def test_a_field_that_does_not_hold(tmp_path: Path, contracts: Contracts, change: dict, said: str) -> None:
    assert refused(tmp_path, json.dumps(PLAIN | change).encode(), contracts).startswith(said)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rows", -1), ("rows", 1.0), ("rows", True), ("rows", None), ("rows", "1.0"), ("rows", "+1"), ("rows", "１"),
     ("bytes", -1), ("bytes", [1]), ("sha256", "ab" * 31), ("sha256", "zz" * 32), ("sha256", 1), ("sha256", "ａ" * 64),
     ("name", ".."), ("name", "."), ("name", ""), ("name", "a/b"), ("name", "a\\b"), ("name", "a\nb"), ("name", "a\0"),
     ("name", "\udc80"), ("name", "x" * 256), ("name", "武" * 100), ("area", 1), ("area", "\ud800"),
     ("area", "x" * 300)],
)  # fmt: skip
def test_a_files_field_that_does_not_hold(tmp_path: Path, contracts: Contracts, field: str, value: Any) -> None:
    content = json.dumps(PLAIN | {"files": [FILE | {"name": "b"}, FILE | {field: value}]}).encode()
    assert refused(tmp_path, content, contracts).startswith(f"files.1.{field}: must be ")


def test_a_field_that_is_not_there_or_there_twice(tmp_path: Path, contracts: Contracts) -> None:
    lacking = {name: value for name, value in FILE.items() if name != "rows"}
    content = json.dumps(PLAIN | {"files": [lacking]}).encode()
    assert refused(tmp_path, content, contracts).startswith("files.0.rows: is not there; it is the file's number")
    twice = json.dumps(PLAIN).replace('"rows": 1', '"rows": 1, "rows": 2').encode()
    assert refused(tmp_path, twice, contracts) == "rows: appears twice in one object; leave one"


@pytest.mark.parametrize("field", ["rows", "bytes"])
@pytest.mark.parametrize("value", ["1" + "0" * 25, "9" * 5000, "1e400", "NaN", "-Infinity", '"' + "9" * 30 + '"'])
def test_a_number_beyond_all_sense(tmp_path: Path, contracts: Contracts, field: str, value: str) -> None:
    content = json.dumps(PLAIN).replace(f'"{field}": 1', f'"{field}": {value}').encode()
    assert refused(tmp_path, content, contracts).startswith((f"files.0.{field}: ", "not valid JSON"))


DEEP = ["[" * 200_000, '{"files":' * 200_000, '{"x":' + "[" * 200_000 + "]" * 200_000 + "}"]


@pytest.mark.parametrize("content", DEEP, ids=["lists", "objects", "closed again"])
def test_lists_within_lists_without_end(tmp_path: Path, contracts: Contracts, content: str) -> None:
    assert "lists within lists" in refused(tmp_path, content.encode(), contracts)


def test_limits_are_the_contracts(tmp_path: Path, contracts: Contracts) -> None:
    content = json.dumps(PLAIN | {"files": [FILE, FILE | {"name": "b", "bytes": 10, "rows": 10}]}).encode()
    for limit, said in [
        ({"manifest_bytes": len(content) - 1}, f"has more than {len(content) - 1} bytes, the contract's limit"),
        ({"files": 1}, "files: lists more than 1, the contract's limit; send it in several"),
        ({"name_bytes": 7}, "files.0.name: is more than 7 bytes, the contract's limit"),
        ({"bytes_a_file": 9}, "files.1.bytes: is more than 9, the contract's limit"),
        ({"rows_a_file": 9}, "files.1.rows: is more than 9, the contract's limit"),
    ]:
        assert refused(tmp_path, content, contracts, **limit) == said
    assert len(read(tmp_path, content, contracts, manifest_bytes=len(content)).files) == 2


def test_a_manifest_of_gigabytes_is_not_read(tmp_path: Path, contracts: Contracts) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(3 << 30)
    feed = contracts.feeds["mobile"]
    with pytest.raises(PopflowError, match="has more than 33,554,432 bytes, the contract's limit"):
        read_manifest(str(tmp_path), feed, dt.date(2020, 1, 22), "w1")


def test_no_message_repeats_what_a_manifest_holds(tmp_path: Path, contracts: Contracts) -> None:
    for change in ({"event_date": TOKEN}, {"files": TOKEN}, {"files": [FILE | {"rows": TOKEN}]}, {TOKEN: [TOKEN] * 2}):
        content = json.dumps(PLAIN | {"files": []} | change).encode()
        assert TOKEN not in refused(tmp_path, content, contracts)
    twice = json.dumps(PLAIN)[:-1] + f', "{TOKEN}": 1, "{TOKEN}": 2}}'
    assert TOKEN not in refused(tmp_path, twice.encode(), contracts)


def test_a_name_may_hold_what_a_file_system_allows(tmp_path: Path, contracts: Contracts) -> None:
    for name in ("it's `a`.gz", "sim=x", "[ab]*?.gz", "湖北 武汉\u3000#1%20.gz", "~", "-rf", "{a,b}"):
        content = json.dumps(PLAIN | {"files": [FILE | {"name": name}]}).encode()
        assert read(tmp_path, content, contracts).files[0].name == name


def test_a_million_faults_are_told_as_one(tmp_path: Path, contracts: Contracts) -> None:
    content = json.dumps(PLAIN).encode().replace(json.dumps([FILE]).encode(), b"[" + b"{}," * 1_000_000 + b"{}]")
    assert refused(tmp_path, content, contracts) == "files.0.name: is not there; it is " + FIELDS["name"]

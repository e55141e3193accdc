"""Feeds by contract: what a YAML can say, read without a line of code of its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_files import PREFIXES, A, B, counts, reduce_files

from fourth_feed import FOURTH, regional_line
from popflow.contracts import load
from popflow.errors import PopflowError
from popflow.feeds import Feed
from popflow.intake import feed_sql

pytestmark = [pytest.mark.usefixtures("engine"), pytest.mark.parametrize("engine", ["kernel", "check"], indirect=True)]

SEEN = [("2020-01-22", A, "420102", 1 << 40, 0), ("2020-01-22", B, "430102", 0, 1 << 7)]


@pytest.fixture(autouse=True)
def _prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for mno in ("regional", "x"):
        monkeypatch.setitem(PREFIXES, mno, "460-00")


def fourth(folder: Path) -> Feed:
    """The feed of a contract added in a folder of its own."""
    (folder / "feeds").mkdir(exist_ok=True)
    (folder / "feeds/regional.yaml").write_text(FOURTH)
    return load().with_feeds(folder / "feeds", only=True).feeds["regional"]


def test_a_fourth_feed_is_one_yaml(tmp_path: Path) -> None:
    lines = [regional_line(A, "2020-01-22 10:00:00.123456", 1, 1, "a,free,text"),
             regional_line(B, "2020-01-22 13:59:59.999999", 1, 2)]  # fmt: skip
    content = "".join(line + "\r\n" for line in lines).encode()
    reduced = reduce_files(tmp_path, "regional", {"f.csv": (content, 2)}, fourth(tmp_path))
    assert [(str(row[0]), *row[1:]) for row in reduced["presence"]] == SEEN


def feed(**changes) -> Feed:
    """A plain csv feed with some of its contract changed."""
    fields = {
        "sim_token": {"from": "sim", "pattern": "^[0-9a-f]{32}$"},
        "time": changes.pop("time", {"from": "at", "kind": "epoch_s"}),
        "cell_id": changes.pop("cell_id", {"from": ["lac", "ci"], "base": "decimal", "prefix": "460-00"}),
    }
    plain = {"feed": "x", "mno": "x", "mno_bit": 5, "meaning": "x", "format": "csv", "file_pattern": "*",
             "retention_days": 7, "delimiter": ";", "columns": ["sim", "at", "lac", "ci"],
             "fields": fields}  # fmt: skip
    return Feed.model_validate(plain | changes)


def presence(folder: Path, contract: Feed, content: bytes, rows: int = 2) -> list[tuple]:
    """Presence of one file under a contract, its dates as text."""
    reduced = reduce_files(folder, "x", {"f": (content, rows)}, contract)
    return [(str(row[0]), *row[1:]) for row in reduced["presence"]]


@pytest.mark.parametrize(
    ("time", "first", "second"),
    [
        ({"kind": "epoch_s"}, "1579658400", "1579672799"),
        ({"kind": "epoch_ms"}, "1579658400000", "1579672799999"),
        ({"kind": "epoch_us"}, "1579658400000000", "1579672799999999"),
        ({"kind": "local_text", "format": "%Y%m%d%H%M%S", "zone": "Asia/Shanghai"}, "20200122100000", "20200122135959"),
        ({"kind": "local_text", "format": "%d.%m.%Y %H:%M", "zone": "UTC"}, "22.01.2020 02:00", "22.01.2020 05:59"),
        ({"kind": "local_text", "format": "%Y%m%d%H%M%S", "zone": "Asia/Urumqi"}, "20200122080000", "20200122115959"),
        ({"kind": "zoned_text", "format": "%Y-%m-%dT%H:%M%z"}, "2020-01-22T02:00+0000", "2020-01-22T07:59+0200"),
    ],
)  # fmt: skip
def test_times(tmp_path: Path, time: dict, first: str, second: str) -> None:
    content = f"{A};{first};1;1\n{B};{second};1;2\n".encode()
    assert presence(tmp_path, feed(time={"from": "at"} | time), content) == SEEN


@pytest.mark.parametrize(
    ("kind", "zone"),
    [("timestamp_ms", "UTC"), ("timestamp_us", "UTC"), ("timestamp_ns", "UTC"), ("timestamp_us", None)],
)
def test_parquet_times(tmp_path: Path, kind: str, zone: str | None) -> None:
    unit = kind.removeprefix("timestamp_")
    seconds = [1579658400, 1579672799] if zone else [1579658400 + 8 * 3600, 1579672799 + 8 * 3600]
    factor = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    table = pa.table({"sim": [A, B], "at": pa.array([s * factor for s in seconds], pa.timestamp(unit, tz=zone)),
                      "lac": [1, 1], "ci": pa.array([1, 2], pa.uint32())})  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, version="2.6")
    contract = feed(format="parquet", delimiter=None, time={"from": "at", "kind": kind, "zone": "Asia/Shanghai"})
    assert presence(tmp_path, contract, sink.getvalue().to_pybytes()) == SEEN


def test_a_header_gives_the_places_of_the_columns(tmp_path: Path) -> None:
    content = f"\ufeffci;extra;lac;sim;at\n1;;1;{A};1579658400\n2;;1;{B};1579672799\nx;x;x;x;x\n".encode()
    reduced = reduce_files(tmp_path, "x", {"f": (content, 3)}, feed(header=True))
    assert [(str(row[0]), *row[1:]) for row in reduced["presence"]] == SEEN
    assert reduced["quarantine"] == [("f", "unparseable", 4)]  # the line of the file


def test_a_header_without_a_needed_column_sets_the_file_aside(tmp_path: Path) -> None:
    reduced = reduce_files(tmp_path, "x", {"f": (b"sim;at;lac\n1;2;3\n", 1)}, feed(header=True))
    assert counts(reduced, "f") == {"rows": 1, "file_columns": 1}


def test_hexadecimal_cells(tmp_path: Path) -> None:
    cells = {"from": ["lac", "ci"], "base": "hex", "prefix": "460-00"}
    content = f"{A};1579658400;0001;1\n{B};1579672799;01;0x2\n{B};1579672799;01;002\n{A};1;1;g\n".encode()
    reduced = reduce_files(tmp_path, "x", {"f": (content, 4)}, feed(cell_id=cells))
    assert [(str(row[0]), *row[1:]) for row in reduced["presence"]] == SEEN
    assert counts(reduced, "f")["unparseable"] == 2


def test_a_cell_of_three_numbers_and_one_of_text(tmp_path: Path) -> None:
    three = {"from": ["net", "lac", "ci"], "base": "decimal", "prefix": "460"}
    content = f"{A};1579658400;01;1\n{B};1579672799;1;2\n".encode()
    contract = feed(cell_id=three, constants={"net": "00"}, columns=["sim", "at", "lac", "ci"])
    (tmp_path / "three").mkdir()
    assert presence(tmp_path / "three", contract, content) == []  # 00 is the number 0, and 460-0 another network
    whole = {"from": ["net", "lac", "ci"], "base": "text"}
    contract = feed(cell_id=whole, constants={"net": "460-00"}, columns=["sim", "at", "lac", "ci"])
    assert presence(tmp_path, contract, content.replace(b";01;", b";1;")) == SEEN


def test_a_delimiter_of_several_characters(tmp_path: Path) -> None:
    content = f"{A}||1579658400||1||1\r\n{B}||1579672799||1||2\n".encode()
    assert presence(tmp_path, feed(delimiter="||"), content) == SEEN
    assert presence(tmp_path, feed(delimiter="||", compression="gzip"), gzip.compress(content)) == SEEN


def test_json_constants_and_quotes(tmp_path: Path) -> None:
    lines = [{"sim": A, "at": 1579658400, "cell no": 1}, {"sim": B, "at": "1579672799", "cell no": "2"}]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    contract = feed(format="jsonl", delimiter=None, constants={"lac": "1"}, columns=["sim", "at", "cell no"],
                    cell_id={"from": ["lac", "cell no"], "base": "decimal", "prefix": "460-00"})  # fmt: skip
    assert presence(tmp_path, contract, content.encode()) == SEEN


def test_a_zone_whose_clocks_change_around_the_date_is_refused() -> None:
    import datetime as dt

    contract = feed(time={"from": "at", "kind": "local_text", "format": "%Y", "zone": "Europe/Berlin"})
    with pytest.raises(PopflowError, match="clocks in Europe/Berlin change"):
        feed_sql.window(contract.fields.time, dt.date(2020, 3, 29))

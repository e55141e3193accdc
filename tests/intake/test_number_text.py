"""A number is digits and a time what its format says: what is spelt otherwise is unparseable, never rounded."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_files import PREFIXES, A, counts, reduce_files
from odd_spellings import (
    BROKEN_JSON,
    EPOCHS,
    JSON_ONE,
    NO_HEX,
    NO_NUMBER,
    ONE,
    TEXT_TIMES,
    ZONED_TIMES,
)

from popflow.feeds import Feed

CASES = Path(__file__).parent / "cases"
TEN = 1579658400
DECIMAL = {"from": ["lac", "ci"], "base": "decimal", "prefix": "460-00"}
EPOCH = {"from": "at", "kind": "epoch_s"}


pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(autouse=True)
def _prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")


def feed(**changes: Any) -> Feed:
    """A feed of four columns with some of its contract changed."""
    fields = {"sim_token": {"from": "sim", "pattern": "^[0-9a-f]{32}$"}, "time": EPOCH, "cell_id": DECIMAL}
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    plain = {"feed": "x", "mno": "x", "mno_bit": 5, "meaning": "x", "format": "csv", "file_pattern": "*",
             "retention_days": 7, "delimiter": "\x01", "columns": ["sim", "at", "lac", "ci"],
             "fields": fields}  # fmt: skip
    return Feed.model_validate(plain | changes)


def taken(folder: Path, contract: Feed, content: bytes, rows: int) -> list[bool]:
    """Of each row of a file whether it was accepted; the others must be unparseable."""
    reduced = reduce_files(folder, "x", {"f": (content, rows)}, contract)
    assert set(counts(reduced, "f")) <= {"rows", "accepted", "unparseable"}, counts(reduced, "f")
    refused = {row for _, _, row in reduced["quarantine"]}
    return [number + 1 not in refused for number in range(rows)]


def text(lines: list[str]) -> bytes:
    """A file of lines."""
    return "".join(f"{line}\n" for line in lines).encode()


def lines_of(spellings: list[str], place: str, sound: str) -> list[str]:
    """Lines with a spelling in a place; as many sound ones after them, so that the file fits its contract."""
    record = {"sim": A, "at": sound if place == "at" else str(TEN), "lac": "1", "ci": "1"}
    odd = ["\x01".join((record | {place: spelling}).values()) + "\x01" for spelling in spellings]
    return odd + ["\x01".join(record.values())] * len(odd)


def check(folder: Path, contract: Feed, right: list[str], wrong: list[str], place: str, sound: str = "1") -> None:
    spellings = [*right, *(one for one in wrong if "\n" not in one)]
    lines = lines_of(spellings, place, sound)
    judged = taken(folder, contract, text(lines), len(lines))
    said = dict(zip(spellings, judged, strict=False))
    assert said == dict.fromkeys(right, True) | dict.fromkeys(spellings[len(right) :], False)
    assert all(judged[len(spellings) :])


def test_the_case_file(tmp_path: Path) -> None:
    text = (CASES / "mobile_number_text.csv").read_bytes()
    judged = reduce_files(tmp_path, "mobile", {"f": (gzip.compress(text + text[: text.index(b"\n") + 1] * 10), 23)})
    assert [row for _, _, row in judged["quarantine"]] == sorted(range(4, 14), key=str)
    assert counts(judged, "f") == {"rows": 23, "accepted": 13, "unparseable": 10}


@pytest.mark.parametrize("place", ["lac", "ci"])
def test_cells(tmp_path: Path, place: str) -> None:
    check(tmp_path, feed(), ONE, NO_NUMBER, place)


def test_cells_in_hexadecimal(tmp_path: Path) -> None:
    check(tmp_path, feed(cell_id=DECIMAL | {"base": "hex"}), ONE, NO_HEX, "ci")


def test_the_last_field_of_a_line_keeps_its_blanks(tmp_path: Path) -> None:
    lines = [f"{A}||{TEN}||1||{ci}" for ci in ("1", "1 ", "1\r", "1", "1")]
    judged = taken(tmp_path, feed(delimiter="||"), "\r\n".join(lines).encode(), 5)
    assert judged == [True, False, False, True, True]


def test_epochs(tmp_path: Path) -> None:
    right, wrong = EPOCHS
    check(tmp_path, feed(), right, wrong, "at", right[0])


@pytest.mark.parametrize("form", [*TEXT_TIMES, *ZONED_TIMES])
def test_times_of_a_format(tmp_path: Path, form: str) -> None:
    right, wrong = (TEXT_TIMES | ZONED_TIMES)[form]
    kind = {"kind": "zoned_text"} if form in ZONED_TIMES else {"kind": "local_text", "zone": "Asia/Shanghai"}
    check(tmp_path, feed(time={"from": "at", "format": form} | kind), right, wrong, "at", right[0])


def json_lines() -> tuple[list[str], list[bool]]:
    """Lines with each literal in the place of the cell's number, and of each whether it is accepted."""
    sound = f'{{"sim": "{A}", "at": {TEN}, "lac": 1, "ci": 1}}'
    odd = JSON_ONE | dict.fromkeys(BROKEN_JSON, False)
    lines = [sound.replace('"ci": 1', f'"ci": {literal}') for literal in odd]
    lines += [
        sound.replace(f'"at": {TEN}', f'"at": {time}') for time in (f'"{TEN}"', f"{TEN}.0", "1.5796584e9", "true")
    ]
    doubled = sound.replace('"ci": 1', '"ci": 1, "ci": 2.5'), sound.replace('"ci": 1', '"ci": null, "ci": 1')
    lines += [*doubled, "[" + sound + "]", '"x"', "1", "null", "{}", sound[:-1] + ",}", sound * 2, "\ufeff" + sound]
    right = [*odd.values(), True, False, False, False, True, False] + [False] * 5 + [True, False, False]
    return [*lines, *[sound] * len(lines)], [*right, *[True] * len(lines)]


def test_json(tmp_path: Path) -> None:
    lines, right = json_lines()
    judged = taken(tmp_path, feed(format="jsonl", delimiter=None), text(lines), len(lines))
    assert dict(zip(lines, judged, strict=True)) == dict(zip(lines, right, strict=True))


def parquet(columns: dict[str, pa.Array]) -> bytes:
    count = len(next(iter(columns.values())))
    plain = {"sim": pa.array([A] * count), "at": pa.array([TEN] * count), "lac": pa.array([1] * count),
             "ci": pa.array([1] * count)}  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(pa.table(plain | columns), sink)
    return sink.getvalue()


IN_PARQUET = feed(format="parquet", delimiter=None)


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.int64(), pa.uint64(), pa.string(), pa.large_string(), pa.binary(), pa.decimal128(20, 0),
     pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)  # fmt: skip
def test_parquet_columns_of_whole_numbers_or_their_text(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array(["1", None, "1", "1"]).cast(kind) if not pa.types.is_dictionary(kind) else None
    values = pa.array(["1", None, "1", "1"], kind) if values is None else values
    content = parquet({"ci": values})
    assert taken(tmp_path, IN_PARQUET, content, 4) == [True, False, True, True]


OTHER_KINDS = [pa.float64(), pa.decimal128(20, 1), pa.bool_(), pa.date32(), pa.timestamp("us"), pa.list_(pa.int64()),
               pa.struct({"x": pa.int64()})]  # fmt: skip


@pytest.mark.parametrize("kind", OTHER_KINDS, ids=str)
@pytest.mark.parametrize("place", ["ci", "at", "sim"])
def test_parquet_columns_of_another_kind_set_the_file_aside(tmp_path: Path, kind: pa.DataType, place: str) -> None:
    content = parquet({place: pa.nulls(4, kind)})
    assert counts(reduce_files(tmp_path, "x", {"f": (content, 4)}, IN_PARQUET), "f") == {"rows": 4, "file_columns": 4}


def test_parquet_text_is_spelt_by_the_same_rule_and_hexadecimal_is_text(tmp_path: Path) -> None:
    spellings = [*ONE, *NO_NUMBER]
    content = parquet({"ci": pa.array(spellings + ["1"] * len(spellings))})
    judged = taken(tmp_path, IN_PARQUET, content, 2 * len(spellings))
    assert judged == [True] * len(ONE) + [False] * len(NO_NUMBER) + [True] * len(spellings)
    numbers = parquet({"ci": pa.array([-1, 2**40, 1, 1, 1, 1])})
    assert taken(tmp_path, IN_PARQUET, numbers, 6) == [False, False, True, True, True, True]
    hexadecimal = feed(format="parquet", delimiter=None, cell_id=DECIMAL | {"base": "hex"})
    reduced = reduce_files(tmp_path, "x", {"f": (parquet({"ci": pa.array([26])}), 1)}, hexadecimal)
    assert counts(reduced, "f") == {"rows": 1, "file_columns": 1}


def test_parquet_text_that_is_no_text_costs_its_own_record(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"1", b"\xff", b"1"], pa.binary()).buffers())
    assert taken(tmp_path, IN_PARQUET, parquet({"ci": broken}), 3) == [True, False, True]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_timestamps_at_the_ends_of_their_type_are_outside(tmp_path: Path, unit: str) -> None:
    ticks = TEN * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ends = [(1 << 63) - 1, -(1 << 63) + 1, 0, ticks, ticks]
    content = parquet({"at": pa.array(ends, pa.timestamp(unit, tz="UTC"))})
    contract = feed(format="parquet", delimiter=None, time={"from": "at", "kind": f"timestamp_{unit}"})
    found = counts(reduce_files(tmp_path, "x", {"f": (content, 5)}, contract), "f")
    assert (found["accepted"], found.get("unparseable", 0) + found["time_outside"]) == (2, 3)

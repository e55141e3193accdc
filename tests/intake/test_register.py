"""The register of SIMs, and that nothing a run leaves shows a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import A, B, D, mobile_bytes

from popflow.errors import PopflowError
from popflow.intake import keys
from popflow.intake.night import take_in
from popflow.intake.register import load_subscribers
from popflow.lake import Lake

GIVEN = Path(__file__).parents[1] / "given"
HEADER = "mno,sim_token,person_token,line_kind,home_prefecture\n"  # the last is not asked for, and not read
PERSON = "feedfacefeedfacefeedfacefeedface"
GOOD = f"mobile,{A},{PERSON},person,420100\nunicom,{A},{PERSON},iot,\n"


def written(folder: Path, text: str) -> str:
    path = folder / "register.csv"
    path.write_text(text)
    return str(path)


def test_a_register_is_loaded_and_keyed(lake: Lake, tmp_path: Path) -> None:
    assert load_subscribers(lake, written(tmp_path, HEADER + GOOD), D) == 2
    assert load_subscribers(lake, written(tmp_path, f"mno,sim_token,person_token\nmobile,{B},{PERSON}\n"), D) == 1
    (row,) = lake.read("subscribers").collect()  # an edition takes the place of one of the same date
    secret = keys.read_secret(keys.key_file(lake))
    assert row.asDict() == {
        "as_of": D,
        "mno": "mobile",
        "sim_token": B,
        "person_token": PERSON,
        "person_key": keys.person_key(secret, PERSON),
        "sim_key": keys.sim_key(secret, "mobile", B),
        "line_kind": "person",
        "mno_mask": 1,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEADER + GOOD + GOOD[: GOOD.index("\n") + 1] * 2,
            r"sim_token: 1 SIM\(s\) appear more than once, in 3 rows",
        ),
        (HEADER + f"mobile,,{PERSON},person,420100\n", r"sim_token: empty in 1 row\(s\)"),
        (HEADER + f"mobile,{A},,person,420100\n", r"person_token: empty in 1 row\(s\)"),
        (HEADER + GOOD.replace("iot", "thing"), r"line_kind: not one of .* in 1 row\(s\)"),
        (HEADER + GOOD.replace("mobile", "tietong"), r"mno: not one of mobile, telecom, unicom in 1 row\(s\)"),
        ("mno,sim_token\nmobile,x\n", "person_token: the register lacks this column"),
        (HEADER, "the register has no rows"),
        (HEADER + GOOD + f"mobile,{A.upper()},{PERSON},person,\n", r"sim_token: 1 SIM\(s\) appear .* in 2 rows"),
        (
            HEADER + GOOD + f"unicom,{B},{PERSON * 2},person,\n",
            "person_token: of 32 and 64 characters; a person is found",
        ),
        (HEADER + GOOD + f"unicom,{B},13800138000,person,\n", r"person_token is a telephone number.* first is row 3"),
        (
            HEADER + "".join(f"mobile,{number:032x},{PERSON},person,\n" for number in range(2**90, 2**90 + 101)),
            r"person_token: 1 token\(s\) stand for more than 100 lines of kind person each, one for 101",
        ),
    ],
)
def test_a_register_that_does_not_hold_is_refused(lake: Lake, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PopflowError, match=said) as refusal:
        load_subscribers(lake, written(tmp_path, text), D)
    assert A not in str(refusal.value)
    assert PERSON not in str(refusal.value)
    assert not lake.exists("subscribers")


def test_a_person_is_one_however_the_token_is_written(lake: Lake, tmp_path: Path) -> None:
    assert load_subscribers(lake, str(GIVEN / "register_capitals.csv"), D) == 2
    rows = lake.read("subscribers").collect()
    assert {row.person_token for row in rows} == {PERSON}
    assert len({row.person_key for row in rows}) == 1
    assert {row.mno_mask for row in rows} == {0b11}
    small = (GIVEN / "register_capitals.csv").read_text().lower()
    load_subscribers(lake, written(tmp_path, small), D)
    assert sorted(lake.read("subscribers").collect()) == sorted(rows)


def test_a_companys_things_may_be_many(lake: Lake, tmp_path: Path) -> None:
    things = "".join(f"mobile,{number:032x},{PERSON},iot,\n" for number in range(2**90, 2**90 + 101))
    assert load_subscribers(lake, written(tmp_path, HEADER + GOOD + things), D) == 103


def test_where_capitals_matter_two_spellings_of_a_person_are_refused(lake: Lake, tmp_path: Path) -> None:
    tables = dict(lake.contracts.tables)
    table = tables["subscribers"]
    person = table.columns["person_token"].model_copy(update={"form": "^[0-9A-Za-z+/]{22}$"})
    tables["subscribers"] = table.model_copy(update={"columns": table.columns | {"person_token": person}})
    lake = Lake(lake.root, lake.contracts.model_copy(update={"tables": tables}), lake.spark)
    text = f"{HEADER}mobile,{A},Zm9vYmFyZm9vYmFyZm9vYm,person,\nunicom,{A},{{}},person,\n"
    with pytest.raises(PopflowError, match=r"1 token\(s\) appear in two spellings"):
        load_subscribers(lake, written(tmp_path, text.format("Zm9vYmFyZm9vYmFyZm9vYM")), D)
    assert load_subscribers(lake, written(tmp_path, text.format("Zm9vYmFyZm9vYmFyZm9vYn")), D) == 2


def test_a_folder_of_files_is_one_register(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "_SUCCESS").touch()
    for number, line in enumerate(GOOD.splitlines()):
        (tmp_path / "parts" / f"part-{number}.csv").write_text(HEADER + line)
    assert load_subscribers(lake, str(tmp_path / "parts"), D) == 2
    (tmp_path / "parts" / "part-1.csv").write_text(HEADER + GOOD.splitlines()[0])
    with pytest.raises(PopflowError, match="parts and its files: sim_token: 1 SIM"):
        load_subscribers(lake, str(tmp_path / "parts"), D)


def test_a_register_that_is_not_there(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(PopflowError, match="no such register"):
        load_subscribers(lake, str(tmp_path / "none.parquet"), D)


def test_no_token_outside_presence(
    known_cells: Lake, landing: Path, deliver: Callable[..., Path], capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """What a run with every kind of bad row leaves: log, output, errors, Delta's log, quarantine, tallies, scratch."""
    night = "2020-01-22 23:59:59"
    records = [(A, night, 1, 1), (A, night, 1, 99), (A, "2019-01-01 00:00:00", 1, 1), (A + "0", night, 1, 1)]
    short = mobile_bytes(*records)[:-9]
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes(*records), 4), "b.csv.gz": (short, 4)})
    summary = take_in(known_cells, str(landing), D, ["mobile"])
    said = [repr(summary), *summary.warnings(), caplog.text, *capfd.readouterr()]
    for table in ("quarantine", "tallies", "deliveries"):
        said += [str(row) for row in known_cells.read(table).collect()]
    root = Path(known_cells.root)
    said += [path.read_text() for path in root.rglob("*_delta_log/*.json")]
    assert len(said) > 10
    token = re.compile(r"a{32}")
    assert not [text for text in said if token.search(text)]
    assert {r.sim_token for r in known_cells.read("presence").collect()} == {A}  # the one place where it may stand
    assert not list(root.rglob("_scratch/*"))
    other = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert not [path for path in other if A.encode() in path.read_bytes()]

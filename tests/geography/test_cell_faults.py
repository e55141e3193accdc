"""Cells load with what they lack counted, by MNO and reason, and said; too much of it loads nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from popflow.contracts import load
from popflow.errors import PopflowError
from popflow.feeds import CellField
from popflow.geography.cell_files import GivenCells, given_cells, read_cells

GIVEN = Path(__file__).parents[1] / "given"
HEADER = "mno,cell_id,lon,lat,radius_m,valid_from,valid_to\n"
GOOD = "mobile,460-00-1-{},114.3,30.6,500,2020-01-01,\n"
MANY = "".join(GOOD.format(number) for number in range(100, 199))


def given(folder: Path, text: str) -> GivenCells:
    path = folder / "cells.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return given_cells(path, load().feeds.values())


def one(old: str, new: str) -> str:
    return GOOD.format(1).replace(old, new)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (one("460-00-1-1", ""), "cell_id is empty"),
        (one("460-00-1-1", "4.6E+11"), "cell_id went through a spreadsheet"),
        (one("460-00-1-1", "NaN"), "cell_id stands for nothing"),
        (one("460-00-1-1", "460-01-1-1"), "cell_id is not as the MNO's feed makes it"),
        (one("460-00-1-1", "460-00-1"), "cell_id is not as the MNO's feed makes it"),
        (one("460-00-1-1", "460-00-1-1F"), "cell_id is not as the MNO's feed makes it"),
        (one("114.3", ""), "lon is empty"),
        (one("30.6", "NULL"), "lat must be a double"),
        (one("114.3,30.6", "30.6,114.3"), "lon and lat are swapped"),
        (one("114.3,30.6", "0,0"), "lon and lat are 0"),
        (one("114.3,30.6", "-74,40.7"), "lon and lat lie outside China"),
        (one("114.3,30.6", "526000.5,3386000"), "lon is not within -180 and 180 degree"),
        (one("114.3,30.6", '"114,3",30.6'), "lon must be a double"),
        (one("114.3,30.6", "inf,30.6"), "lon is not within"),
        (one(",500,", ",,"), "radius_m is empty"),
        (one(",500,", ",150001,"), "radius_m is not within"),
        (one(",500,", ",-5,"), "radius_m is not within"),
        (one("2020-01-01", "2020-02-30"), "valid_from must be a date"),
        (one("2020-01-01", ""), "valid_from is empty"),
        (one("2020-01-01,", "2020-01-01,43831"), "valid_to must be a date"),
    ],
)
def test_one_bad_row_in_a_hundred_is_left_out_and_said(tmp_path: Path, row: str, what: str) -> None:
    found = given(tmp_path, MANY + row)
    assert len(found.cells) == 99
    (left,) = found.left_out
    assert (left.mno, left.rows, left.first) == ("mobile", 1, 100)
    assert left.what.startswith(what)
    assert str(left) == f"mobile: 1 cells left out: {left.what}, the first in row 100"
    found.refuse_too_many(1.0)
    with pytest.raises(PopflowError, match=r"the first is row 100.*1\.0 % of the cells of mobile cannot be used") as no:
        found.refuse_too_many(0.9)
    assert str(no.value).startswith(f"{tmp_path / 'cells.csv'}: {what}")


def test_each_mno_is_held_to_the_bound_by_itself(tmp_path: Path) -> None:
    bad = "unicom,460-01-1-1,,30.6,500,2020-01-01,\n"
    with pytest.raises(PopflowError, match=r"lon is empty in 1 rows.*100\.0 % of the cells of unicom .* at most 5 %"):
        read_cells(given(tmp_path, MANY * 1 + bad).path)


def test_kilometres_in_an_mnos_radii_are_seen(tmp_path: Path) -> None:
    with pytest.raises(PopflowError, match=r"radius_m is below 5 m in half .* give metres, not kilometres"):
        read_cells(given(tmp_path, MANY.replace(",500,", ",1.5,")).path)
    assert len(given(tmp_path, MANY.replace(",500,", ",0,")).cells) == 99  # a site given as a point


TWICE = GOOD.format(7) + GOOD.format("07")


def test_two_texts_of_one_number_at_two_places_are_both_left_out(tmp_path: Path) -> None:
    found = given(tmp_path, MANY + TWICE.replace("1-07,114.3", "1-07,114.4"))
    assert [(left.what, left.rows) for left in found.left_out] == [
        ("cell_id is one number in two texts (1 and 01) at two places", 2)
    ]
    assert len(found.cells) == 99


def test_two_texts_of_one_number_at_one_place_are_one_cell(tmp_path: Path) -> None:
    found = given(tmp_path, MANY + TWICE)
    assert found.cells["cell_id"].tolist()[-1] == "460-00-1-7"
    assert [(left.what, left.rows, left.first) for left in found.left_out] == [
        ("cell_id is another row's number in another text", 1, 101)
    ]


def test_a_number_written_anew_from_a_day_on_is_a_cell_that_moved(tmp_path: Path) -> None:
    old, new = TWICE.replace("1-07,114.3", "1-07,114.4").splitlines()
    new = new.replace("2020-01-01", "2020-02-01")
    found = given(tmp_path, f"{MANY}{old}2020-01-31\n{new}\n")
    assert not found.left_out
    assert found.cells["cell_id"].tolist()[-2:] == ["460-00-1-7"] * 2


@pytest.mark.parametrize(("second", "left"), [("460-01-00AB-1", 2), ("460-01-ab-01", 2), ("460-01-ab-2", 0)])
def test_ids_that_a_feed_gives_as_text_stay_and_are_still_told_apart(tmp_path: Path, second: str, left: int) -> None:
    rows = MANY.replace("mobile,460-00", "unicom,460-01")
    rows += "unicom,460-01-ab-1,114.3,30.6,500,2020-01-01,\n" + f"unicom,{second},114.4,30.6,500,2020-01-01,\n"
    found = given(tmp_path, rows)
    assert sum(one.rows for one in found.left_out) == left
    same = given(tmp_path, rows.replace("114.4", "114.3"))  # records may bear either text
    assert not same.left_out
    assert same.cells["cell_id"].tolist()[-1] == second


def test_a_register_given_as_cells_shows_none_of_its_values() -> None:
    with pytest.raises(PopflowError, match=r"line 1, the header: no column cell_id, .* loaded as subscribers") as no:
        read_cells(GIVEN / "register_loaded_as_cells.csv")
    assert not [word for word in ("a" * 32, "b" * 32, "feedface", "deadbeef", "420100") if word in str(no.value)]


@pytest.mark.parametrize("place", range(7))
def test_no_value_stands_in_a_message_whatever_column_it_comes_in(tmp_path: Path, place: int) -> None:
    token = "feedface" * 4
    fields = GOOD.format(1).strip().split(",")
    fields[place] = token
    with pytest.raises(PopflowError) as no:
        read_cells(given(tmp_path, ",".join(fields) + "\n").path)
    assert token not in str(no.value)


def test_a_feeds_numbers_are_its_own(tmp_path: Path) -> None:
    feed = load().feeds["mobile"]
    hexadecimal = CellField(**{"from": ["eci"]}, base="hex", prefix="4.6[0]", separator="|")
    other = feed.model_copy(update={"fields": feed.fields.model_copy(update={"cell_id": hexadecimal})})
    path = tmp_path / "cells.csv"
    ids = ["4.6[0]|007", "4.6[0]|8", "4x6[0]|9", "4.60|10"]
    rows = [f"mobile,{one},114.3,30.6,500,2020-01-01,\n" for one in ids]
    path.write_text(HEADER + "".join(rows))
    found = given_cells(path, [other])
    assert found.cells["cell_id"].tolist() == ["4.6[0]|7", "4.6[0]|8"]

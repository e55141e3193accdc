"""Answers in hundreds: every county with its bounds, hours, indices as views, and what is unknown said so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

import popflow
from popflow.cli import app
from popflow.errors import PopflowError
from published_lake import RELEASED, release_row, write_table

MONDAY = dt.date(2020, 1, 6)
DAYS = [MONDAY + dt.timedelta(days=n) for n in range(9)]  # two workweeks' beginnings, one weekend
SHOWN = {"420102": 5000, "420103": 2000}


def rows(date: dt.date, indicator: str, persons: dict[str, int], hour: int | None) -> pd.DataFrame:
    frame = pd.DataFrame({"county_code": list(persons), "persons": list(persons.values())})
    return frame.assign(indicator=indicator, date=date, release=1, hour=hour, definition=f"{indicator}-1")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Population at three hours of nine days; the second county is missing on the first two workdays."""
    folder = tmp_path_factory.mktemp("counts") / "lake"
    for number, date in enumerate(DAYS):
        for hour, more in ((3, 0), (10, 1000), (20, 0)):
            persons = {code: n + more + 100 * number for code, n in SHOWN.items() if number > 1 or code == "420102"}
            frame = rows(date, "population", persons, hour)
            write_table(folder, "counts", frame.assign(hour=frame["hour"].astype("Int32")))
        write_table(folder, "counts", rows(date, "arrivals", {"420102": 700}, None))
        both = [release_row(date, indicator=name) for name in ("population", "arrivals")]
        write_table(folder, "releases", pd.DataFrame(both))
    gone = release_row(DAYS[-1], indicator="arrivals", status="withdrawn", at=RELEASED + dt.timedelta(days=1))
    write_table(folder, "releases", pd.DataFrame([gone]))
    return folder


def figures(frame: pd.DataFrame) -> dict:
    shown = frame[frame["kind"] == "shown"]
    return {(row.county_code, row.date, row.hour): row.persons for row in shown.itertuples()}


def test_every_county_of_the_place_has_a_row_and_its_bounds(lake: Path):
    frame = popflow.read(lake).population("wuhan", MONDAY, MONDAY, hours=[3])
    assert len(frame) == 13
    assert figures(frame) == {("420102", MONDAY, 3): 5000}
    shown = frame[frame["kind"] == "shown"].iloc[0]
    assert (shown["persons_at_least"], shown["persons_at_most"], shown["unit"]) == (4901, 5099, "persons")
    assert shown["county_name_en"] == "Jiang'an Qu"
    assert (shown["prefecture_code"], shown["province_code"]) == ("420100", "420000")
    unknown = frame[frame["kind"] == "unknown"]
    assert len(unknown) == 12
    assert unknown[["persons", "persons_at_least", "persons_at_most"]].isna().all(axis=None)
    assert "12 of 13 figures are not shown" in " ".join(one["en"] for one in frame.attrs["notices"])


@pytest.mark.parametrize(("place", "counties"), [("hubei", 103), ("420102", 1), (None, 2860)])
def test_a_place_is_a_province_a_county_or_everywhere(lake: Path, place, counties):
    frame = popflow.read(lake).population(place, MONDAY, MONDAY, hours="3")
    assert abs(len(frame) - counties) < 25
    assert figures(frame) == {("420102", MONDAY, 3): 5000}


def test_hours_are_those_asked_for_and_all_without(lake: Path):
    assert set(popflow.read(lake).population("420102", MONDAY, MONDAY, "3,10")["hour"]) == {3, 10}
    assert popflow.read(lake).population("420102", MONDAY, MONDAY)["hour"].tolist() == list(range(24))
    for odd in ("24", "x", "", "3,,4", "-1", "٣"):
        with pytest.raises(PopflowError, match="--hour"):
            popflow.read(lake).population("420102", MONDAY, MONDAY, odd)
    with pytest.raises(PopflowError, match="arrivals has one figure a date"):
        popflow.read(lake).arrivals("420102", MONDAY, MONDAY, "3")


def test_work_against_night_has_bounds_that_hold_whatever_the_offsets_were(lake: Path):
    frame = popflow.read(lake).population("wuhan", MONDAY, MONDAY, index="work-night")
    (row,) = frame[frame["kind"] == "shown"].to_dict("records")
    assert row["index_percent"] == 120.0
    assert (row["index_at_least"], row["index_at_most"]) == (round(100 * 5901 / 5099, 1), round(100 * 6099 / 4901, 1))
    assert "hour" not in frame
    assert row["unit"] == "percent"


def test_a_baseline_is_the_median_of_its_workdays_and_unknown_with_too_few(lake: Path):
    asked = {"hours": "3", "index": "baseline", "baseline": f"{DAYS[0]}:{DAYS[6]}"}
    frame = popflow.read(lake).population("wuhan", DAYS[8], DAYS[8], **asked)
    (row,) = frame[frame["kind"] == "shown"].to_dict("records")  # 420103 has figures on three of the five workdays
    usual = 5200  # 5000 to 5400 from Monday to Friday; the weekend's do not count
    assert row["index_percent"] == round(100 * 5800 / usual, 1)
    assert row["index_at_least"] == round(100 * 5701 / (usual + 99), 1)
    assert row["index_at_most"] == round(100 * 5899 / (usual - 99), 1)


def test_what_an_index_lacks_is_said_in_one_line(lake: Path):
    reader = popflow.read(lake)
    for asked, said in (
        ({"index": "worknight"}, "did you mean work-night"),
        ({"index": "baseline"}, "belong together"),
        ({"baseline": "2020-01-06:2020-01-10"}, "--baseline is of --index baseline"),
        ({"index": "baseline", "baseline": "2020-01-06"}, "give the first and last date"),
        ({"index": "baseline", "baseline": "2020-01-10:2020-01-06"}, "lies before its first"),
        ({"index": "baseline", "baseline": "2019-01-01:2019-01-06"}, "no release of population"),
    ):
        with pytest.raises(PopflowError, match=said):
            reader.population("wuhan", MONDAY, MONDAY, hours="3", **asked)
    with pytest.raises(PopflowError, match="needs figures by the hour"):
        reader.arrivals("wuhan", MONDAY, MONDAY, index="work-night")


def test_withdrawn_and_missing_dates_are_said_and_not_zero(lake: Path):
    frame = popflow.read(lake).arrivals("420102", DAYS[7], DAYS[8] + dt.timedelta(days=1))
    assert frame["date"].tolist() == [DAYS[7]]
    text = frame.attrs["notices"][0]["en"]
    assert f"{DAYS[8]} were withdrawn" in text
    assert f"{DAYS[8] + dt.timedelta(days=1)} have no release" in text
    as_of = popflow.read(lake).arrivals("420102", DAYS[8], DAYS[8], as_of=RELEASED)
    assert figures(as_of.assign(hour=None)) == {("420102", DAYS[8], None): 700}


def test_on_the_screen_as_csv_excel_and_map(lake: Path, tmp_path: Path):
    asked = ["pull", "population", "--area", "wuhan", "--from", str(MONDAY), "--to", str(MONDAY), "--hour", "3"]
    screen = CliRunner().invoke(app, [*asked, "--lake", str(lake)])
    assert screen.exit_code == 0, screen.output
    assert "5,000" in screen.output
    csv = CliRunner().invoke(app, [*asked, "--lake", str(lake), "--format", "csv"]).output
    assert "2020-01-06,3,420102," in csv
    book, drawn = tmp_path / "a.xlsx", tmp_path / "a.geojson"
    for out in (book, drawn):
        done = CliRunner().invoke(app, [*asked, "--lake", str(lake), "--out", str(out)])
        assert done.exit_code == 0, done.output
    sheet = openpyxl.load_workbook(book).worksheets
    head = [cell.value for cell in sheet[0][1]]
    assert any("Persons" in str(cell) for cell in head)
    how = " ".join(str(cell.value) for row in sheet[1].iter_rows() for cell in row)
    assert "A county without a figure is unknown; it is not zero." in how
    assert "add up to the whole" not in how
    assert '"county_code": "420102"' in drawn.read_text(encoding="utf-8")


def test_dates_that_show_nothing_are_refused_in_one_line(lake: Path, tmp_path: Path):
    empty = release_row(MONDAY, indicator="daytime", status="empty")
    write_table(tmp_path / "lake", "releases", pd.DataFrame([empty]))
    with pytest.raises(PopflowError, match="nothing could be shown: every release is empty"):
        popflow.read(tmp_path / "lake").daytime("wuhan", MONDAY, MONDAY)


def test_an_indicator_of_the_other_kind_is_refused_with_the_way(lake: Path):
    with pytest.raises(PopflowError, match="not told in hundreds; ask for it with popflow pull outflow"):
        popflow.read(lake).counts("outflow", "wuhan", MONDAY, MONDAY)
    with pytest.raises(PopflowError, match="no longer published"):
        popflow.read(lake).counts("stock", "wuhan", MONDAY, MONDAY)
    with pytest.raises(AttributeError, match="there are outflow, arrivals"):
        _ = popflow.read(lake).populations

"""The answer as files: whole or not at all, Chinese in Excel, codes as text, polygons in GeoJSON."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from rich.console import Console
from shapely.geometry import box

from popflow.errors import PopflowError
from popflow.reading import workbook
from popflow.reading.rows import COLUMNS
from popflow.reading.tables_out import as_text, format_of, save, screen_table


def answer() -> pd.DataFrame:
    shared = {
        "area": "wuhan",
        "origin_level": "prefecture",
        "origin_code": "420100",
        "origin_name": "武汉",
        "unit": "persons",
        "date_from": dt.date(2020, 1, 22),
        "date_to": dt.date(2020, 1, 22),
        "definition": "day-end-1",
        "release": "1",
        "dates_shown": 1,
        "dates_released": 1,
        "dates_not_served": "",
    }
    rows = [
        shared
        | {"kind": "shown", "destination_code": "430102", "destination_name": "芙蓉区", "persons_at_least": 1234},
        shared | {"kind": "rest", "destination_code": "rest_of_430100", "destination_name": "长沙市：未按区县公布"},
    ]
    frame = pd.DataFrame(rows).reindex(columns=[c for c in COLUMNS if c != "date"]).fillna("")
    frame["persons_at_least"] = [1234, 56]
    frame["persons_at_most"] = [1234, 56]
    frame["share_percent"] = [95.66, 4.34]
    frame.attrs["summary"] = {
        "persons_at_least": 1290,
        "persons_at_most": 1290,
        "unit": "persons",
        "dates_released": 1,
        "dates_asked": 1,
        "release": "1",
        "definition": "day-end-1",
    }
    frame.attrs["notices"] = [{"en": "not shown; it is not zero", "zh": "未公布，不是零"}]
    return frame


def test_csv_opens_in_excel_with_chinese_and_keeps_codes(tmp_path: Path):
    path = save(answer(), tmp_path / "a.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    back = pd.read_csv(path, dtype={"destination_code": str})
    assert back["destination_name"].tolist() == ["芙蓉区", "长沙市：未按区县公布"]
    assert back["persons_at_least"].tolist() == [1234, 56]


def test_parquet_is_the_frame(tmp_path: Path):
    back = pd.read_parquet(save(answer(), tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(back, answer(), check_like=False)


def test_excel_has_both_headings_frozen_panes_filter_and_a_sheet_on_reading(tmp_path: Path):
    book = openpyxl.load_workbook(save(answer(), tmp_path / "a.xlsx"))
    data, reading = book.worksheets
    head = [cell.value for cell in data[1]]
    at = {text.split("\n")[1]: number for number, text in enumerate(head)}
    assert "目的地\nDestination (Chinese)" in head
    assert data.freeze_panes == "E2"
    assert data.auto_filter.ref.startswith("A1:")
    row = data[2]
    assert (row[at["Destination code"]].value, row[at["At least"]].value) == ("430102", 1234)
    assert row[at["At least"]].number_format == "#,##0"
    assert data[3][at["Kind"]].value == "rest"
    text = " ".join(str(cell.value) for line in reading.iter_rows() for cell in line)
    assert "未公布，不是零" in text
    assert "not shown; it is not zero" in text
    assert "day-end-1" in text


def test_geojson_has_the_polygon_of_each_destination_and_none_for_a_rest(tmp_path: Path):
    frame = gpd.GeoDataFrame(answer(), geometry=[box(112.9, 28.1, 113.1, 28.3), None], crs="EPSG:4326")
    features = json.loads(save(frame, tmp_path / "a.geojson").read_text())["features"]
    assert features[0]["properties"]["destination_code"] == "430102"
    assert features[0]["geometry"]["type"] == "Polygon"
    assert features[1]["geometry"] is None


def test_a_failed_write_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "a.geojson"
    path.write_text("before")
    with pytest.raises(PopflowError, match="needs polygons"):
        save(answer(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.geojson"]
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    ("out", "wanted", "words"),
    [
        ("a.xslx", None, r"no format 'xslx'; did you mean xlsx\?"),
        ("a.csv", "prquet", r"did you mean parquet\?"),
        ("a.txt", "table", "for the screen"),
    ],
)
def test_a_format_that_there_is_not_names_the_nearest(out: str, wanted: str | None, words: str):
    with pytest.raises(PopflowError, match=words):
        format_of(out, wanted)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PopflowError, match="there is no folder"):
        save(answer(), tmp_path / "none" / "a.csv")


def test_the_screen_shows_the_largest_and_how_many_more(capsys: pytest.CaptureFixture[str]):
    Console(width=120).print(screen_table(answer(), rows=1))
    text = capsys.readouterr().out
    assert "1,234" in text
    assert "1 more rows" in text


def test_text_is_csv_only():
    assert as_text(answer(), "csv").startswith("area,kind")
    with pytest.raises(PopflowError, match=r"--out FILE\.xlsx"):
        as_text(answer(), "xlsx")


@pytest.mark.parametrize(("out", "wanted"), [("a.csv", "xlsx"), ("a", "csv"), ("a.xlsx", "csv"), ("a.txt", "parquet")])
def test_a_files_kind_is_what_its_ending_says(tmp_path: Path, out: str, wanted: str):
    with pytest.raises(PopflowError, match=rf"does not end in \.{wanted}"):
        save(answer(), tmp_path / out, wanted)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_through_a_link_or_into_a_device(tmp_path: Path):
    kept = tmp_path / "kept.csv"
    kept.write_text("kept")
    (tmp_path / "link.csv").symlink_to(kept)
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, kind in (("link.csv", "a link"), ("dangling.csv", "a link"), ("folder.csv", "a folder")):
        with pytest.raises(PopflowError, match=f"is {kind}"):
            save(answer(), tmp_path / name)
    assert kept.read_text() == "kept"
    assert not (tmp_path / "none.csv").exists()


def test_a_workbook_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """XlsxWriter drops what a sheet does not hold, and says so in a number that it returns."""
    one = answer().iloc[:1]
    frame = one.loc[one.index.repeat(workbook.MOST_ROWS + 1)]
    with pytest.raises(PopflowError, match="1,048,576 rows, and a sheet of Excel holds 1,048,575"):
        save(frame, tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())
    long = one.assign(destination_name="x" * 32_768)  # letters of a cell, at most 32,767
    with pytest.raises(PopflowError, match="the workbook does not take it"):
        save(long, tmp_path / "a.xlsx")


def test_a_workbook_has_nothing_where_a_value_is_missing(tmp_path: Path):
    frame = answer().assign(share_percent=[float("nan"), 4.34], destination_name_en=[None, "Changsha"])
    data = openpyxl.load_workbook(save(frame, tmp_path / "a.xlsx")).worksheets[0]
    at = {cell.value.split("\n")[1]: number for number, cell in enumerate(data[1])}
    assert [row[at["Share %"]].value for row in (data[2], data[3])] == [None, 4.34]
    assert [row[at["Destination"]].value for row in (data[2], data[3])] == [None, "Changsha"]

"""The user's own cells."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from popflow.errors import PopflowError
from popflow.geography.cell_files import read_cells

HEADER = "mno,cell_id,lon,lat,radius_m,valid_from,valid_to\n"
GOOD = "mobile,460-00-1-2,114.3,30.6,500,2020-01-01,\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "cells.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_is_read_as_its_contract_says(tmp_path):
    cells = read_cells(written(tmp_path, HEADER + GOOD + "unicom,0012,114.4,30.7,50.5,2020-01-02,2020-01-31\n"))
    assert cells.to_dict("records") == [
        {
            "mno": "mobile",
            "cell_id": "460-00-1-2",
            "lon": 114.3,
            "lat": 30.6,
            "radius_m": 500.0,
            "valid_from": dt.date(2020, 1, 1),
            "valid_to": None,
        },
        {
            "mno": "unicom",
            "cell_id": "0012",  # an id is text, its zeros stay
            "lon": 114.4,
            "lat": 30.7,
            "radius_m": 50.5,
            "valid_from": dt.date(2020, 1, 2),
            "valid_to": dt.date(2020, 1, 31),
        },
    ]


def test_parquet_gives_the_same_and_further_columns_are_left_out(tmp_path):
    from_csv = read_cells(written(tmp_path, HEADER + GOOD))
    path = tmp_path / "cells.parquet"
    from_csv.assign(height_m=30, valid_from=pd.to_datetime(from_csv.valid_from)).to_parquet(path)
    assert read_cells(path).equals(from_csv)


def test_a_file_that_went_through_a_spreadsheet_is_read(tmp_path):
    plain = read_cells(written(tmp_path, HEADER + GOOD))
    path = tmp_path / "cells.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode())
    assert read_cells(path).equals(plain)


def test_the_mnos_may_be_others(tmp_path):
    path = written(tmp_path, HEADER + GOOD.replace("mobile", "broadnet"))
    assert len(read_cells(path, mnos=["broadnet"])) == 1
    with pytest.raises(PopflowError, match="mno is none of mobile, telecom, unicom in 1 rows"):
        read_cells(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER.replace("radius_m,", "") + "mobile,1,114.3,30.6,2020-01-01,\n", "no column radius_m"),
        (HEADER + GOOD.replace("114.3,30.6", "30.6,114.3"), "lon and lat are swapped in 1 rows, the first is row 1"),
        (HEADER + GOOD + GOOD.replace("114.3", "214.3"), "lon is not within -180 and 180 degree in 1 rows.* row 2"),
        (HEADER + GOOD.replace("30.6", "-96"), "lat is not within -90 and 90 degree"),
        (HEADER + GOOD.replace(",500,", ",-1,"), "radius_m is not within 0 and 150,000 metre"),
        (HEADER + GOOD.replace(",500,", ",500000,"), "radius_m is not within 0 and 150,000 metre"),
        (HEADER + GOOD.replace(",500,", ",nan,"), "radius_m"),
        (HEADER + GOOD.replace(",500,", ",wide,"), "radius_m must be a double"),
        (HEADER + GOOD.replace("2020-01-01", "01/02/2020"), "valid_from must be a date as 2020-01-31"),
        (HEADER + GOOD.replace("460-00-1-2", ""), "cell_id is empty in 1 rows, the first is row 1"),
        (HEADER + GOOD.replace("mobile", ""), "mno is empty"),
        (HEADER + GOOD + GOOD, "overlap with another row of it"),
        (HEADER + GOOD + GOOD.replace("2020-01-01", "2020-06-01"), "overlap with another row of it"),
        (HEADER + GOOD.replace(",\n", ",2019-01-01\n"), "valid_to of the cell in row 1 is before its valid_from"),
        (HEADER + "mobile,1\n", "cannot be read as CSV"),
        ("", "cannot be read as CSV"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_file_and_field(tmp_path, text, says):
    path = written(tmp_path, text)
    with pytest.raises(PopflowError, match=says) as error:
        read_cells(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_missing_file_and_one_of_another_kind(tmp_path):
    with pytest.raises(PopflowError, match="there is no such file of cells"):
        read_cells(tmp_path / "none.csv")
    (tmp_path / "cells.parquet").write_text(HEADER + GOOD)
    with pytest.raises(PopflowError, match="cannot be read as Parquet"):
        read_cells(tmp_path / "cells.parquet")

"""Cells to counties, on three square counties: A and B side by side, C on the shore north of A; sea to the west.

     113.8   114.0   114.2
31.0   +-------+
       |   C   |
30.8   +-------+-------+
       |   A   |   B   |
30.6   +-------+-------+
"""

import datetime as dt

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pytest
import shapely

from popflow.contracts import load
from popflow.errors import PopflowError
from popflow.geography.cells import (
    cell_to_county,
    county_periods,
    covered_between,
    covered_counties,
    largest_share,
    locate_cells,
)
from popflow.geography.counties import shipped_counties

A, B, C = "420102", "420103", "420104"
NEW_YEAR = dt.date(2020, 1, 1)
METRE = 1 / 95_900  # degrees of longitude at 30.7 N


@pytest.fixture(scope="module")
def counties() -> gpd.GeoDataFrame:
    squares = [
        shapely.box(114.0, 30.6, 114.2, 30.8),
        shapely.box(113.8, 30.8, 114.0, 31.0),
        shapely.box(113.8, 30.6, 114.0, 30.8),
    ]
    return gpd.GeoDataFrame({"county_code": [B, C, A]}, geometry=squares, crs="EPSG:4326")


def cell(lon, lat, radius_m, cell_id="1", mno="mobile", valid_from=NEW_YEAR, valid_to=None) -> pd.DataFrame:
    row = (mno, cell_id, lon, lat, radius_m, valid_from, valid_to)
    names = ["mno", "cell_id", "lon", "lat", "radius_m", "valid_from", "valid_to"]
    return pd.DataFrame([row], columns=names)


def table(*cells: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(cells, ignore_index=True)


def shares(frame: pd.DataFrame) -> dict[str, float]:
    return dict(zip(frame.county_code, frame.area_share, strict=True))


def test_a_cell_within_one_county(counties):
    found = cell_to_county(cell(113.9, 30.7, 1_000), counties)
    assert shares(found) == {A: 1.0}
    assert not found.is_border.any()


def test_a_cell_on_the_border_has_a_share_of_both(counties):
    found = cell_to_county(cell(114.0, 30.7, 1_000), counties)
    assert shares(found) == pytest.approx({A: 0.5, B: 0.5})
    assert found.is_border.all()


def test_the_shares_add_up_to_one(counties):
    found = cell_to_county(cell(113.999, 30.799, 2_000), counties)
    assert set(found.county_code) == {A, B, C}
    assert found.area_share.sum() == pytest.approx(1, abs=1e-5)


def test_shares_are_of_the_area_on_land(counties):
    found = cell_to_county(cell(113.8, 30.7, 1_000), counties)  # half of it at sea
    assert shares(found) == {A: 1.0}
    assert not found.is_border.any()


def test_a_sliver_makes_no_border(counties):
    touching = cell(114.0 - 998 * METRE, 30.7, 1_000)
    assert shares(cell_to_county(touching, counties)) == {A: 1.0}
    assert not cell_to_county(touching, counties).is_border.any()


@pytest.mark.parametrize(("metres", "county"), [(1_500, [A]), (4_800, [A]), (5_300, [])])
def test_a_cell_just_outside_goes_to_the_nearest_county_and_one_at_sea_to_none(counties, metres, county):
    found = cell_to_county(cell(113.8 - metres * METRE, 30.7, 500), counties)
    assert found.county_code.tolist() == county
    assert (found.area_share == 1).all()
    assert not found.is_border.any()


def test_nearest_is_meant_in_metres_not_in_degrees():
    """A is 0.028 degrees to the north, 3.10 km; B is 0.030 degrees to the east, 2.88 km."""
    north, east = shapely.box(113.0, 30.728, 114.0, 31.0), shapely.box(114.03, 30.0, 114.2, 31.0)
    shore = gpd.GeoDataFrame({"county_code": [A, B]}, geometry=[north, east], crs="EPSG:4326")
    assert shares(cell_to_county(cell(114.0, 30.7, 500), shore)) == {B: 1.0}


def test_the_nearest_of_two_equally_near_is_the_smaller_code():
    west, east = shapely.box(113.0, 30.0, 113.98, 31.0), shapely.box(114.02, 30.0, 115.0, 31.0)
    shore = gpd.GeoDataFrame({"county_code": [B, A]}, geometry=[west, east], crs="EPSG:4326")
    assert shares(cell_to_county(cell(114.0, 30.7, 500), shore)) == {A: 1.0}


def test_a_radius_of_nothing_is_a_point(counties):
    found, coverage = locate_cells(cell(113.9, 30.7, 0), counties)
    assert shares(found) == {A: 1.0}
    assert coverage.in_one_county.tolist() == [1]


def test_what_was_found_where_is_counted_by_mno(counties):
    cells = table(
        cell(113.9, 30.7, 500, "1"),
        cell(114.0, 30.7, 500, "2"),
        cell(113.78, 30.7, 500, "3"),
        cell(113.0, 30.7, 500, "4"),
        cell(113.9, 30.7, 500, "1", mno="unicom"),
    )
    found, coverage = locate_cells(cells, counties)
    assert coverage.to_dict("records") == [
        {"mno": "mobile", "cells": 4, "in_one_county": 1, "on_border": 1, "just_outside": 1, "dropped": 1},
        {"mno": "unicom", "cells": 1, "in_one_county": 1, "on_border": 0, "just_outside": 0, "dropped": 0},
    ]
    assert found.cell_id.tolist() == ["1", "2", "2", "3", "1"]


def test_cells_of_one_mast_have_the_same_counties_and_their_own_dates(counties):
    moved = dt.date(2020, 1, 15)
    cells = table(
        cell(114.0, 30.7, 500, "1", valid_to=dt.date(2020, 1, 14)),
        cell(114.0, 30.7, 500, "2"),
        cell(113.9, 30.7, 500, "1", valid_from=moved),
    )
    found = cell_to_county(cells, counties)
    assert found[["cell_id", "county_code"]].to_numpy().tolist() == [["1", A], ["1", B], ["2", A], ["2", B], ["1", A]]
    assert found.valid_from.tolist() == [NEW_YEAR, NEW_YEAR, NEW_YEAR, NEW_YEAR, moved]
    assert found.valid_to.tolist() == [dt.date(2020, 1, 14)] * 2 + [None] * 3


def test_it_fits_its_contract(counties, contracts):
    schema = contracts.table("cell_to_county").arrow_schema()
    cells = table(cell(114.0, 30.7, 500), cell(113.0, 30.7, 500, "2"))
    pa.Table.from_pandas(cell_to_county(cells, counties), schema=schema, preserve_index=False).validate(full=True)
    none = cell_to_county(cells.iloc[1:], counties)
    assert pa.Table.from_pandas(none, schema=schema, preserve_index=False).num_rows == 0


def test_no_cells_give_no_rows(counties):
    assert cell_to_county(cell(113.9, 30.7, 500).iloc[:0], counties).empty


def test_chunks_and_threads_change_nothing(counties, monkeypatch):
    cells = table(*(cell(113.75 + step * 0.013, 30.58 + step * 0.011, 900, str(step)) for step in range(40)))
    whole = cell_to_county(cells, counties)
    monkeypatch.setattr("popflow.geography.cells.SITES_AT_ONCE", 3)
    seen: list[str] = []
    assert cell_to_county(cells, counties, seen.append).equals(whole)
    assert seen[0] == "3 of 40 service areas"
    assert seen[-1] == "40 of 40 service areas"


@pytest.mark.parametrize("first_to", [None, dt.date(2020, 1, 15), dt.date(9999, 12, 31)])
def test_two_places_on_one_day_are_refused(counties, first_to):
    cells = table(
        cell(113.9, 30.7, 500, valid_to=first_to),
        cell(114.1, 30.7, 500, valid_from=dt.date(2020, 1, 15)),
    )
    with pytest.raises(PopflowError, match=r"^cells: valid_from/valid_to of the cell in row \d overlap"):
        cell_to_county(cells, counties)


def test_periods_that_follow_each_other_are_not(counties):
    cells = table(
        cell(113.9, 30.7, 500, valid_to=dt.date(2020, 1, 14)),
        cell(114.1, 30.7, 500, valid_from=dt.date(2020, 1, 15)),
    )
    assert cell_to_county(cells, counties).county_code.tolist() == [A, B]


def test_the_same_cell_id_at_two_mnos_is_two_cells(counties):
    cells = table(cell(113.9, 30.7, 500), cell(114.1, 30.7, 500, mno="unicom"))
    assert cell_to_county(cells, counties).county_code.tolist() == [A, B]


def test_a_period_that_ends_before_it_begins_is_refused(counties):
    with pytest.raises(PopflowError, match="valid_to of the cell in row 1 is before its valid_from"):
        cell_to_county(cell(113.9, 30.7, 500, valid_to=dt.date(2019, 12, 31)), counties)


def test_a_cell_without_a_place_is_refused(counties):
    with pytest.raises(PopflowError, match="lon, lat or radius_m is empty in 1 rows"):
        cell_to_county(table(cell(113.9, 30.7, 500), cell(float("nan"), 30.7, 500, "2")), counties)


def test_two_editions_at_once_are_refused(counties):
    with pytest.raises(PopflowError, match=f"county_code {B} occurs more than once; give one edition"):
        cell_to_county(cell(113.9, 30.7, 500), pd.concat([counties, counties]))


def test_counties_in_metres_are_refused(counties):
    with pytest.raises(PopflowError, match="geometry is in EPSG:32650, not in EPSG:4326"):
        cell_to_county(cell(113.9, 30.7, 500), counties.to_crs("EPSG:32650"))


def test_the_largest_share_wins_and_ties_go_to_the_smaller_code(counties):
    cells = table(cell(114.0, 30.7, 1_000, "tie"), cell(114.0005, 30.7, 1_000, "east"), cell(113.9, 30.9, 500, "in"))
    one = largest_share(cell_to_county(cells, counties))
    assert one[["cell_id", "county_code"]].to_numpy().tolist() == [["tie", A], ["east", B], ["in", C]]


def test_the_largest_share_is_one_for_each_period(counties):
    cells = table(
        cell(114.0, 30.7, 500, valid_to=dt.date(2020, 1, 14)),
        cell(114.0, 30.7, 500, valid_from=dt.date(2020, 1, 15)),
    )
    assert len(largest_share(cell_to_county(cells, counties))) == 2


def test_the_order_of_rows_does_not_decide_the_largest_share(counties):
    found = cell_to_county(table(cell(114.0, 30.7, 1_000, "tie"), cell(113.9, 30.7, 500, "in")), counties)
    backwards = pd.concat([found.iloc[::-1]])
    assert largest_share(backwards)[["cell_id", "county_code"]].to_numpy().tolist() == [["in", A], ["tie", A]]


def test_covered_are_the_counties_that_records_can_go_to(counties):
    cells = table(
        cell(114.0 - 500 * METRE, 30.7, 1_000, "1"),  # a strip of it in B
        cell(113.9, 30.9, 500, "2", valid_from=dt.date(2020, 1, 10), valid_to=dt.date(2020, 1, 20)),
    )
    found = cell_to_county(cells, counties)
    assert set(found.county_code) == {A, B, C}
    assert covered_counties(found, dt.date(2019, 12, 31)) == []
    assert covered_counties(found, dt.date(2020, 1, 9)) == [A]
    assert covered_counties(found, dt.date(2020, 1, 10)) == [A, C]
    assert covered_counties(found, dt.date(2020, 1, 20)) == [A, C]
    assert covered_counties(found, dt.date(2020, 1, 21)) == [A]


def validity(*rows: tuple) -> pa.Table:
    """cell_to_county from (cell_id, county_code, area_share, valid_from, valid_to); shares below 1 are a border's."""
    names = ["cell_id", "county_code", "area_share", "valid_from", "valid_to"]
    frame = pd.DataFrame(rows, columns=names).assign(mno="mobile", is_border=lambda f: f["area_share"] < 1)
    return pa.Table.from_pandas(frame, load().table("cell_to_county").arrow_schema(), preserve_index=False)


def january(first: int, last: int | None = None) -> tuple[dt.date, dt.date | None]:
    return dt.date(2020, 1, first), dt.date(2020, 1, last) if last else None


def test_a_countys_periods_are_made_one_where_they_meet_or_overlap_and_end_where_no_cell_is_left():
    cells = validity(
        ("1", A, 1.0, *january(1, 20)), ("2", A, 1.0, *january(3, 5)), ("3", A, 1.0, *january(21, 25)),
        ("4", A, 1.0, *january(28)), ("5", B, 1.0, *january(10, 10)),
        ("6", B, 0.4, *january(12)), ("6", C, 0.6, *january(12)),
    )  # fmt: skip
    days = county_periods(cells).assign(
        first=lambda f: f["first"].to_numpy().astype("datetime64[D]").astype(str),
        last=lambda f: f["last"].to_numpy().astype("datetime64[D]").astype(str),
    )
    assert days.to_numpy().tolist() == [
        [A, "2020-01-01", "2020-01-25"],
        [A, "2020-01-28", "9999-12-31"],
        [B, "2020-01-10", "2020-01-10"],
        [C, "2020-01-12", "9999-12-31"],
    ]


@pytest.mark.parametrize(("first", "last", "covered"), [
    (1, 9, [A]), (9, 10, [A, B]), (10, 10, [A, B]), (11, 11, [A]), (10, 12, [A, B, C]), (26, 27, [C]), (26, 28, [A, C]),
])  # fmt: skip
def test_counties_with_a_cell_on_some_day_of_a_span(first: int, last: int, covered: list[str]):
    cells = validity(
        ("1", A, 1.0, *january(1, 25)), ("4", A, 1.0, *january(28)), ("5", B, 1.0, *january(10, 10)),
        ("6", B, 0.4, *january(12)), ("6", C, 0.6, *january(12)),
    )  # fmt: skip
    span = dt.date(2020, 1, first), dt.date(2020, 1, last)
    assert covered_between(county_periods(cells), *span) == covered


def test_no_cells_cover_nothing():
    assert covered_between(county_periods(validity()), *(dt.date(2020, 1, 1),) * 2) == []


def test_any_number_of_cells_comes_to_a_few_periods():
    """A nation's cells are looked at once; 400 dates of history are then answered from the periods alone."""
    number = 200_000
    rows = pd.DataFrame({"cell_id": range(number)}).astype(str).assign(
        county_code=[A, B] * (number // 2), area_share=1.0, mno="mobile", is_border=False, valid_to=None,
        valid_from=[dt.date(2020, 1, 1) + dt.timedelta(days=n % 300) for n in range(number)],
    )  # fmt: skip
    periods = county_periods(pa.Table.from_pandas(rows, load().table("cell_to_county").arrow_schema()))
    assert len(periods) == 2
    dates = [dt.date(2020, 1, 2) + dt.timedelta(days=n) for n in range(400)]
    assert all(covered_between(periods, date, date) == [A, B] for date in dates)


def test_real_cells_in_hubei():
    counties = shipped_counties()
    hubei = counties[counties.province_code == "420000"]
    cells = table(
        cell(114.2550, 30.6180, 300, "Hankou railway station"),
        cell(114.2885, 30.5500, 900, "Yangtze bridge, Hanyang to Wuchang"),
        cell(110.6750, 31.7450, 3_000, "Songbai, Shennongjia"),
        cell(121.4737, 31.2304, 500, "Shanghai, not in Hubei"),
    )
    found = cell_to_county(cells, hubei)
    by_cell = found.groupby("cell_id").county_code.apply(list).to_dict()
    assert by_cell == {
        "Hankou railway station": ["420103"],
        "Yangtze bridge, Hanyang to Wuchang": ["420105", "420106"],
        "Songbai, Shennongjia": ["429021"],
    }

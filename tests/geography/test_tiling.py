"""Polygons that do not tile are said, bounded or refused; and a report can still put them together."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from shapely import box

from popflow.errors import PopflowError
from popflow.geography.tiling import merged, tiling
from popflow.reading.shapes import polygons
from popflow.report import maps


def counties(*shapes: shapely.Geometry) -> gpd.GeoDataFrame:
    codes = [f"42010{number}" for number in range(2, 2 + len(shapes))]
    columns = {
        "county_code": codes,
        "prefecture_code": ["420100"] * len(codes),
        "province_code": ["420000"] * len(codes),
    }
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs="EPSG:4326")


WEST, EAST = box(114.0, 30.0, 115.0, 31.0), box(115.0, 30.0, 116.0, 31.0)
FRAME = box(114.0, 30.0, 116.0, 31.0) - box(114.5, 30.4, 115.5, 30.6)


def test_a_tiling_has_nothing_to_say() -> None:
    assert tiling(counties(WEST, EAST)).sentences() == []


def test_a_corner_on_a_neighbours_border_is_no_overlap() -> None:
    assert tiling(counties(WEST, box(115.0, 30.0, 116.0, 30.5), box(115.0, 30.5, 116.0, 31.0))).sentences() == []


def test_an_overlap_is_told_by_codes_and_share_and_bounded() -> None:
    found = tiling(counties(WEST, box(114.995, 30.0, 116.0, 31.0)))
    assert found.sentences() == ["1 pairs overlap, most 420102 and 420103: 0.5 % of one"]
    found.refuse_overlaps("mine.gpkg", 1.0)
    with pytest.raises(
        PopflowError, match=r"^mine.gpkg: counties 420102 and 420103 overlap in 0.5 % of one, at most 0.1"
    ):
        found.refuse_overlaps("mine.gpkg", 0.1)


@pytest.mark.parametrize("second", [WEST, box(114.2, 30.2, 114.3, 30.3)])
def test_one_county_twice_or_inside_another_is_refused(second: shapely.Geometry) -> None:
    with pytest.raises(PopflowError, match=r"overlap in 100 % of one"):
        tiling(counties(WEST, second)).refuse_overlaps("mine.gpkg", 1.0)


def test_a_gap_is_told_by_its_share() -> None:
    assert tiling(counties(FRAME)).sentences() == [
        "1 gaps, 10 % of the area; a cell there goes to the nearest county within 5 km"
    ]


AWRY = counties(
    WEST,
    box(114.995, 30.0, 116.0, 31.0),  # an overlap
    box(116.001, 30.0, 117.0, 31.0),  # a slit
    shapely.MultiPolygon([box(118, 30, 118.5, 30.5), box(118.5, 30.5, 119, 31)]),  # parts that meet in a point
    box(114.1, 31.0, 114.9, 31.7) - box(114.3, 31.2, 114.5, 31.4),
)


def test_what_was_accepted_can_be_drawn_and_put_together() -> None:
    simple = maps._simplify(AWRY)
    for shapes in (AWRY, simple):
        whole = merged(shapes[["prefecture_code", "geometry"]], "prefecture_code")
        assert len(whole) == 1
        assert whole.geometry.is_valid.all()
        assert shapely.area(whole.geometry.iloc[0]) == pytest.approx(
            shapely.union_all(AWRY.geometry.to_numpy()).area, rel=0.01
        )
    assert all(path.startswith("M") for path in maps.paths(maps.outlines(simple, "province_code").geometry))
    assert polygons(AWRY, "province")["code"].tolist() == ["420000"]

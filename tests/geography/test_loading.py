"""Reference data into a lake: all of a load or nothing, and what it says. No Spark."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.reference import load_cells, load_counties, load_reference

HEADER = "mno,cell_id,lon,lat,radius_m,valid_from,valid_to\n"
WEST, EAST = shapely.box(114.0, 30.0, 115.0, 31.0), shapely.box(115.0, 30.0, 116.0, 31.0)
MNOS = {"mobile": "460-00", "unicom": "460-01"}


@pytest.fixture
def plain(tmp_path: Path, contracts: Contracts) -> Lake:
    """A lake with two counties."""
    lake = Lake(tmp_path / "lake", contracts)
    load_counties(lake, counties(tmp_path))
    return lake


def counties(folder: Path, *shapes: shapely.Geometry) -> Path:
    path = folder / "mine.gpkg"
    columns = {"county_code": ["420102", "420103"], "county_name": ["江岸区", "江汉区"], "edition": ["2024"] * 2}
    gpd.GeoDataFrame(columns, geometry=list(shapes or (WEST, EAST)), crs="EPSG:4326").to_file(path)
    return path


def cells(folder: Path, lon: dict[str, list[str]]) -> Path:
    path = folder / "cells.csv"
    rows = [
        f"{mno},{MNOS[mno]}-1-{number},{one},30.5,500,2020-01-01,\n"
        for mno, places in lon.items()
        for number, one in enumerate(places)
    ]
    path.write_text(HEADER + "".join(rows))
    return path


def kept(lake: Lake) -> dict[str, list]:
    tables = ("cells", "cell_to_county")
    return {name: sorted(lake.read_arrow(name).to_pylist(), key=str) if lake.exists(name) else [] for name in tables}


def test_what_was_left_out_is_said_a_line_each(plain: Lake, tmp_path: Path) -> None:
    file = cells(tmp_path, {"mobile": ["114.5"] * 58 + ["", "117.5"], "unicom": ["115.5"] * 30 + ["30"]})
    assert load_reference(plain, "cells", file, None).splitlines() == [
        "89 cells loaded",
        "mobile: 1 cells left out: lon is empty, the first in row 59",
        "unicom: 1 cells left out: lon and lat lie outside China, the first in row 91",
        "mobile: 1 cells left out: the place is in no county (at sea, abroad, outside the polygons)",
    ]
    assert len(kept(plain)["cells"]) == 89
    assert len(kept(plain)["cell_to_county"]) == 88


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({"mobile": ["114.5"] * 94 + ["117.5"] * 6}, r"the place is in no county .*6\.0 % of the cells of mobile"),
        ({"mobile": ["114.5"] * 94 + ["117.5"] * 3 + [""] * 3}, r"6\.0 % of the cells of mobile"),
        ({"mobile": ["114.5"] * 200, "unicom": ["114.5"] * 9 + ["x"]}, r"lon must be a double .*10\.0 % .* of unicom"),
    ],
)
def test_too_many_of_one_mno_load_nothing(plain: Lake, tmp_path: Path, places: dict[str, list[str]], said: str) -> None:
    load_cells(plain, cells(tmp_path, {"mobile": ["114.5"], "unicom": ["115.5"]}))
    before = kept(plain)
    with pytest.raises(PopflowError, match=said):
        load_cells(plain, cells(tmp_path, places))
    assert kept(plain) == before


def test_a_load_that_dies_between_its_tables_leaves_the_nights_as_it_was(
    plain: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_cells(plain, cells(tmp_path, {"mobile": ["114.5", "115.5"]}))
    before = kept(plain)["cell_to_county"]
    moved = cells(tmp_path, {"mobile": ["115.5", "114.5"]})
    replace = Lake.replace

    def dying(self: Lake, name: str, rows: object, **partition: object) -> None:
        if name == "cell_to_county":
            raise KeyboardInterrupt
        replace(self, name, rows, **partition)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            load_cells(plain, moved)
    assert kept(plain)["cell_to_county"] == before  # what a night reads
    load_cells(plain, moved)
    assert [one["county_code"] for one in kept(plain)["cell_to_county"]] == ["420103", "420102"]


def test_another_mnos_cells_stay(plain: Lake, tmp_path: Path) -> None:
    load_cells(plain, cells(tmp_path, {"mobile": ["114.5"], "unicom": ["115.5"]}))
    load_cells(plain, cells(tmp_path, {"unicom": ["114.5", "114.6"]}))
    assert [one["cell_id"] for one in kept(plain)["cells"]] == ["460-00-1-0", "460-01-1-0", "460-01-1-1"]


def test_counties_that_overlap_load_nothing_and_gaps_are_said(plain: Lake, tmp_path: Path) -> None:
    load_cells(plain, cells(tmp_path, {"mobile": ["114.5"]}))
    with pytest.raises(PopflowError, match="counties 420102 and 420103 overlap in 20 % of one, at most 1 % may"):
        load_counties(plain, counties(tmp_path, WEST, shapely.box(114.8, 30.0, 115.8, 31.0)))
    assert plain.read_arrow("counties", ["lon"])["lon"].to_pylist() == [114.5, 115.5]
    holed = WEST - shapely.box(114.4, 30.4, 114.6, 30.6)
    assert load_counties(plain, counties(tmp_path, holed, EAST)).splitlines() == [
        "2 counties loaded, edition 2024",
        "1 gaps, 2 % of the area; a cell there goes to the nearest county within 5 km",
        "load the cells again: each was matched with the counties before",
    ]


def test_an_encoding_is_for_counties(plain: Lake, tmp_path: Path) -> None:
    with pytest.raises(PopflowError, match="--encoding is for counties"):
        load_reference(plain, "cells", cells(tmp_path, {"mobile": ["114.5"]}), None, encoding="gbk")
    with pytest.raises(PopflowError, match="--encoding is for Shapefiles"):
        load_reference(plain, "counties", counties(tmp_path), None, encoding="gbk")

"""The user's own counties."""

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pytest
import shapely

from popflow.errors import PopflowError
from popflow.geography.cells import cell_to_county
from popflow.geography.counties import to_contract
from popflow.geography.county_files import read_counties

pytestmark = pytest.mark.filterwarnings(  # of the writer, when a test's file is meant to be cut or unreferenced
    "ignore:Column names longer", "ignore:Normalized/laundered", "ignore:'crs' was not provided"
)

WEST, EAST = shapely.box(114.0, 30.6, 114.2, 30.8), shapely.box(114.2, 30.6, 114.4, 30.8)
BOW_TIE = shapely.Polygon([(114, 30), (115, 31), (115, 30), (114, 31), (114, 30)])


def frame(crs="EPSG:4326", geometry=(WEST, EAST), **columns) -> gpd.GeoDataFrame:
    plain = {"county_code": ["420102", "420103"], "county_name": ["江岸区", "江汉区"], "edition": ["2024", "2024"]}
    kept = {name: values for name, values in (plain | columns).items() if values is not None}
    return (
        gpd.GeoDataFrame(kept, geometry=list(geometry), crs="EPSG:4326").to_crs(crs)
        if crs
        else gpd.GeoDataFrame(kept, geometry=list(geometry))
    )


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
def test_the_three_formats_give_the_same(tmp_path, contracts, suffix):
    path = tmp_path / f"counties.{suffix}"
    frame(population=[965260, 647932]).to_file(path, encoding="utf-8")
    counties = read_counties(path)
    assert counties.crs == "EPSG:4326"
    assert counties[["county_code", "county_name", "edition"]].to_numpy().tolist() == [
        ["420102", "江岸区", "2024"],
        ["420103", "江汉区", "2024"],
    ]
    assert counties.prefecture_code.tolist() == ["420100", "420100"]
    assert counties.prefecture_name.tolist() == ["武汉市", "武汉市"]
    assert counties.province_name.tolist() == ["湖北省", "湖北省"]
    assert counties.population.tolist() == [965260, 647932]
    schema = contracts.table("counties").arrow_schema()
    pa.Table.from_pandas(to_contract(counties), schema=schema, preserve_index=False).validate(full=True)


def test_any_reference_system_becomes_wgs84(tmp_path):
    path = tmp_path / "counties.gpkg"
    frame(crs="EPSG:4547").to_file(path)  # CGCS2000, 3-degree Gauss-Kruger, metres
    counties = read_counties(path)
    assert shapely.equals_exact(counties.geometry.iloc[0].normalize(), WEST.normalize(), 1e-4)
    assert counties.lon.iloc[0] == pytest.approx(114.1, abs=0.01)


def test_codes_as_numbers_and_an_edition_beside_the_file(tmp_path):
    path = tmp_path / "counties.gpkg"
    frame(county_code=[420102, 420103], edition=None).to_file(path)
    counties = read_counties(path, edition="2025")
    assert counties.county_code.tolist() == ["420102", "420103"]
    assert counties.edition.tolist() == ["2025", "2025"]
    assert counties.population.isna().all()


def test_cells_are_located_in_them(tmp_path):
    path = tmp_path / "counties.gpkg"
    frame().to_file(path)
    cells = pd.DataFrame(
        [("mobile", "1", 114.1, 30.7, 500.0, pd.Timestamp("2020-01-01"), None)],
        columns=["mno", "cell_id", "lon", "lat", "radius_m", "valid_from", "valid_to"],
    )
    assert cell_to_county(cells, read_counties(path)).county_code.tolist() == ["420102"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"county_name": None}, "no column county_name"),
        ({"edition": None}, "no column edition"),
        ({"county_name": ["江岸区", None]}, "county_name is empty in feature 2; fill it"),
        ({"county_code": ["420102", "420102"]}, "county_code 420102 occurs more than once"),
        ({"county_code": ["420102", "4201"]}, "county_code of feature 2 is not a GB/T 2260 code"),
        ({"crs": None}, "no reference system; state it"),
        ({"geometry": (WEST, BOW_TIE)}, "geometry of county 420103 is invalid .*Self-intersection.*; repair it"),
        ({"geometry": (WEST, None)}, "geometry of county 420103 is empty"),
        ({"geometry": (WEST, shapely.Point(114, 30))}, "geometry of county 420103 is not a polygon"),
        ({"prefecture_code": ["420100", "420200"]}, "prefecture_code of county 420103 is not 420100"),
        ({"county_code": ["420102", "999901"]}, "prefecture_name of county 999901 is not known; add a column"),
        ({"population": ["1", "many"]}, "population of county 420103 is not a number of persons"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_file_field_and_mend(tmp_path, wrong, says):
    path = tmp_path / "counties.gpkg"
    frame(**wrong).to_file(path)
    with pytest.raises(PopflowError, match=says) as error:
        read_counties(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_metres_under_the_name_of_degrees_are_refused(tmp_path):
    path = tmp_path / "counties.gpkg"
    frame(crs="EPSG:4547").set_crs("EPSG:4326", allow_override=True).to_file(path)
    with pytest.raises(PopflowError, match="which are not degrees"):
        read_counties(path)


def test_a_missing_file_and_one_of_another_kind(tmp_path):
    with pytest.raises(PopflowError, match="there is no such file of counties"):
        read_counties(tmp_path / "none.gpkg")
    (tmp_path / "counties.gpkg").write_text("no polygons")
    with pytest.raises(PopflowError, match="cannot be read"):
        read_counties(tmp_path / "counties.gpkg")
    (tmp_path / "counties.csv").write_text("county_code,county_name,edition\n420102,江岸区,2024\n")
    with pytest.raises(PopflowError, match="no geometry"):
        read_counties(tmp_path / "counties.csv")

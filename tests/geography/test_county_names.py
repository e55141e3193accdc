"""A Shapefile that does not say its encoding is read in the right one, or asked for it; never garbled."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from popflow.errors import PopflowError
from popflow.geography.county_files import read_counties
from popflow.geography.county_names import agree

pytestmark = pytest.mark.filterwarnings("ignore:Column names longer", "ignore:Normalized/laundered")
GIVEN = Path(__file__).parents[1] / "given" / "shapefile_gbk"
NAMES = ["江岸区", "江汉区"]


def shapefile(
    folder: Path, encoding: str, names: list[str] = NAMES, codes: tuple[str, ...] = ("420102", "420103")
) -> Path:
    folder.mkdir(exist_ok=True)
    shapes = [shapely.box(114.0 + east, 30.0, 115.0 + east, 31.0) for east in range(len(names))]
    columns = {"county_code": list(codes), "county_name": names, "edition": ["2024"] * len(names)}
    path = folder / "counties.shp"
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_file(path, encoding=encoding)
    return path


def test_names_in_gbk_are_read_as_they_are_meant() -> None:
    counties = read_counties(GIVEN / "counties.shp")
    assert counties["county_name"].tolist() == NAMES
    assert counties["prefecture_name"].tolist() == ["武汉市"] * 2


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("said", ["as it is", "nothing", "UTF-8", "ISO-8859-1", "GBK"])
def test_whatever_the_file_says_of_its_encoding_names_decide(tmp_path: Path, encoding: str, said: str) -> None:
    path = shapefile(tmp_path, encoding)
    if said == "nothing":
        path.with_suffix(".cpg").unlink()
    elif said != "as it is":
        path.with_suffix(".cpg").write_text(said)
    assert read_counties(path)["county_name"].tolist() == NAMES


def test_a_zipped_shapefile_is_the_same(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "counties.zip", "w") as archive:
        for part in GIVEN.iterdir():
            archive.write(part, part.name)
    assert read_counties(tmp_path / "counties.zip")["county_name"].tolist() == NAMES


def test_names_of_codes_that_nobody_knows_are_asked_for(tmp_path: Path) -> None:
    path = shapefile(tmp_path, "gb18030", codes=("420198", "420199"))
    path.with_suffix(".cpg").unlink()
    with pytest.raises(PopflowError, match=r"its encoding is not known: .* state --encoding"):
        read_counties(path)
    assert read_counties(path, encoding="gbk")["county_name"].tolist() == NAMES


def test_a_wrong_word_on_the_encoding_is_refused(tmp_path: Path) -> None:
    for encoding, said in (("utf-8", "its text is not utf-8"), ("big5", "garbled"), ("latin-1", "garbled"),
                           ("nonsense", "no such encoding"), ("base64", "no such encoding")):  # fmt: skip
        with pytest.raises(PopflowError, match=said):
            read_counties(GIVEN / "counties.shp", encoding=encoding)


@pytest.mark.parametrize("names", [["½­°¶Çø", "½­ººÇø"], ["姹熷哺鍖�", "姹熸眽鍖�"], ["黄陂区", "新洲区"]])
def test_names_garbled_before_or_moved_to_other_codes_are_refused(tmp_path: Path, names: list[str]) -> None:
    path = shapefile(tmp_path, "utf-8", names).with_suffix(".geojson")
    gpd.read_file(path.with_suffix(".shp"), encoding="utf-8").rename(
        columns={"county_cod": "county_code", "county_nam": "county_name"}
    ).to_file(path)
    with pytest.raises(PopflowError, match="county_name is garbled or another county's"):
        read_counties(path)


def test_a_name_may_change_and_be_written_in_letters() -> None:
    assert agree(["420102", "420103"], ["Jiang'an", "Jianghan"]) is None
    assert agree(["420102", "420103", "420104"], ["江岸区", "江汉区", "新名区"]) is True
    assert agree(["999999"], ["江岸区"]) is None


def test_a_part_that_is_missing_is_one_line(tmp_path: Path) -> None:
    for suffix in (".dbf", ".shx", ".prj"):
        shutil.copytree(GIVEN, tmp_path / suffix[1:])
        (tmp_path / suffix[1:] / f"counties{suffix}").unlink()
        with pytest.raises(PopflowError) as no:
            read_counties(tmp_path / suffix[1:] / "counties.shp")
        assert str(no.value).startswith(str(tmp_path))
        assert "\n" not in str(no.value)

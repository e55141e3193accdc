"""The briefing says what `pull` says, in both languages, in one file; packages and errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
import small_nation

import popflow
from popflow import contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.report import briefing, maps, packages
from popflow.report.chromium import pictures


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "cache"))


def data_of(page: Path) -> dict:
    return json.loads(re.search(r'type="application/json">(.*?)</script>', page.read_text(), re.S)[1])


def test_the_headline_is_what_pull_says(page: Path, published: Path):
    answer = popflow.read(published).outflow("wuhan", days=3, before="2020-01-23")
    total = answer.attrs["summary"]["persons_at_least"]
    headline = re.search(r'id="headline">(.*?)</p>', page.read_text(), re.S)[1]
    assert f"武汉流出 {total:,} 人次" in headline
    assert f"{total:,} person-trips left Wuhan" in headline


def test_every_row_of_pull_is_in_the_page_and_adds_up(page: Path, published: Path):
    answer = popflow.read(published).outflow("wuhan", days=3, before="2020-01-23")
    rows = data_of(page)["series"][0]["rows"]
    assert {(r[1], r[8]) for r in rows} == set(zip(answer.destination_code, answer.persons_at_least, strict=True))
    assert sum(r[8] for r in rows) == answer.attrs["summary"]["persons_at_least"]


def test_a_county_that_is_not_shown_has_an_upper_bound_and_no_figure(page: Path):
    series = data_of(page)["series"][0]
    hidden = {code: bounds for code, bounds in series["map"].items() if bounds[2] == 0}
    assert hidden
    assert all(low == 0 and high > 0 for low, high, _ in hidden.values())
    assert not any(code.startswith("4201") for code in series["map"])


def test_a_date_without_release_is_a_gap_not_a_zero(page: Path):
    daily = {d["date"]: d for d in data_of(page)["series"][0]["daily"]}
    assert daily["2020-01-21"] == {"date": "2020-01-21", "low": None, "high": None, "why": "missing"}
    assert daily["2020-01-22"]["low"] > 0
    assert "2020-01-21 have no release" in page.read_text()


def test_the_file_is_whole_small_and_asks_nothing_of_the_network(page: Path):
    text = page.read_text()
    assert len(text.encode()) < 5_000_000
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert "{{" not in text.split("<script>")[0]
    assert not re.search(r"https?://", text)


def test_arrivals_come_from_every_area_and_per_resident(published: Path, tmp_path: Path):
    page = briefing(published, "wuhan", "2020-01-23", days=3, destination="hunan", out=tmp_path / "hunan.html")
    facts = data_of(page)
    assert [series["area"]["en"] for series in facts["series"]] == ["Wuhan", "Hubei"]
    assert {code[:2] for code in facts["shapes"]["places"]} == {"43"}
    assert facts["places"]["430102"][6] == 100_000
    assert "from Hubei (Wuhan included)" in page.read_text()
    asked = popflow.read(published).outflow("hubei", days=3, before="2020-01-23", destination="hunan")
    assert f"{asked.attrs['summary']['persons_at_least']:,}" in page.read_text()


def test_a_destination_inside_hubei_has_arrivals_from_wuhan_alone(published: Path, tmp_path: Path):
    page = briefing(published, "wuhan", "2020-01-23", days=3, destination="xiangyang", out=tmp_path / "x.html")
    assert [series["area"]["en"] for series in data_of(page)["series"]] == ["Wuhan"]


def test_what_cannot_be_written_or_found_is_one_line_and_leaves_nothing(published: Path, tmp_path: Path):
    with pytest.raises(PopflowError, match="there is no folder"):
        briefing(published, "wuhan", "2020-01-23", out=tmp_path / "none" / "a.html")
    with pytest.raises(PopflowError, match="did you mean wuhan"):
        briefing(published, "wuhna", "2020-01-23", out=tmp_path / "a.html")
    assert not list(tmp_path.glob("*.html"))


def test_packages_hold_page_workbook_and_polygons_of_each_province(published: Path, tmp_path: Path):
    folders = packages(published, "2020-01-22", tmp_path / "out", days=3, only=["hunan", "湖北"])
    assert [folder.name for folder in folders] == ["430000-hunan", "420000-hubei"]
    hunan = folders[0]
    assert sorted(path.name for path in hunan.iterdir()) == [
        "430000-hunan-came.html",
        "430000-hunan-came.xlsx",
        "430000-hunan-from-hubei.xlsx",
        "430000-hunan-from-wuhan.xlsx",
        "430000-hunan.gpkg",
        "430000-hunan.html",
    ]
    layer = pyogrio.read_dataframe(hunan / "430000-hunan.gpkg", layer="from_wuhan")
    asked = popflow.read(published).outflow("wuhan", days=3, before="2020-01-23", destination="hunan")
    assert layer.persons_at_least.sum() == asked.persons_at_least.sum()
    assert layer[layer.kind == "shown"].geometry.notna().all()
    assert openpyxl.load_workbook(hunan / "430000-hunan-from-wuhan.xlsx").sheetnames == [
        "数据 Data",
        "说明 How to read",
    ]
    assert [p.name for p in (tmp_path / "out").iterdir() if p.name.startswith(".")] == []


def test_a_package_of_any_place_tells_who_came_and_who_left(published: Path, tmp_path: Path):
    wuhan, county = packages(published, "2020-01-22", tmp_path / "out", days=3, only=["wuhan", "430102"])
    of_wuhan = {path.name.removeprefix("420100-wuhan") for path in wuhan.iterdir()}
    assert of_wuhan == {"-came.html", "-came.xlsx", "-left.html", "-left.xlsx", ".gpkg"}
    endings = {path.name.removeprefix("430102") for path in county.iterdir()}
    assert {ending for ending in endings if ending.endswith(".html")} == {
        "-changsha-2-qu.html",
        "-changsha-2-qu-came.html",
    }
    reader = popflow.read(published)
    left = pyogrio.read_dataframe(wuhan / "420100-wuhan.gpkg", layer="left")
    assert left.persons_at_least.sum() == reader.outflow("wuhan", days=3, before="2020-01-23").persons_at_least.sum()
    came = pyogrio.read_dataframe(wuhan / "420100-wuhan.gpkg", layer="came")
    asked = reader.inflow("wuhan", days=3, before="2020-01-23")
    assert came.persons_at_least.sum() == asked.persons_at_least.sum()
    assert came[came.kind == "shown"].geometry.notna().all()


def test_who_came_is_what_pull_says_of_origin_prefectures(published: Path, tmp_path: Path):
    page = briefing(published, None, "2020-01-23", days=3, destination="changsha", out=tmp_path / "changsha.html")
    asked = popflow.read(published).inflow("changsha", days=3, before="2020-01-23")
    facts = data_of(page)
    (series,) = facts["series"]
    assert {(r[1], r[8], r[11]) for r in series["rows"]} == set(
        zip(asked.origin_code, asked.persons_at_least, asked.dates_shown, strict=True)
    )
    headline = re.search(r'id="headline">(.*?)</p>', page.read_text(), re.S)[1]
    low = asked.attrs["summary"]["persons_at_least"]
    assert f"at least {low:,} person-trips came to Changsha; most came from {asked.origin_name_en[0]}" in headline
    assert f"到达长沙市 至少 {low:,} 人次" in headline
    assert set(series["map"]) == set(facts["shapes"]["places"]) - {"430100"}
    assert facts["places"]["420100"][:6] == ["武汉市", "Wuhan", "武汉市", "Wuhan", "湖北省", "Hubei"]
    assert facts["places"]["420100"][6] == 100_000 * (1 + 2 + 3 + 4)
    assert sum(day["low"] or 0 for day in series["daily"]) == low
    assert {day["date"]: day["why"] for day in series["daily"]}["2020-01-21"] == "missing"


def test_an_origin_of_which_nothing_is_published_is_unknown_on_the_page(published: Path, tmp_path: Path):
    """Only Hubei's chain stands in this lake: who came from Beijing is unknown, not nobody."""
    facts = data_of(briefing(published, None, "2020-01-23", days=3, destination="changsha", out=tmp_path / "a.html"))
    (series,) = facts["series"]
    assert series["map"]["110100"] == [0, None, 0]
    assert series["map"]["420100"][0] > 0
    assert series["summary"]["persons_at_most"] is None
    assert all(day["high"] is None for day in series["daily"])


def test_a_briefing_has_an_area_or_a_place(published: Path, tmp_path: Path):
    with pytest.raises(PopflowError, match="--to-area"):
        briefing(published, None, "2020-01-23", out=tmp_path / "a.html")


def test_simplified_counties_still_share_their_borders(published: Path):
    counties = popflow.read(published).county_polygons()
    simple = maps.simplified(counties)
    assert shapely.coverage_is_valid(simple.geometry.to_numpy())
    assert len(simple) == len(counties) == small_nation.counties().shape[0]


def test_without_chromium_the_mend_is_named(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_CHROMIUM", "no-such-browser")
    with pytest.raises(PopflowError, match="install the package chromium"):
        pictures(page, tmp_path / "pictures")
    assert list((tmp_path / "pictures").iterdir()) == []


def test_what_is_not_shown_names_the_thresholds_of_the_contract(published: Path, tmp_path: Path):
    """disclosure.yaml may raise k and floor; the page says those that hold."""
    own = contracts.load()
    own = own.model_copy(update={"disclosure": own.disclosure.model_copy(update={"k": 50, "floor": 25})})
    text = briefing(Lake(published, own), "wuhan", "2020-01-23", days=3, out=tmp_path / "a.html").read_text()
    assert "fewer than 50 persons" in text
    assert "fewer than 25" in text
    assert "fewer than 20" not in text


def test_a_county_without_residents_has_no_rate(published: Path, tmp_path: Path):
    reader = popflow.read(published)
    reader.counties = reader.counties.assign(population=pd.array([pd.NA] * len(reader.counties), dtype="Int64"))
    page = briefing(reader, "wuhan", "2020-01-23", days=3, out=tmp_path / "a.html")
    assert {place[6] for place in data_of(page)["places"].values()} == {None}

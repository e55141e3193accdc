"""The user's own counties, from a GeoPackage, GeoJSON or Shapefile."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from popflow import contracts
from popflow.errors import PopflowError
from popflow.geography import county_facts
from popflow.geography.codes import is_code, prefecture_of, province_of
from popflow.geography.counties import WGS84, in_contract_order, point_inside

NEEDED = ("county_code", "county_name", "edition")
SHAPEFILE_NAME = 10  # a Shapefile cuts the names of its columns to this length


def read_counties(path: str | Path, edition: str | None = None) -> gpd.GeoDataFrame:
    """Counties of a GeoPackage, GeoJSON or Shapefile, as `shipped_counties` gives them, in WGS-84.

    Needed are polygons in a stated reference system, county_code and county_name, and edition as a column or here.
    Prefecture and province follow from the code; their names, where the file has none, are those that popflow knows.
    lon and lat are a point inside each polygon.

    Raises PopflowError, naming file, field and mend, for a file that cannot be read, a missing column or reference
    system, a code that is no GB/T 2260 code or not unique, a name that nobody knows, a polygon that is none.
    """
    path = Path(path)
    counties = _with_full_names(_read(path))
    if edition is not None:
        counties["edition"] = edition
    _refuse_missing(counties, path)
    counties["county_code"] = _codes(counties, path)
    _refuse_geometry(counties, path)
    counties = counties.to_crs(WGS84)
    _refuse_places(counties, path)
    return in_contract_order(_completed(counties, path))


def _read(path: Path) -> gpd.GeoDataFrame:
    if not path.exists():
        raise PopflowError(f"{path}: there is no such file of counties")
    try:
        frame = gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PopflowError(f"{path}: cannot be read ({reason}); give a GeoPackage, GeoJSON or Shapefile") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise PopflowError(f"{path}: no geometry; give each county its polygon")
    return frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame


def _with_full_names(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    cut: dict[str, list[str]] = {}
    for name in contracts.load().table("counties").columns:
        cut.setdefault(name[:SHAPEFILE_NAME], []).append(name)
    full = {short: names[0] for short, names in cut.items() if len(names) == 1 and names[0] not in frame}
    return frame.rename(columns=full)


def _refuse_missing(counties: gpd.GeoDataFrame, path: Path) -> None:
    missing = [name for name in NEEDED if name not in counties]
    if missing:
        raise PopflowError(f"{path}: no column {', '.join(missing)}; counties need {', '.join(NEEDED)} and a polygon")
    if counties.empty:
        raise PopflowError(f"{path}: no county in it; give at least one")
    for name in NEEDED:
        if counties[name].isna().any():
            row = int(np.argmax(counties[name].isna())) + 1
            raise PopflowError(f"{path}: {name} is empty in feature {row}; fill it")
    if counties.crs is None:
        raise PopflowError(f"{path}: no reference system; state it (EPSG:4326 is WGS-84), for a Shapefile in its .prj")


def _codes(counties: gpd.GeoDataFrame, path: Path) -> pd.Series:
    whole = pd.api.types.is_integer_dtype(counties["county_code"])
    codes = counties["county_code"].astype(str) if whole else counties["county_code"].astype(object)
    wrong = [code for code in codes if not is_code(code)]
    if wrong:
        raise PopflowError(f"{path}: county_code '{wrong[0]}' is no GB/T 2260 code; give six digits as text")
    twice = codes[codes.duplicated()]
    if len(twice):
        raise PopflowError(f"{path}: county_code {twice.iloc[0]} occurs more than once; merge its polygons into one")
    return codes


def _refuse_geometry(counties: gpd.GeoDataFrame, path: Path) -> None:
    geometry = counties.geometry.to_numpy()
    empty = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    not_polygon = ~np.isin(
        shapely.get_type_id(geometry), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
    )
    invalid = ~shapely.is_valid(geometry)
    for wrong, what, mend in (
        (empty, "is empty", "give its polygon"),
        (not_polygon, "is no polygon", "give its polygon"),
        (invalid, "is invalid", "repair it, in QGIS by 'Fix geometries'"),
    ):
        if wrong.any():
            code = counties["county_code"].iloc[int(np.argmax(wrong))]
            reason = f" ({shapely.is_valid_reason(geometry[np.argmax(wrong)])})" if wrong is invalid else ""
            raise PopflowError(f"{path}: geometry of county {code} {what}{reason}; {mend}")


def _refuse_places(counties: gpd.GeoDataFrame, path: Path) -> None:
    west, south, east, north = counties.total_bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise PopflowError(
            f"{path}: geometry reaches from {west:g}, {south:g} to {east:g}, {north:g}, which are no degrees; "
            "the reference system of the file is not that of its polygons, state the right one"
        )


def _completed(counties: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    known = county_facts.described(pd.DataFrame(counties[["county_code", "county_name"]]))
    for level, containing in (("prefecture", prefecture_of), ("province", province_of)):
        _refuse_another_hierarchy(counties, f"{level}_code", counties["county_code"].map(containing), path)
    known["population"] = pd.NA  # that of another edition may be of another extent
    for name in known.columns:
        counties[name] = counties[name].fillna(known[name]) if name in counties else known[name]
    counties["population"] = _population(counties, path)
    for name in ("county_pinyin", "prefecture_pinyin"):
        counties[name] = counties[name].astype(object).where(counties[name].notna(), None)
    for name in ("prefecture_name", "province_name", "province_pinyin"):
        if counties[name].isna().any():
            code = counties["county_code"].iloc[int(np.argmax(counties[name].isna()))]
            raise PopflowError(f"{path}: {name} of county {code} is not known; add a column {name}")
    counties["edition"] = counties["edition"].astype(str)
    inside = point_inside(counties.geometry)
    return counties.assign(lon=inside["lon"], lat=inside["lat"])


def _refuse_another_hierarchy(counties: gpd.GeoDataFrame, name: str, expected: pd.Series, path: Path) -> None:
    if name not in counties:
        return
    differs = counties[name].notna() & (counties[name].astype(str) != expected)
    if differs.any():
        row = int(np.argmax(differs))
        code, given = counties["county_code"].iloc[row], counties[name].iloc[row]
        raise PopflowError(
            f"{path}: {name} of county {code} is {given}, by its code {expected.iloc[row]}; correct one of the two"
        )


def _population(counties: gpd.GeoDataFrame, path: Path) -> pd.Series:
    numbers = pd.to_numeric(counties["population"], errors="coerce")
    wrong = (numbers.isna() & counties["population"].notna()) | (numbers < 0)
    if wrong.any():
        code = counties["county_code"].iloc[int(np.argmax(wrong))]
        raise PopflowError(f"{path}: population of county {code} is no number of persons; correct it or leave it empty")
    return numbers.round().astype("Int64")

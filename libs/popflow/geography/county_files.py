"""The user's own counties, from a GeoPackage, GeoJSON or Shapefile."""

from __future__ import annotations

import codecs
import warnings
from pathlib import Path
from typing import NamedTuple

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
from popflow.geography.county_names import BYTES, CANDIDATES, agree, encoding_of, is_encoding
from popflow.tables_in import refuse_irregular

NEEDED = ("county_code", "county_name", "edition")
SHAPEFILE_NAME = 10  # a Shapefile cuts the names of its columns to this length
HEAD = 64
LARGEST_DEGREES = (73, 3, 136, 54)  # west, south, east, north of China
KINDS = ("Self-intersection", "Ring Self-intersection", "Hole lies outside shell", "Nested holes", "Nested shells",
         "Interior is disconnected", "Duplicate Rings", "Invalid Coordinate", "Too few points in geometry component",
         "Ring is not closed")  # fmt: skip


class Form(NamedTuple):
    """A kind of file: how it begins, and whether it leaves open in which encoding its text is."""

    name: str
    start: bytes
    says_no_encoding: bool = False

    def begins(self, head: bytes) -> bool:
        """Whether a file begins so."""
        return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(self.start)


FORMS = {
    ".gpkg": Form("GeoPackage", b"SQLite format 3\x00"),
    ".geojson": Form("GeoJSON", b"{"),
    ".json": Form("GeoJSON", b"{"),
    ".shp": Form("Shapefile", b"\x00\x00\x27\x0a", says_no_encoding=True),
    ".zip": Form("zipped Shapefile", b"PK", says_no_encoding=True),
}


def read_counties(path: str | Path, edition: str | None = None, encoding: str | None = None) -> gpd.GeoDataFrame:
    """Counties of a GeoPackage, GeoJSON or Shapefile (also zipped), as `shipped_counties` gives them, in WGS-84.

    Needed are polygons in a stated reference system, county_code and county_name, and edition as a column or here.
    Prefecture and province follow from the code; their names, where the file has none, are those that popflow knows.
    lon and lat are a point inside each polygon. encoding: that of a Shapefile's text; where it is not given, the one in
    which the names are those of their codes.

    Raises PopflowError, naming file, field, feature and mend, for a file that cannot be read, a missing column or
    reference system, a code that is not a GB/T 2260 code or not unique, names that are garbled or that nobody knows, a
    polygon that is none or not in China.
    """
    path = Path(path)
    if encoding is not None and not is_encoding(encoding):
        raise PopflowError(f"--encoding {encoding}: no such encoding; there are utf-8, gb18030, big5 and others")
    counties = _with_full_names(_read(path))
    if edition is not None:
        counties["edition"] = edition
    _refuse_missing(counties, path)
    counties["county_code"] = _codes(counties, path)
    counties = _with_readable_names(counties, path, encoding)
    _refuse_geometry(counties, path)
    counties = _in_wgs84(counties, path)
    _refuse_places(counties, path)
    return in_contract_order(_completed(counties, path))


def _read(path: Path) -> gpd.GeoDataFrame:
    refuse_irregular(path, "file of counties")
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise PopflowError(f"{path}: no geometry that popflow reads; give a GeoPackage, GeoJSON or Shapefile")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not form.begins(head):
        raise PopflowError(f"{path}: cannot be read: it is no {form.name}; give a GeoPackage, GeoJSON or Shapefile")
    try:
        return _frame(path, BYTES if form.says_no_encoding else None)
    except PopflowError:
        raise
    except Exception:  # noqa: BLE001 GDAL, its drivers and four packages above it raise what they like, with values
        raise PopflowError(f"{path}: cannot be read, as it is damaged or a part of it is missing (a Shapefile is .shp, "
                           ".shx, .dbf and .prj); give a GeoPackage, GeoJSON or Shapefile") from None  # fmt: skip


def _frame(path: Path, encoding: str | None) -> gpd.GeoDataFrame:
    """The only layer of a file; an absolute path, so that no name is an address to GDAL."""
    source = str(path.absolute())
    layers = pyogrio.list_layers(source)
    if len(layers) != 1:
        raise PopflowError(f"{path}: {len(layers)} layers; give a file with the counties alone")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL's own words
        frame = pyogrio.read_dataframe(source, layer=str(layers[0][0]), encoding=encoding)
    if not isinstance(frame, gpd.GeoDataFrame):
        raise PopflowError(f"{path}: no geometry; give each county its polygon")
    return frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame


def _with_readable_names(counties: gpd.GeoDataFrame, path: Path, stated: str | None) -> gpd.GeoDataFrame:
    """Counties with text in the encoding in which names agree with codes. Raises PopflowError where there is none."""
    if FORMS[path.suffix.lower()].says_no_encoding:
        encoding = stated or encoding_of(counties["county_code"], counties["county_name"])
        if encoding is None:
            raise PopflowError(f"{path}: its encoding is not known: county_name agrees with no county_code in "
                               f"{', '.join(CANDIDATES)}; state --encoding, such as gb18030")  # fmt: skip
        counties = _decoded(counties, encoding, path)
    elif stated:
        raise PopflowError(f"{path}: --encoding is for Shapefiles; this file says its own")
    if agree(counties["county_code"], counties["county_name"]) is False:
        raise PopflowError(f"{path}: county_name is garbled or another county's: most names share no character with "
                           "those of their county_code; state --encoding, or correct the names")  # fmt: skip
    return counties


def _decoded(counties: gpd.GeoDataFrame, encoding: str, path: Path) -> gpd.GeoDataFrame:
    texts = [name for name in counties if counties[name].dtype == object and name != "geometry"]
    for name in texts:
        try:
            made = [one.encode(BYTES).decode(encoding) if isinstance(one, str) else one for one in counties[name]]
        except UnicodeError:
            raise PopflowError(f"{path}: its text is not {encoding}; state --encoding, such as gb18030") from None
        counties = counties.assign(**{name: pd.Series(made, index=counties.index, dtype=object)})
    return counties


def _in_wgs84(counties: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    try:
        return counties.to_crs(WGS84)
    except Exception:  # noqa: BLE001 PROJ's own words
        raise PopflowError(f"{path}: its reference system cannot be turned into WGS-84; reproject it") from None


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
    wrong = np.array([not is_code(code) for code in codes])
    if wrong.any():
        raise PopflowError(f"{path}: county_code of feature {int(np.argmax(wrong)) + 1} is not a GB/T 2260 code "
                           f"({int(wrong.sum())} such); give six digits as text")  # fmt: skip
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
        (not_polygon, "is not a polygon", "give its polygon"),
        (invalid, "is invalid", "repair it, in QGIS by 'Fix geometries'"),
    ):
        if wrong.any():
            code = counties["county_code"].iloc[int(np.argmax(wrong))]
            reason = _kind_of(geometry[np.argmax(wrong)]) if wrong is invalid else ""
            raise PopflowError(f"{path}: geometry of county {code} {what}{reason}; {mend}")


def _kind_of(geometry: shapely.Geometry) -> str:
    said = shapely.is_valid_reason(geometry)
    return next((f" ({kind})" for kind in KINDS if said.startswith(kind)), "")


def _refuse_places(counties: gpd.GeoDataFrame, path: Path) -> None:
    west, south, east, north = counties.total_bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise PopflowError(
            f"{path}: geometry reaches from {west:g}, {south:g} to {east:g}, {north:g}, which are not degrees; "
            "the reference system of the file is not that of its polygons, state the right one"
        )
    places = counties.geometry.bounds
    west, south, east, north = LARGEST_DEGREES
    inside = (places.minx >= west) & (places.miny >= south) & (places.maxx <= east) & (places.maxy <= north)
    if not inside.all():
        code = counties["county_code"].iloc[int(np.argmax(~inside))]
        raise PopflowError(f"{path}: geometry of county {code} lies outside China; lon comes before lat, and the "
                           "reference system must be that of the polygons")  # fmt: skip


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
        code = counties["county_code"].iloc[row]
        raise PopflowError(
            f"{path}: {name} of county {code} is not {expected.iloc[row]}, which its code says; correct one of the two"
        )


def _population(counties: gpd.GeoDataFrame, path: Path) -> pd.Series:
    numbers = pd.to_numeric(counties["population"], errors="coerce")
    wrong = (numbers.isna() & counties["population"].notna()) | (numbers < 0)
    if wrong.any():
        code = counties["county_code"].iloc[int(np.argmax(wrong))]
        raise PopflowError(
            f"{path}: population of county {code} is not a number of persons; correct it or leave it empty"
        )
    return numbers.round().astype("Int64")

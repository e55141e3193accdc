"""Polygons of counties, and of the prefectures and provinces they make up (WGS-84)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd

from popflow.geography.tiling import merged

if TYPE_CHECKING:
    import pandas as pd


def polygons(counties: gpd.GeoDataFrame, level: str) -> gpd.GeoDataFrame:
    """One polygon per place of a level: code, geometry. Grain: province, prefecture or county."""
    column = f"{level}_code"
    shapes = counties[[column, "geometry"]]
    if level != "county":
        shapes = merged(shapes, column)
    return shapes.rename(columns={column: "code"})


def joined(frame: pd.DataFrame, shapes: gpd.GeoDataFrame, end: str = "destination") -> gpd.GeoDataFrame:
    """An answer with the polygon of each destination, or of each origin; rest rows have none."""
    by_code = shapes.set_index("code")["geometry"]
    geometry = frame[f"{end}_code"].map(by_code)
    found = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(geometry, index=frame.index, crs=shapes.crs))
    found.attrs = frame.attrs
    return found

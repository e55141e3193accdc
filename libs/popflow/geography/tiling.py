"""Whether polygons tile: where counties overlap, what they leave open between them, and one polygon made of several."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import shapely

from popflow.errors import PopflowError

NOISE_PERCENT = 1e-4  # of the smaller county: the digitiser's pen


class Tiling(NamedTuple):
    """How far counties are from a tiling.

    pairs: how many overlap. worst: codes of the two of which one covers most of the other, in `worst_percent` of the
    smaller. gaps: holes that all of them leave; gap_percent: in percent of the area within their outline.
    """

    pairs: int
    worst: tuple[str, str] | None
    worst_percent: float
    gaps: int
    gap_percent: float

    def refuse_overlaps(self, where: str, most_percent: float) -> None:
        """Raise PopflowError where two counties overlap by more: a place in both is neither's."""
        if self.worst and self.worst_percent > most_percent:
            first, second = self.worst
            raise PopflowError(
                f"{where}: counties {first} and {second} overlap in {self.worst_percent:.3g} % of one, at most "
                f"{most_percent:g} % may ({self.pairs:,} pairs overlap); give each place to one county"
            )

    def sentences(self) -> list[str]:
        """What is not as in a tiling, a line each; none for a tiling."""
        said = []
        if self.worst:
            first, second = self.worst
            said.append(f"{self.pairs:,} pairs overlap, most {first} and {second}: {self.worst_percent:.3g} % of one")
        if self.gaps:
            said.append(
                f"{self.gaps:,} gaps, {self.gap_percent:.3g} % of the area; a cell there goes to the nearest county "
                "within 5 km"
            )
        return said


def tiling(counties: gpd.GeoDataFrame) -> Tiling:
    """How far valid polygons (county_code, geometry) are from a tiling."""
    shapes = counties.geometry.to_numpy()
    if bool(shapely.coverage_is_valid(shapes)):
        return Tiling(0, None, 0.0, *_gaps(shapely.coverage_union_all(shapes)))
    first, second, percent = _overlaps(shapes)
    gaps = _gaps(shapely.union_all(shapes))
    if not len(percent):
        return Tiling(0, None, 0.0, *gaps)
    most, codes = int(np.argmax(percent)), counties["county_code"].to_numpy()
    return Tiling(len(percent), (codes[first[most]], codes[second[most]]), float(percent[most]), *gaps)


def merged(shapes: gpd.GeoDataFrame, column: str) -> gpd.GeoDataFrame:
    """The polygons of each code of a column as one, also where they do not tile."""
    if bool(shapely.coverage_is_valid(shapes.geometry.to_numpy())):
        return shapes.dissolve(column, as_index=False, method="coverage")
    sound = shapes.set_geometry(shapes.geometry.make_valid(method="structure", keep_collapsed=False))
    return sound.dissolve(column, as_index=False, method="unary")


def _overlaps(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of polygons that overlap by more than noise, and by how many percent of the smaller."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first, second = first[first < second], second[first < second]
    inside = shapely.relate_pattern(shapes[first], shapes[second], "T********")  # more than a border in common
    first, second = first[inside], second[inside]
    smaller = np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    percent = 100 * shapely.area(shapely.intersection(shapes[first], shapes[second])) / smaller
    real = percent > NOISE_PERCENT
    return first[real], second[real], percent[real]


def _gaps(union: shapely.Geometry) -> tuple[int, float]:
    """Holes of a polygon, and their share of the area within its outline in percent."""
    outlines = [part for part in shapely.get_parts(union) if isinstance(part, shapely.Polygon)]
    holes = [shapely.Polygon(ring) for part in outlines for ring in part.interiors]
    area = float(shapely.area(holes).sum()) if holes else 0.0
    return len(holes), 100 * area / (area + float(shapely.area(union))) if holes else 0.0

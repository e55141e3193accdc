"""Which counties a service area lies in, and in what shares.

A service area is the circle around a site. In degrees it is an ellipse, scaled by the length of a degree on WGS-84 at
the site's latitude: shares of an area do not change under that scaling, so nothing has to be projected. Within a
circle of 35 km the scale itself changes by under 0.6 %, at the latitudes of China.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

CORNERS = 32  # of the polygon that stands for the circle: 99.4 % of its area
LEAST_RADIUS_M = 1.0  # a site given as a point still lies somewhere
LEAST_SHARE = 0.001  # a sliver below it is the digitiser's pen, not the county
NEAREST_WITHIN_M = 5_000.0  # piers, islets and drawn shorelines; farther out is at sea or abroad


@dataclass(frozen=True)
class Shares:
    """One row for each county of each site: numbers of the site and of the county, and the county's share of it."""

    site: Integers
    county: Integers
    share: Floats
    just_outside: NDArray[np.bool_]


NOWHERE = Shares(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float64), np.empty(0, np.bool_))


def joined(parts: Sequence[Shares]) -> Shares:
    """The rows of all parts."""
    return Shares(
        np.concatenate([part.site for part in parts]),
        np.concatenate([part.county for part in parts]),
        np.concatenate([part.share for part in parts]),
        np.concatenate([part.just_outside for part in parts]),
    )


class CountyIndex:
    """Polygons prepared for many questions; counties are numbered in the order of their codes.

    The polygons are copies, since a prepared polygon answers one thread at a time: each thread has an index of its own.
    """

    def __init__(self, counties: gpd.GeoDataFrame) -> None:
        ordered = counties.sort_values("county_code").geometry.to_numpy()
        self.polygons: NDArray[np.object_] = shapely.from_wkb(shapely.to_wkb(ordered))
        shapely.prepare(self.polygons)
        self.tree = shapely.STRtree(self.polygons)

    def shares(self, lon: Floats, lat: Floats, radius_m: Floats) -> Shares:
        """Counties of each site (degrees, WGS-84; metres). A site at sea or abroad has none."""
        circles = circles_around(lon, lat, np.maximum(radius_m, LEAST_RADIUS_M))
        site, county, area = self._overlaps(circles)
        touched = _without_slivers(site, county, area, len(lon))
        dry = np.setdiff1d(np.arange(len(lon)), touched.site)
        beside = self._nearest(lon[dry], lat[dry])
        return joined([touched, replace(beside, site=dry[beside.site])])

    def _overlaps(self, circles: NDArray[np.object_]) -> tuple[Integers, Integers, Floats]:
        """Pairs of circle and county that overlap, with the area of the overlap in square degrees."""
        site, county = self.tree.query(circles)
        inside = shapely.contains(self.polygons[county], circles[site])
        settled = np.zeros(len(circles), dtype=bool)
        settled[site[inside]] = True
        on_border = ~settled[site]
        on_border[on_border] = shapely.intersects(self.polygons[county[on_border]], circles[site[on_border]])
        wanted = inside | on_border
        area = shapely.area(circles[site])
        area[on_border] = shapely.area(shapely.intersection(self.polygons[county[on_border]], circles[site[on_border]]))
        return site[wanted], county[wanted], area[wanted]

    def _nearest(self, lon: Floats, lat: Floats) -> Shares:
        """The nearest county of each site that touches none, ties to the smaller code, if there is one close by."""
        reach = circles_around(lon, lat, np.full(len(lon), NEAREST_WITHIN_M))
        site, county = self.tree.query(reach, predicate="intersects")
        land = shapely.intersection(self.polygons[county], reach[site])
        distance = _metres_from(lon[site], lat[site], land)
        order = np.lexsort((county, np.round(distance), site))
        first = np.unique(site[order], return_index=True)[1]
        chosen = order[first]
        share, just_outside = np.ones(len(chosen)), np.ones(len(chosen), dtype=bool)
        return Shares(site[chosen], county[chosen], share, just_outside)


def codes_in_order(counties: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """County code by the number that an index gives it."""
    return counties["county_code"].sort_values().to_numpy(dtype=object)


def circles_around(lon: Floats, lat: Floats, radius_m: Floats) -> NDArray[np.object_]:
    """Polygons in degrees of the circles around sites (degrees; metres)."""
    angle = np.linspace(0, 2 * np.pi, CORNERS + 1)
    east_m, north_m = metres_per_degree(lat)
    x = lon[:, None] + (radius_m / east_m)[:, None] * np.cos(angle)
    y = lat[:, None] + (radius_m / north_m)[:, None] * np.sin(angle)
    return shapely.polygons(np.stack([x, y], axis=-1))


def metres_per_degree(lat: Floats) -> tuple[Floats, Floats]:
    """Length of a degree of longitude and of latitude on WGS-84, in metres (series to within 1 m)."""
    phi = np.radians(lat)
    east_m = 111_412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    north_m = 111_132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    return east_m, north_m


def _without_slivers(site: Integers, county: Integers, area: Floats, sites: int) -> Shares:
    """Areas as shares of what each site covers on land."""
    for least_share in (LEAST_SHARE, 0.0):  # once more, so that what is left of each site adds up to 1
        on_land = np.bincount(site, weights=area, minlength=sites)
        share = np.divide(area, on_land[site], out=np.zeros_like(area), where=on_land[site] > 0)
        kept = share > least_share
        site, county, area, share = site[kept], county[kept], area[kept], share[kept]
    return Shares(site, county, share, np.zeros(len(site), dtype=bool))


def _metres_from(lon: Floats, lat: Floats, geometries: NDArray[np.object_]) -> Floats:
    """Distance from a site to each geometry close to it."""
    coordinates, number = shapely.get_coordinates(geometries, return_index=True)
    east_m, north_m = metres_per_degree(lat)
    local = (coordinates - np.column_stack([lon, lat])[number]) * np.column_stack([east_m, north_m])[number]
    return shapely.distance(shapely.set_coordinates(geometries.copy(), local), shapely.Point(0, 0))

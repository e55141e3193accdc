"""Circles around sites and their shares of counties."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from popflow.geography.service_area import CountyIndex, circles_around, metres_per_degree

GEOD = Geod(ellps="WGS84")


@pytest.mark.parametrize("lat", [18.0, 30.6, 53.5])
def test_the_circle_has_its_radius_on_the_ellipsoid_in_every_direction(lat):
    (circle,) = circles_around(np.array([114.3]), np.array([lat]), np.array([5_000.0]))
    corners = shapely.get_coordinates(circle)
    distance = GEOD.inv(np.full(len(corners), 114.3), np.full(len(corners), lat), corners[:, 0], corners[:, 1])[2]
    assert distance == pytest.approx(np.full(len(corners), 5_000), rel=0.001)


def test_a_degree_is_as_long_as_on_the_ellipsoid():
    east_m, north_m = metres_per_degree(np.array([30.6]))
    assert east_m[0] == pytest.approx(GEOD.inv(114, 30.6, 115, 30.6)[2], rel=1e-4)
    assert north_m[0] == pytest.approx(GEOD.inv(114, 30.1, 114, 31.1)[2], rel=1e-4)


def test_shares_are_those_of_the_projected_areas():
    """A border at a third of the circle, against the same computed in a metric projection."""
    west, east = shapely.box(114.0, 30, 114.305, 31), shapely.box(114.305, 30, 115, 31)
    counties = gpd.GeoDataFrame({"county_code": ["420102", "420103"]}, geometry=[west, east], crs="EPSG:4326")
    shares = CountyIndex(counties).shares(np.array([114.3]), np.array([30.6]), np.array([2_000.0]))
    site = gpd.GeoSeries([shapely.Point(114.3, 30.6)], crs="EPSG:4326").to_crs("EPSG:32650")
    circle = site.buffer(2_000 / 0.9996).iloc[0]
    projected = counties.to_crs("EPSG:32650").geometry.intersection(circle).area
    assert shares.share == pytest.approx((projected / projected.sum()).to_numpy(), abs=0.003)

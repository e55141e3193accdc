"""GCJ-02 to WGS-84."""

import numpy as np
import pytest
import shapely

from popflow.geography.datum import _shift, gcj02_to_wgs84, to_wgs84

METRES_PER_DEGREE = 111_320


def to_gcj02(wgs84: np.ndarray) -> np.ndarray:
    """The published formula itself, which popflow needs only to search its inverse."""
    return wgs84 + _shift(wgs84)


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),  # published pairs: Shanghai, Shenzhen, Beijing
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_known_points(wgs84, gcj02):
    assert to_gcj02(np.array([wgs84])) == pytest.approx(np.array([gcj02]), abs=1e-9)
    assert to_wgs84(np.array([gcj02])) == pytest.approx(np.array([wgs84]), abs=1e-8)


def test_there_and_back_is_within_a_millimetre_all_over_china():
    random = np.random.default_rng(1)
    points = np.column_stack([random.uniform(73, 136, 20_000), random.uniform(3, 54, 20_000)])
    away = np.abs(to_wgs84(to_gcj02(points)) - points).max() * METRES_PER_DEGREE
    assert away < 0.001


def test_the_shift_is_some_hundred_metres():
    wuhan = np.array([[114.30, 30.60]])
    metres = np.hypot(*(to_gcj02(wuhan) - wuhan)[0]) * METRES_PER_DEGREE
    assert 300 < metres < 800


def test_geometries_keep_their_shape():
    square = shapely.box(114.30, 30.60, 114.31, 30.61)
    (moved,) = gcj02_to_wgs84(np.array([square]))
    assert shapely.get_num_coordinates(moved) == 5
    assert moved.area == pytest.approx(square.area, rel=0.01)
    assert moved.centroid.x < square.centroid.x  # the shift goes east in Wuhan

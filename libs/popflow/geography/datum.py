"""GCJ-02, the shifted datum of Chinese map services, to WGS-84 and back.

The shift is the widely published formula (300 to 700 m, smooth, on the Krasovsky ellipsoid). It has no closed inverse:
the shift at the result is searched by fixed-point iteration, each step of which leaves about a hundredth of the error.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Degrees = NDArray[np.float64]

SEMI_MAJOR_AXIS_M = 6378245.0  # Krasovsky 1940
ECCENTRICITY_SQUARED = 0.00669342162296594323
ITERATIONS = 3  # leaves less than a millimetre (measured over China: 0.25 mm)


def gcj02_to_wgs84(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Geometries in GCJ-02 degrees (lon, lat), anywhere in China, as geometries in WGS-84 degrees."""
    return shapely.transform(geometries, to_wgs84)


def to_wgs84(gcj02: Degrees) -> Degrees:
    """Points (n x 2: lon, lat) from GCJ-02 to WGS-84."""
    wgs84 = gcj02
    for _ in range(ITERATIONS):
        wgs84 = gcj02 - _shift(wgs84)
    return wgs84


def _shift(points: Degrees) -> Degrees:
    x, y = points[:, 0] - 105.0, points[:, 1] - 35.0
    latitude = np.radians(points[:, 1])
    flattened = 1 - ECCENTRICITY_SQUARED * np.sin(latitude) ** 2
    parallel_m = SEMI_MAJOR_AXIS_M / np.sqrt(flattened) * np.cos(latitude)
    meridian_m = SEMI_MAJOR_AXIS_M * (1 - ECCENTRICITY_SQUARED) / flattened**1.5
    return np.degrees(np.column_stack([_east_m(x, y) / parallel_m, _north_m(x, y) / meridian_m]))


def _east_m(x: Degrees, y: Degrees) -> Degrees:
    waves = _waves(x, 6, 2, 20) + _waves(x, 1, 1 / 3, 20, 40) + _waves(x, 1 / 12, 1 / 30, 150, 300)
    return 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + waves


def _north_m(x: Degrees, y: Degrees) -> Degrees:
    waves = _waves(x, 6, 2, 20) + _waves(y, 1, 1 / 3, 20, 40) + _waves(y, 1 / 12, 1 / 30, 160, 320)
    return -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + waves


def _waves(degrees: Degrees, first: float, second: float, first_m: float, second_m: float | None = None) -> Degrees:
    """Two sines, `first` and `second` half waves a degree, whose amplitudes the formula gives in thirds of a metre."""
    second_m = first_m if second_m is None else second_m
    return (first_m * np.sin(first * np.pi * degrees) + second_m * np.sin(second * np.pi * degrees)) * 2 / 3

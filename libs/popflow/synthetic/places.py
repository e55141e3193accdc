"""The counties as arrays: what the nation's people live in and travel through.

A place is an index into these arrays; codes come back only where something is written.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from popflow.geography.codes import prefecture_of, province_of

EARTH_KM = 6371.0
NEIGHBOURS = 8
ASSUMED_POPULATION = 200_000  # of a county without a figure in a prefecture without any

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Places:
    """Counties (n), prefectures (P) and provinces as arrays in the order of their codes.

    population: residents; where no source gives them, the median of the prefecture's other counties is assumed.
    """

    county_codes: NDArray[np.str_]
    population: Floats
    lon: Floats
    lat: Floats
    polygons: NDArray[np.object_]

    @classmethod
    def of(cls, counties: gpd.GeoDataFrame) -> Places:
        """From a frame by the contract `counties`, with polygons in WGS-84."""
        frame = counties.sort_values("county_code")
        known = frame["population"].where(frame["population"] > 0).astype(float)
        typical = known.groupby(frame["county_code"].map(prefecture_of)).transform("median")
        population = known.fillna(typical).fillna(ASSUMED_POPULATION).to_numpy(float)
        codes = frame["county_code"].to_numpy(str)
        return cls(
            codes, population, frame["lon"].to_numpy(float), frame["lat"].to_numpy(float), frame.geometry.to_numpy()
        )

    def __len__(self) -> int:
        return len(self.county_codes)

    @cached_property
    def prefecture_codes(self) -> NDArray[np.str_]:
        """Codes of the prefectures, sorted."""
        return np.unique([prefecture_of(code) for code in self.county_codes])

    @cached_property
    def prefecture(self) -> Ints:
        """Index of each county's prefecture."""
        return np.searchsorted(self.prefecture_codes, [prefecture_of(code) for code in self.county_codes])

    @cached_property
    def province_codes(self) -> NDArray[np.str_]:
        """Codes of the provinces, sorted."""
        return np.unique([province_of(code) for code in self.county_codes])

    @cached_property
    def province(self) -> Ints:
        """Index of each county's province."""
        return np.searchsorted(self.province_codes, [province_of(code) for code in self.county_codes])

    @cached_property
    def prefecture_population(self) -> Floats:
        """Residents of each prefecture."""
        return np.bincount(self.prefecture, self.population).astype(float)

    @cached_property
    def prefecture_points(self) -> Floats:
        """Centre of each prefecture's residents as unit vectors (P x 3)."""
        sums = [np.bincount(self.prefecture, self.population * axis) for axis in self.points.T]
        centre = np.column_stack(sums)
        return centre / np.linalg.norm(centre, axis=1, keepdims=True)

    @cached_property
    def points(self) -> Floats:
        """A point inside each county as a unit vector (n x 3)."""
        return unit_vectors(self.lon, self.lat)

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over `points`."""
        return cKDTree(self.points)

    @cached_property
    def neighbours(self) -> Ints:
        """The nearest other counties of each county (n x 8), the nearest first."""
        return self.tree.query(self.points, k=NEIGHBOURS + 1)[1][:, 1:]

    @cached_property
    def next_within(self) -> Ints:
        """The nearest other county of each county's own prefecture (n), the county itself where none is near."""
        own = self.prefecture[self.neighbours] == self.prefecture[:, None]
        nearest = np.take_along_axis(self.neighbours, own.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.where(own.any(axis=1), nearest, np.arange(len(self.prefecture)))

    def without_polygons(self) -> Places:
        """Places for processes that place no cells: polygons are most of what would be sent to them."""
        return dataclasses.replace(self, polygons=np.empty(0, object))

    def in_province(self, code: str) -> NDArray[np.bool_]:
        """Which prefectures lie in a province."""
        return np.char.startswith(self.prefecture_codes, code[:2])

    def prefecture_index(self, code: str) -> int:
        """Index of a prefecture by its code."""
        return int(np.searchsorted(self.prefecture_codes, code))

    def draw_county(self, prefectures: Ints, uniform: Floats) -> Ints:
        """A county of each given prefecture, by residents; uniform: one number in [0, 1) each."""
        upper = np.cumsum(self.population)  # codes are sorted, so a prefecture's counties lie side by side
        ends = np.cumsum(self.prefecture_population)
        starts = ends - self.prefecture_population
        target = starts[prefectures] + uniform * self.prefecture_population[prefectures]
        last = np.searchsorted(self.prefecture, prefectures, side="right") - 1
        return np.minimum(np.searchsorted(upper, target, side="right"), last)

    def draw_other_county(self, counties: Ints, uniform: Floats, area: Ints) -> Ints:
        """A county of the same area as each given one, but another, by residents; the given one where it is alone.

        area: index of each county's area (n), in the order of codes: `prefecture` or `province`.
        """
        upper, own = np.cumsum(self.population), self.population[counties]
        total = np.bincount(area, self.population)
        starts = (np.cumsum(total) - total)[area[counties]]
        target = starts + uniform * (total[area[counties]] - own)
        target += np.where(target >= upper[counties] - own, own, 0)  # step over the given county
        last = np.searchsorted(area, area[counties], side="right") - 1
        return np.minimum(np.searchsorted(upper, target, side="right"), last)


def unit_vectors(lon: Floats, lat: Floats) -> Floats:
    """Points on the sphere as unit vectors."""
    east, north = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def distance_km(one: Floats, other: Floats) -> Floats:
    """Great-circle distance of unit vectors (... x 3)."""
    chord = np.linalg.norm(one - other, axis=-1)
    return 2 * EARTH_KM * np.arcsin(np.minimum(chord / 2, 1))


@functools.cache
def shipped_places() -> Places:
    """The counties that popflow ships."""
    from popflow.geography.counties import shipped_counties

    return Places.of(shipped_counties())

"""The cells of the three MNOs: a few in every county, some of them at its border.

A cell stands inside its county and serves mostly that county: the radius of most is below the distance to the border,
that of a border cell a fifth above it. So the county with the largest share of a service area is the county in which
the cell stands, and a record's county is the truth's unless a trouble says otherwise.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from popflow.dates import ONE_DAY
from popflow.synthetic.people import MNOS
from popflow.synthetic.places import Floats, Ints, Places
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.troubles import Troubles

PREFIXES = ("460-00", "460-01", "460-11")  # mobile country and network code of each MNO
FEWEST_CELLS, MOST_CELLS, RESIDENTS_A_CELL = 3, 8, 250_000  # per county and MNO
BORDER_SHARE, BORDER_REACH = 0.2, 1.2
LARGEST_RADIUS_M, SMALLEST_RADIUS_M = 3000.0, 50.0
METRES_A_DEGREE = 111_320.0
IN_SERVICE = dt.timedelta(days=365)  # before the first date
MOVED_SHARE, RETIRED_SHARE = 0.01, 0.01
UNKNOWN_CELLS = 64  # ids that no table has ever held, per MNO


@dataclass(frozen=True, eq=False)
class Cells:
    """All cells, ordered by MNO and county; those of one MNO and county lie side by side from start[mno, county].

    listed: whether the cell table knows the cell. lac, ci: as in the cell id.
    """

    mno: Ints
    county: Ints
    lon: Floats
    lat: Floats
    radius_m: Floats
    lac: Ints
    ci: Ints
    listed: NDArray[np.bool_]
    start: Ints
    count: Ints

    @functools.cached_property
    def ids(self) -> NDArray[np.str_]:
        """Canonical cell ids."""
        return np.array([f"{PREFIXES[m]}-{lac}-{ci}" for m, lac, ci in zip(self.mno, self.lac, self.ci, strict=True)])


def place_cells(places: Places, troubles: Troubles, seed: int) -> Cells:
    """The nation's cells; `new_cells` takes some of them out of the cell table."""
    mno, county, lon, lat, radius_m, lac, ci, count = _standing(places, seed)
    start = (np.cumsum(count) - count.ravel()).reshape(count.shape)
    listed = stream(seed, "new_cells").random(len(mno)) >= troubles.new_cells
    return Cells(mno, county, lon, lat, radius_m, lac, ci, listed, start, count)


@functools.lru_cache(maxsize=4)  # the troubles of one seed share their cells
def _standing(places: Places, seed: int) -> tuple[Ints, Ints, Floats, Floats, Floats, Ints, Ints, Ints]:
    draw = stream(seed, "cells")
    wanted = np.clip(places.population // RESIDENTS_A_CELL, 0, MOST_CELLS - FEWEST_CELLS).astype(int) + FEWEST_CELLS
    points = [_points_inside(polygon, 3 * n, draw) for polygon, n in zip(places.polygons, wanted, strict=True)]
    county = np.repeat(np.arange(len(places)), 3 * wanted)
    mno = np.concatenate([np.repeat(np.arange(3), n) for n in wanted])
    lon, lat, to_border_m = (np.concatenate(column) for column in zip(*points, strict=True))
    order = np.lexsort((county, mno))
    county, mno, lon, lat, to_border_m = county[order], mno[order], lon[order], lat[order], to_border_m[order]
    count = np.tile(wanted, (3, 1))
    lac, ci = 4096 + 7 * county + mno, draw.permutation(9 * len(mno))[: len(mno)] + 1000
    return mno, county, lon, lat, _radius_m(to_border_m, draw), lac, ci, count


def _radius_m(to_border_m: Floats, draw: Stream) -> Floats:
    at_border = draw.random(len(to_border_m)) < BORDER_SHARE
    reach = np.where(at_border, BORDER_REACH, draw.uniform(0.3, 0.9, len(to_border_m)))
    return np.clip(to_border_m * reach, SMALLEST_RADIUS_M, LARGEST_RADIUS_M)


def _points_inside(polygon: shapely.Geometry, count: int, draw: Stream) -> tuple[Floats, Floats, Floats]:
    """Points inside a polygon (lon, lat) and their distance to its border in metres, rather far from it than near."""
    shapely.prepare(polygon)
    west, south, east, north = polygon.bounds
    inside, enough = np.empty((0, 2)), count + count // 3
    while len(inside) < enough:
        tries = draw.uniform((west, south), (east, north), (3 * count, 2))
        inside = np.vstack([inside, tries[shapely.contains_xy(polygon, tries)]])
    distance = shapely.distance(polygon.boundary, shapely.points(inside[:enough]))
    chosen = draw.permutation(np.argsort(-distance, kind="stable")[:count])
    shortest_degree_m = METRES_A_DEGREE * np.cos(np.radians(north))
    return inside[chosen, 0], inside[chosen, 1], distance[chosen] * shortest_degree_m


def cell_table(cells: Cells, first: dt.date, seed: int) -> pd.DataFrame:
    """The cells by the contract `cells`: those listed, and of some an earlier place; and retired ones.

    What is no longer so ended on the day before `first`.
    """
    draw = stream(seed, "cell_table")
    frame = pd.DataFrame(
        {
            "mno": np.array(MNOS)[cells.mno],
            "cell_id": cells.ids,
            "lon": cells.lon,
            "lat": cells.lat,
            "radius_m": cells.radius_m,
            "valid_from": first - IN_SERVICE,
            "valid_to": None,
        }
    )[cells.listed]
    moved = frame.sample(frac=MOVED_SHARE, random_state=int(draw.integers(2**31)))
    retired = frame.sample(frac=RETIRED_SHARE, random_state=int(draw.integers(2**31)))
    elsewhere = frame.sample(len(moved), random_state=int(draw.integers(2**31)))
    earlier = moved.assign(lon=elsewhere["lon"].to_numpy(), lat=elsewhere["lat"].to_numpy())
    gone = [f"{cell_id[:6]}-60000-{number}" for number, cell_id in enumerate(retired["cell_id"])]
    retired = retired.assign(cell_id=gone)
    frame.loc[moved.index, "valid_from"] = first
    old = pd.concat([earlier, retired]).assign(valid_to=first - ONE_DAY)
    return pd.concat([frame, old], ignore_index=True)

"""How long cells -> cell_to_county takes: python benchmarks/geography.py [--cells N] [--where hubei|nation].

Sites are drawn as people live (counties by residents, uniform inside the county's bounds), radii as networks are built
(300 m in the densest counties to 5 km in the emptiest), and every cell has a site of its own, which no network has.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import time

import geopandas as gpd
import numpy as np
import pandas as pd

from popflow.geography.cells import locate_cells
from popflow.geography.counties import shipped_counties


def drawn_cells(counties: gpd.GeoDataFrame, number: int, seed: int) -> pd.DataFrame:
    """Cells as in their contract, in and around the counties."""
    random = np.random.default_rng(seed)
    residents = counties["population"].fillna(0).to_numpy(dtype=float)
    county = random.choice(len(counties), number, p=residents / residents.sum())
    bounds = counties.geometry.bounds.to_numpy()
    west, south, east, north = bounds[county].T
    density = residents / np.maximum(counties.geometry.to_crs("ESRI:102025").area.to_numpy() / 1e6, 1)
    typical_m = np.clip(20_000 / np.sqrt(np.maximum(density, 1)), 300, 5_000)
    return pd.DataFrame(
        {
            "mno": random.choice(["mobile", "unicom", "telecom"], number),
            "cell_id": np.char.add("460-00-", np.arange(number).astype(str)),
            "lon": random.uniform(west, east),
            "lat": random.uniform(south, north),
            "radius_m": typical_m[county] * random.uniform(0.5, 2, number),
            "valid_from": dt.date(2020, 1, 1),
            "valid_to": None,
        }
    )


def main() -> None:
    """Print seconds, cells a second, peak memory and where the cells were found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--where", choices=["hubei", "nation"], default="hubei")
    arguments = parser.parse_args()
    start = time.perf_counter()
    counties = shipped_counties()
    loaded = time.perf_counter()
    home = counties[counties["province_code"] == "420000"] if arguments.where == "hubei" else counties
    cells = drawn_cells(home, arguments.cells, seed=1)
    drawn, computed = time.perf_counter(), time.process_time()
    frame, coverage = locate_cells(cells, counties)
    seconds, core_seconds = time.perf_counter() - drawn, time.process_time() - computed
    print(f"counties loaded in {loaded - start:.1f} s")
    print(f"{len(cells):,} cells, {len(frame):,} rows in {seconds:.1f} s, {len(cells) / seconds:,.0f} cells/s")
    print(f"{core_seconds:.1f} core seconds, {core_seconds / len(cells) * 1e6:.0f} a million cells")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
    print(coverage.to_string(index=False))


if __name__ == "__main__":
    main()

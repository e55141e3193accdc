"""From the cells of the MNOs to the counties that they serve."""

from __future__ import annotations

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from popflow import contracts
from popflow.errors import PopflowError
from popflow.geography.counties import WGS84
from popflow.geography.service_area import NOWHERE, CountyIndex, Shares, codes_in_order, joined
from popflow.geography.validity import period, refuse_overlaps
from popflow.progress import Progress, silent

SITES_AT_ONCE = 20_000  # bounds the memory: about 40 MB of circles and pairs a core
SHARE_DIGITS = 6
CELL = ["mno", "cell_id", "valid_from"]
COLUMNS = ["mno", "cell_id", "county_code", "area_share", "is_border", "valid_from", "valid_to"]
PERIOD = ["county_code", "valid_from", "valid_to"]


def cell_to_county(cells: pd.DataFrame, counties: gpd.GeoDataFrame, on_progress: Progress = silent) -> pd.DataFrame:
    """Counties in the service area of each cell: the columns of the contract `cell_to_county`.

    `cells` as in their contract, `counties` with county_code and geometry (WGS-84). A cell that touches no county is
    given to the nearest one within 5 km; a cell at sea or abroad has no row (`coverage` counts them). Rows keep the
    order of the cells, then of the codes. on_progress counts service areas.

    Raises PopflowError where two rows of a cell overlap in time, a cell has no place, or a county has two polygons.
    """
    return locate_cells(cells, counties, on_progress)[0]


def locate_cells(
    cells: pd.DataFrame, counties: gpd.GeoDataFrame, on_progress: Progress = silent
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`cell_to_county`, and how many cells it found where: one row per MNO.

    The second frame: mno, cells, in_one_county, on_border, just_outside, dropped (at sea or abroad); rows of `cells`.
    """
    _refuse_what_has_no_answer(cells, counties)
    sites, site_of_cell = _sites(cells)
    shares = _in_order(_located(sites, counties, on_progress))
    cell, row = _rows_of_cells(site_of_cell, shares.site, len(sites))
    frame = cells.iloc[cell][["mno", "cell_id", "valid_from", "valid_to"]].reset_index(drop=True)
    counties_of_site = np.bincount(shares.site, minlength=len(sites))
    frame["county_code"] = codes_in_order(counties)[shares.county[row]]
    frame["area_share"] = np.round(shares.share[row], SHARE_DIGITS)
    frame["is_border"] = counties_of_site[shares.site[row]] > 1
    outside = np.zeros(len(sites), dtype=bool)
    outside[shares.site[shares.just_outside]] = True
    return frame[COLUMNS], _coverage(cells["mno"], counties_of_site[site_of_cell], outside[site_of_cell])


def largest_share(cell_to_county: pd.DataFrame) -> pd.DataFrame:
    """One county for each cell and period of validity: that with the largest share, ties to the smaller code."""
    rows = cell_to_county.reset_index(drop=True)
    shared = rows["is_border"]
    best_first = rows[shared].sort_values(["area_share", "county_code"], ascending=[False, True])
    return pd.concat([rows[~shared], best_first.drop_duplicates(CELL)]).sort_index().reset_index(drop=True)


def covered_counties(cell_to_county: pd.DataFrame, date: dt.date) -> list[str]:
    """Codes of the counties that have a cell on a date, in order.

    A cell counts for the county that its records go to, that with the largest share: a county that only lends a strip
    to its neighbours' cells can hold nobody.
    """
    schema = contracts.load().table("cell_to_county").arrow_schema()
    return covered_between(
        county_periods(pa.Table.from_pandas(cell_to_county, schema, preserve_index=False)), date, date
    )


def county_periods(cell_to_county: pa.Table) -> pd.DataFrame:
    """Periods in which each county has a cell (see `covered_counties`), those that meet or overlap made one.

    Looks at every cell once; what remains is a few periods a county, from which `covered_between` answers for any date.
    In: contract `cell_to_county`. Out: county_code, first, last (both included, in days since 1970-01-01).
    """
    is_shared = cell_to_county["is_border"]
    of_one = cell_to_county.filter(pc.invert(is_shared)).select(PERIOD).group_by(PERIOD).aggregate([])
    of_many = largest_share(cell_to_county.filter(is_shared).to_pandas(date_as_object=True))
    rows = pd.concat([of_one.to_pandas(date_as_object=True), of_many[PERIOD]], ignore_index=True)
    first, last = (days.astype("int64") for days in period(rows))
    days = rows[["county_code"]].assign(first=first, last=last).sort_values(["county_code", "first"])
    reached = days.groupby("county_code")["last"].cummax().shift()
    goes_on = (days["county_code"] == days["county_code"].shift()) & (days["first"] <= reached + 1)
    one = days.groupby((~goes_on).cumsum())
    return one.agg({"county_code": "first", "first": "min", "last": "max"}).reset_index(drop=True)


def covered_between(periods: pd.DataFrame, first: dt.date, last: dt.date) -> list[str]:
    """Codes of the counties that have a cell on some day from first to last, both included, in order.

    In: what `county_periods` gives.
    """
    since, until = (int(np.datetime64(date, "D").astype("int64")) for date in (first, last))
    holds = (periods["first"] <= until) & (periods["last"] >= since)
    return sorted(periods.loc[holds, "county_code"].unique())


def _refuse_what_has_no_answer(cells: pd.DataFrame, counties: gpd.GeoDataFrame) -> None:
    refuse_overlaps(cells, "cells")
    placeless = cells[["lon", "lat", "radius_m"]].isna().any(axis=1)
    if placeless.any():
        raise PopflowError(f"cells: lon, lat or radius_m is empty in {int(placeless.sum()):,} rows; fill them")
    twice = counties["county_code"][counties["county_code"].duplicated()]
    if len(twice):
        raise PopflowError(f"counties: county_code {twice.iloc[0]} occurs more than once; give one edition")
    if counties.crs != WGS84:
        raise PopflowError(f"counties: geometry is in {counties.crs}, not in {WGS84}; reproject it")


def _sites(cells: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Distinct service areas, and the number of each cell's: the cells of a mast share theirs."""
    area = cells[["lon", "lat", "radius_m"]].astype("float64")
    number = area.groupby(["lon", "lat", "radius_m"], sort=True).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    return area.iloc[first], number


def _located(sites: pd.DataFrame, counties: gpd.GeoDataFrame, on_progress: Progress) -> Shares:
    """Counties of all sites; shapely lets go of the interpreter while it computes, so threads share the cores."""
    chunks = [sites.iloc[start : start + SITES_AT_ONCE] for start in range(0, len(sites), SITES_AT_ONCE)]
    workers = min(os.cpu_count() or 1, len(chunks))
    idle: SimpleQueue[CountyIndex] = SimpleQueue()
    for _ in range(workers):
        idle.put(CountyIndex(counties))
    located, done = [NOWHERE], 0
    with ThreadPoolExecutor(workers or 1) as threads:
        for chunk, found in zip(chunks, threads.map(lambda chunk: _chunk_located(chunk, idle), chunks), strict=True):
            located.append(replace(found, site=found.site + done))
            done += len(chunk)
            on_progress(f"{done:,} of {len(sites):,} service areas")
    return joined(located)


def _chunk_located(chunk: pd.DataFrame, idle: SimpleQueue[CountyIndex]) -> Shares:
    index = idle.get()
    try:
        return index.shares(*(chunk[name].to_numpy() for name in ("lon", "lat", "radius_m")))
    finally:
        idle.put(index)


def _in_order(shares: Shares) -> Shares:
    order = np.lexsort((shares.county, shares.site))
    return Shares(shares.site[order], shares.county[order], shares.share[order], shares.just_outside[order])


def _rows_of_cells(site_of_cell: np.ndarray, site_of_row: np.ndarray, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Joins cells to the rows of their site: positions of the cell and of the row (rows are sorted by site)."""
    rows_of_site = np.bincount(site_of_row, minlength=sites)
    first_of_site = np.cumsum(rows_of_site) - rows_of_site
    rows = rows_of_site[site_of_cell]
    cell = np.repeat(np.arange(len(site_of_cell)), rows)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(rows) - rows, rows)
    return cell, first_of_site[site_of_cell][cell] + nth


def _coverage(mno: pd.Series, counties: np.ndarray, just_outside: np.ndarray) -> pd.DataFrame:
    kinds = pd.DataFrame(
        {
            "mno": mno.to_numpy(),
            "cells": 1,
            "in_one_county": (counties == 1) & ~just_outside,
            "on_border": counties > 1,
            "just_outside": just_outside,
            "dropped": counties == 0,
        }
    )
    return kinds.groupby("mno", as_index=False).sum()

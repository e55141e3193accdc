"""Reference data into the lake: counties, cells with the counties they serve, the MNOs' registers of subscribers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import geopandas as gpd
from pyspark.sql import DataFrame

from popflow.errors import PopflowError
from popflow.geography.counties import from_contract, shipped_counties, to_contract
from popflow.geography.county_files import read_counties
from popflow.geography.served import cells_and_counties
from popflow.geography.tiling import tiling
from popflow.intake.register import edition_on, load_subscribers
from popflow.lake import Lake
from popflow.progress import Progress, silent


def load_reference(
    lake: Lake,
    kind: str,
    file: Path,
    as_of: dt.date | None,
    on_progress: Progress = silent,
    encoding: str | None = None,
) -> str:
    """Load one file of counties, cells or subscribers; lines on what was loaded. encoding: of a Shapefile's names."""
    if encoding is not None and kind != "counties":
        raise PopflowError(f"--encoding is for counties; {kind} are read as UTF-8")
    if kind == "counties":
        return load_counties(lake, file, on_progress, encoding)
    if kind == "cells":
        return load_cells(lake, file, on_progress)
    sims = load_subscribers(lake, str(file), as_of or dt.date(1970, 1, 1))
    return f"{sims:,} SIMs loaded, as of {as_of or 'ever'}"


def load_counties(lake: Lake, file: Path | None, on_progress: Progress = silent, encoding: str | None = None) -> str:
    """Counties of the user's own, or those that popflow ships where file is None; lines on what was loaded.

    Raises PopflowError, with nothing written, where two of the user's overlap by more than the contract allows.
    """
    counties = read_counties(file, encoding=encoding) if file else shipped_counties(on_progress)
    said = [f"{len(counties):,} counties loaded, edition {', '.join(sorted(set(counties['edition'])))}"]
    if file:
        on_progress("whether they tile")
        found = tiling(counties)
        found.refuse_overlaps(str(file), lake.contracts.table("counties").bounds["most_overlap_percent"])
        said += found.sentences()
    lake.replace("counties", lake.frame("counties", to_contract(counties)))
    if file and lake.exists("cells"):
        said.append("load the cells again: each was matched with the counties before")
    return "\n".join(said)


def load_cells(lake: Lake, file: Path, on_progress: Progress = silent) -> str:
    """Cells of the user's own, and the counties that each serves; loads popflow's counties where the lake has none.

    Out: a line on what was loaded, and one for each MNO and reason on what was left out. Raises PopflowError, with
    nothing written, where that is more than the contract of `cells` allows. A night reads `cell_to_county` alone: it
    is written last and in one commit, so that a load that dies leaves it as it was.
    """
    most_percent = lake.contracts.table("cells").bounds["most_left_out_percent"]

    def counties() -> gpd.GeoDataFrame:
        if not lake.exists("counties"):
            load_counties(lake, None, on_progress)
        return from_contract(lake.read_pandas("counties"))

    feeds = lake.contracts.feeds.values()
    given, shares = cells_and_counties(file, feeds, counties, most_percent, on_progress)
    tables = {"cells": lake.frame("cells", given.cells), "cell_to_county": lake.frame("cell_to_county", shares)}
    for name, rows in tables.items():
        lake.replace(name, rows, mno=sorted(given.rows))
    return "\n".join([f"{len(given.cells):,} cells loaded", *map(str, given.left_out)])


def register_on(lake: Lake, date: dt.date) -> DataFrame:
    """The edition of the register that holds on a date: the newest that is not younger."""
    edition = edition_on(lake, date)
    if edition is None:
        raise PopflowError(f"no register of subscribers holds on {date}: popflow reference load subscribers FILE")
    return lake.read("subscribers", as_of=edition)

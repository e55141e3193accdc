"""Reference data into the lake: counties, cells with the counties they serve, the MNOs' registers of subscribers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame

from popflow.errors import PopflowError
from popflow.geography.cell_files import read_cells
from popflow.geography.cells import cell_to_county
from popflow.geography.counties import from_contract, shipped_counties, to_contract
from popflow.geography.county_files import read_counties
from popflow.intake.register import edition_on, load_subscribers
from popflow.lake import Lake

Say = Callable[[str], None]


def load_reference(lake: Lake, kind: str, file: Path, as_of: dt.date | None, say: Say = lambda _: None) -> str:
    """Load one file of counties, cells or subscribers; a sentence on what was loaded."""
    if not file.exists():
        raise PopflowError(f"{file}: there is no such file")
    loaders = {"counties": load_counties, "cells": load_cells}
    if kind in loaders:
        return loaders[kind](lake, file, say)
    sims = load_subscribers(lake, str(file), as_of or dt.date(1970, 1, 1))
    return f"{sims:,} SIMs loaded, as of {as_of or 'ever'}"


def load_counties(lake: Lake, file: Path | None, say: Say = lambda _: None) -> str:
    """Counties of the user's own, or those that popflow ships where file is None."""
    counties = read_counties(file) if file else shipped_counties()
    lake.replace("counties", lake.frame("counties", to_contract(counties)))
    return f"{len(counties):,} counties loaded, edition {', '.join(sorted(set(counties['edition'])))}"


def load_cells(lake: Lake, file: Path, say: Say = lambda _: None) -> str:
    """Cells of the user's own, and the counties that each serves; loads popflow's counties where the lake has none."""
    cells = read_cells(file, tuple(lake.contracts.mno_bits()))
    if not lake.exists("counties"):
        load_counties(lake, None)
    counties = from_contract(lake.read_pandas("counties"))
    shares = cell_to_county(cells, counties)
    mnos = sorted(set(cells["mno"]))
    lake.replace("cells", lake.frame("cells", cells), mno=mnos)
    lake.replace("cell_to_county", lake.frame("cell_to_county", shares), mno=mnos)
    return f"{len(cells):,} cells loaded"


def register_on(lake: Lake, date: dt.date) -> DataFrame:
    """The edition of the register that holds on a date: the newest that is not younger."""
    edition = edition_on(lake, date)
    if edition is None:
        raise PopflowError(f"no register of subscribers holds on {date}: popflow reference load subscribers FILE")
    return lake.read("subscribers", as_of=edition)

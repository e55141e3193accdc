"""A file of cells and the counties that each serves: one way for the lake that loads it and the MNO that tries it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import geopandas as gpd
import pandas as pd

from popflow.feeds import Feed
from popflow.geography.cell_files import GivenCells, given_cells
from popflow.geography.cells import locate_cells
from popflow.progress import Progress, silent


def cells_and_counties(
    file: Path,
    feeds: Iterable[Feed],
    counties: Callable[[], gpd.GeoDataFrame],
    most_percent: float,
    on_progress: Progress = silent,
) -> tuple[GivenCells, pd.DataFrame]:
    """Usable cells of a file with what was left out, and their rows of the contract `cell_to_county`.

    counties: asked for once the file itself holds. Raises PopflowError, naming file, row and mend, for a file that
    cannot be used, and where more than most_percent of an MNO's cells are left out.
    """
    given = given_cells(file, feeds)
    given.refuse_too_many(most_percent)
    shares, found = locate_cells(given.cells, counties(), on_progress)
    given = given.without_county(found)
    given.refuse_too_many(most_percent)
    return given, shares

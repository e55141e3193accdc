"""The cells that a delivery is checked against: a file as `popflow reference load cells` takes it, without a lake."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import pyarrow as pa

from popflow.contracts import Contracts
from popflow.errors import PopflowError, printable
from popflow.geography.counties import shipped_counties
from popflow.geography.county_files import read_counties
from popflow.geography.served import cells_and_counties
from popflow.progress import Progress, silent


class KnownCells(NamedTuple):
    """Rows of the contract `cell_to_county` of one MNO, and lines on what its file lacks."""

    table: pa.Table
    said: list[str]


def known_cells(
    file: Path, contracts: Contracts, mno: str, counties: Path | None = None, on_progress: Progress = silent
) -> KnownCells:
    """The cells of an MNO with their counties, as a lake that loaded the file would know them.

    counties: a file of one's own polygons, else those that popflow ships. Raises PopflowError as the loading does, and
    where the file has no cell of the MNO.
    """

    def polygons() -> gpd.GeoDataFrame:
        return read_counties(counties) if counties else shipped_counties(on_progress)

    most_percent = contracts.table("cells").bounds["most_left_out_percent"]
    given, shares = cells_and_counties(file, contracts.feeds.values(), polygons, most_percent, on_progress)
    own = shares[shares["mno"] == mno]
    if own.empty:
        raise PopflowError(f"{printable(file)}: has no cell of {printable(mno)}; give the file with its cells")
    schema = contracts.table("cell_to_county").arrow_schema()
    table = pa.Table.from_pandas(own, schema, preserve_index=False)
    return KnownCells(table, [str(one) for one in given.left_out if one.mno == mno])

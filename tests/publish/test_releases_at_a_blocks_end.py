"""The last day of a block: outflow, block and stock, each a release of its own, and none where a day is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from small_lake import COUNTIES, EVERY_DAY, MNOS, exact, small_lake, stock

from popflow import disclosure
from popflow.contracts import Contracts
from popflow.corrections import correct
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.release import audited_history, block_obstacle, release_date, releases_of, stock_obstacle
from published_lake import release_row, write_table

END = dt.date(2020, 1, 22)
MISSING = dt.date(2020, 1, 15)


def released_before(root: Path, contracts: Contracts, date: dt.date, mnos: tuple[str, ...] = MNOS) -> None:
    """A release of an earlier day of the block."""
    given = {"areas": contracts.areas, "covered_counties": COUNTIES, "mnos": MNOS, "rules": contracts.disclosure}
    table = disclosure.protect_flows(exact(date, EVERY_DAY), date=date, release=1, definition="day-end-1", **given)
    write_table(root, "flows", table.rows)
    write_table(root, "atoms", table._atoms.to_pandas(date_as_object=True))
    write_table(root, "releases", pd.DataFrame([release_row(date) | {"mnos": list(mnos)}]))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, contracts: Contracts, spark) -> Lake:
    """The last night of a block, of which one day was never released."""
    lake = small_lake(tmp_path_factory.mktemp("block") / "lake", contracts, spark, END)
    for back in range(13, 0, -1):
        if (date := END - dt.timedelta(days=back)) != MISSING:
            released_before(Path(lake.root), contracts, date)
    return lake


@pytest.mark.slow
def test_a_block_is_released_when_all_its_days_are_and_then_they_are_closed(lake: Lake, contracts: Contracts):
    first = release_date(lake, END, MNOS, "night")
    assert list(first.tables) == ["outflow", "stock"]
    assert "no outflow_block of 2020-01-22: of its 14 dates 2020-01-15 was never released" in first.said

    released_before(Path(lake.root), contracts, MISSING)
    again = release_date(lake, END, MNOS, "again")
    assert list(again.tables) == ["outflow_block"]
    rows = lake.read_pandas("flows", date=END)
    block, stocks = (rows[rows["indicator"] == name] for name in ("outflow_block", "stock"))
    assert set(block["destination_level"]) >= {"all", "border", "prefecture"}
    assert block["persons"].max() == sum(EVERY_DAY.values())
    assert {"stayed_in_wuhan", "stayed_in_hubei_without_wuhan"} <= set(stocks["origin_code"])
    assert "roaming_wuhan" not in set(stocks["origin_code"])

    last = release_date(lake, END, MNOS, "once more")
    assert last.tables == {}
    assert last.said.count("was released before; first write wins") == 3
    assert len(lake.read_pandas("flows", date=END)) == len(rows)
    assert [one["run_id"] for one in releases_of(lake, "outflow_block", END)] == ["again"]
    assert audited_history(lake).ok
    with pytest.raises(PopflowError, match="its dates are closed"):
        correct(lake, END, "late files", "Li Na", "late")


def test_a_lake_that_begins_within_a_block_releases_neither_block_nor_stock(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    for back in range(3, -1, -1):
        date = END - dt.timedelta(days=back)
        released_before(Path(lake.root), contracts, date)
        write_table(Path(lake.root), "stock_exact", stock(date))
    assert block_obstacle(lake, END, MNOS) == "of its 14 dates 2020-01-09 was never released (10 such dates)"
    assert stock_obstacle(lake, END) == ("the night of 2020-01-09 has not run, and a stay of that day would be missed")


def test_a_block_is_of_the_same_mnos_on_all_its_days(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    for back in range(13, -1, -1):
        released_before(Path(lake.root), contracts, END - dt.timedelta(days=back), MNOS if back != 4 else MNOS[:2])
    assert block_obstacle(lake, END, MNOS) == "2020-01-18 was released of other MNOs than 2020-01-22"

"""Between which counties somebody can have moved on a date: no further back than a day end is carried, and no less."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from popflow.contracts import Contracts
from popflow.disclosure import protect_flows
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.movement.day_end import day_ends
from popflow.movement.definition import CARRY_DAYS
from popflow.movement.slots import Before, Sightings, absorb_ping_pong, fill, resolve
from popflow.release.candidates import day_end_counties, protected
from published_lake import write_table
from small_lake import COUNTIES, EVERY_DAY, MNOS, cells, exact

DAY, ONE_DAY = dt.date(2020, 1, 22), dt.timedelta(days=1)
GONE = "420503"  # its one cell ends
HOME, WAY, END = 420503, 420602, 430102


def lake_until(last: dt.date, root: Path, contracts: Contracts, code: str = GONE) -> Lake:
    """A lake in which a county's one cell is on the air until a date, that date included; the others' for ever."""
    cell = cells().head(1).assign(cell_id="460-00-9-9", county_code=code, valid_to=last)
    write_table(root, "cell_to_county", pd.concat([cells().astype({"valid_to": object}), cell]))
    return Lake(root, contracts)


def back(days: int) -> dt.date:
    return DAY - ONE_DAY * days


def test_a_day_can_end_in_a_county_that_was_last_seen_the_day_before():
    """At home until 23:45; at 05:00 one ping on the way; at 23:30 the next county: home has the last run of an hour."""
    seen = np.zeros((2, 96), dtype=bool)
    seen[0, 20], seen[1, 94] = True, True
    sightings = Sightings(np.array([0, 0], np.int32), np.array([WAY, END], np.int32), seen)
    before = Before(county=np.array([HOME], np.int32), silent_slots=np.array([0], np.int32))
    assert day_ends(absorb_ping_pong(fill(resolve(sightings, before), before))).tolist() == [HOME]


@pytest.mark.parametrize(("days_ago", "can_end"), [(0, True), (CARRY_DAYS, True), (8, True), (9, False)])
def test_a_date_ends_where_a_cell_was_on_it_or_on_the_8_days_before(
    days_ago: int, can_end: bool, tmp_path: Path, contracts: Contracts
):
    lake = lake_until(back(days_ago), tmp_path, contracts)
    assert (GONE in day_end_counties(lake)(DAY)) is can_end


@pytest.mark.parametrize(("days_ago", "released"), [(8, True), (9, True), (10, False)])
def test_who_was_last_seen_on_d_minus_8_has_an_origin_that_the_gate_takes(
    days_ago: int, released: bool, tmp_path: Path, contracts: Contracts
):
    """Silent for 7 days and seen again on the 8th (the scenario silent_for_seven_days); the county has no cell now."""
    lake = lake_until(back(days_ago), tmp_path, contracts)
    write_table(tmp_path, "flows_exact", exact(DAY, EVERY_DAY | {(GONE, "430102"): 1}))
    if released:
        assert protected(lake, contracts.headline, DAY, MNOS).root_persons == sum(EVERY_DAY.values()) + 1
    else:
        with pytest.raises(PopflowError, match="covered_counties: 1 places"):
            protected(lake, contracts.headline, DAY, MNOS)


def test_a_county_that_can_hold_nobody_hides_nobody(contracts: Contracts):
    """Two with 19 each and one that had no cell for long: in a rest of 38 the two would be known to have 19 each."""
    moves = EVERY_DAY | {("420102", "430104"): 19, ("420102", "430105"): 19, ("420102", "430111"): 70}
    gone = "430112"
    given = {"date": DAY, "release": 1, "areas": contracts.areas, "mnos": MNOS, "rules": contracts.disclosure}
    given["indicator"] = contracts.headline
    table = protect_flows(exact(DAY, moves), covered_counties=COUNTIES, covered_before=[*COUNTIES, gone], **given)
    rows = table.rows
    to_changsha = rows[(rows["origin_code"] == "420100") & (rows["destination_level"] == "county")]
    by_code = dict(zip(to_changsha["destination_code"], to_changsha["persons"], strict=True))
    assert by_code.get("rest_of_430100") != 38
    known_to_be_empty = protect_flows(exact(DAY, moves), covered_counties=[*COUNTIES, gone], **given).rows
    assert 38 in known_to_be_empty.loc[known_to_be_empty["destination_code"] == "rest_of_430100", "persons"].tolist()

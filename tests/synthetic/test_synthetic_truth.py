"""The truth: what the records say is what the truth says, and nobody is lost."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from small_nations import DAYS, FIRST, PERSONS, Simulated

from popflow.geography.codes import prefecture_of

POSITIONS = (
    "SELECT * REPLACE (CAST(county AS VARCHAR) AS county) FROM read_parquet('{out}/truth/positions/*/*.parquet')"
)


def located(nation: Simulated, mno: str) -> pd.DataFrame:
    """Records of an MNO with the county of their cell and the true county of their person, where there is one."""
    rows = nation.rows(mno)
    rows = rows.assign(date=rows["time"].dt.date, slot=rows["time"].dt.hour * 4 + rows["time"].dt.minute // 15)
    sims = nation.truth("SELECT person, mno, sim_token FROM '{out}/truth/sims.parquet'").query("mno == @mno")
    cells = nation.truth("SELECT mno, cell_id, county FROM '{out}/truth/cells.parquet'").query("mno == @mno")
    rows = rows.merge(sims.drop(columns="mno")).merge(cells.drop(columns="mno"))
    runs = nation.truth(POSITIONS).rename(columns={"county": "true_county"})
    runs["date"] = pd.to_datetime(runs["date"]).dt.date
    joined = rows.merge(runs, on=["person", "date"])
    return joined[(joined["slot"] >= joined["first_slot"]) & (joined["slot"] < joined["first_slot"] + joined["slots"])]


@pytest.mark.parametrize("mno", ["mobile", "unicom", "telecom"])
def test_every_record_is_heard_in_the_true_county(everyday: Simulated, mno: str) -> None:
    records = located(everyday, mno)
    assert len(records) > 10_000
    assert (records["county"] == records["true_county"]).all()


def test_without_troubles_every_record_has_a_listed_cell_and_a_registered_sim(quiet: Simulated) -> None:
    listed = set(quiet.truth("SELECT cell_id FROM '{out}/reference/cells.parquet' WHERE valid_to IS NULL")["cell_id"])
    register = set(quiet.truth("SELECT sim_token FROM '{out}/reference/subscribers.parquet'")["sim_token"])
    for mno in ("mobile", "unicom", "telecom"):
        rows = quiet.rows(mno)
        assert set(rows["cell_id"]) <= listed
        assert set(rows["sim_token"]) <= register
        assert set(rows["time"].dt.date) == {FIRST + dt.timedelta(days=day) for day in range(DAYS)}


def test_runs_cover_every_person_and_quarter_hour_once(hard: Simulated) -> None:
    runs = hard.truth(POSITIONS).sort_values(["date", "person", "first_slot"])
    days = runs.groupby(["date", "person"])
    assert len(days) == PERSONS * DAYS
    assert (days["slots"].sum() == 96).all()
    ends = runs["first_slot"] + runs["slots"]
    follows = (runs["first_slot"] == ends.shift()) | (runs["first_slot"] == 0)
    assert follows.all()


def test_flows_chain_from_day_end_to_day_end(hard: Simulated) -> None:
    flows = hard.truth("SELECT * FROM read_parquet('{out}/truth/flows/*.parquet')")
    assert (flows.groupby("date")["persons"].sum() == PERSONS).all()
    dates = sorted(flows["date"].unique())
    ended = flows[flows["date"] == dates[0]].groupby("destination_county")["persons"].sum()
    started = flows[flows["date"] == dates[1]].groupby("origin_county")["persons"].sum()
    assert ended.to_dict() == started.to_dict()


def test_the_day_end_is_the_county_of_the_last_quarter_hour(hard: Simulated) -> None:
    last = hard.truth(POSITIONS).query("first_slot + slots == 96")
    counted = last.groupby(["date", "county"]).size()
    population = hard.truth("SELECT * FROM read_parquet('{out}/truth/population/*.parquet')")
    assert population.set_index(["date", "county"])["persons"].to_dict() == counted.to_dict()


def test_a_day_starts_where_the_day_before_ended(hard: Simulated) -> None:
    runs = hard.truth(POSITIONS)
    first, second = (runs[runs["date"] == date] for date in sorted(runs["date"].unique()))
    ended = first[first["first_slot"] + first["slots"] == 96].set_index("person")["county"]
    started = second[second["first_slot"] == 0].set_index("person")["county"]
    assert ended.sort_index().equals(started.sort_index())


def test_the_last_run_of_a_day_has_at_least_four_slots(hard: Simulated) -> None:
    last = hard.truth(POSITIONS).query("first_slot + slots == 96")
    assert last["slots"].min() >= 4


def test_movers_are_counted_by_day_end(everyday: Simulated) -> None:
    flows = everyday.truth("SELECT * FROM read_parquet('{out}/truth/flows/*.parquet')")
    from_hubei = flows[flows["origin_county"].str.startswith("42")]
    moved = from_hubei["origin_county"].map(prefecture_of) != from_hubei["destination_county"].map(prefecture_of)
    by_date = from_hubei[moved].groupby("date")["persons"].sum()
    assert by_date.tolist() == list(everyday.summary.movers.values())


def test_cells_of_the_table_stand_in_the_county_that_the_truth_says(everyday: Simulated, places) -> None:  # type: ignore[no-untyped-def]
    import shapely

    frame = everyday.truth(
        "SELECT c.lon, c.lat, t.county FROM '{out}/reference/cells.parquet' c "
        "JOIN '{out}/truth/cells.parquet' t USING (mno, cell_id) WHERE c.valid_to IS NULL USING SAMPLE 2000"
    )
    polygons = places.polygons[places.county_codes.searchsorted(frame["county"].to_numpy(str))]
    assert shapely.contains_xy(polygons, frame["lon"], frame["lat"]).all()

"""The truth: what the records say is what the truth says, and nobody is lost."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from small_nations import DAYS, FIRST, PERSONS, Simulated, simulated

from popflow.geography.codes import prefecture_of
from popflow.synthetic.troubles import Troubles

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


@pytest.fixture(scope="module")
def by_day(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """The nation with every trouble but trains at midnight, in which nobody arrives after 23:00."""
    troubles = replace(Troubles.all(), midnight_trains=0.0, late_arrivals=0.0, evenings_out=0.0)
    return simulated(tmp_path_factory.mktemp("by_day"), troubles)


def test_the_day_end_is_the_county_of_the_last_quarter_hour(by_day: Simulated) -> None:
    last = by_day.truth(POSITIONS).query("first_slot + slots == 96")
    counted = last.groupby(["date", "county"]).size()
    population = by_day.truth("SELECT * FROM read_parquet('{out}/truth/population/*.parquet')")
    assert population.set_index(["date", "county"])["persons"].to_dict() == counted.to_dict()


def test_a_day_starts_where_the_day_before_ended(by_day: Simulated) -> None:
    runs = by_day.truth(POSITIONS)
    first, second = (runs[runs["date"] == date] for date in sorted(runs["date"].unique()))
    ended = first[first["first_slot"] + first["slots"] == 96].set_index("person")["county"]
    started = second[second["first_slot"] == 0].set_index("person")["county"]
    assert ended.sort_index().equals(started.sort_index())


def test_who_is_in_a_train_at_midnight_ends_the_day_where_it_began(tmp_path: Path) -> None:
    """On the way at midnight in the records' truth; in flows and day ends they leave on the date of their arrival."""
    made = simulated(tmp_path, replace(Troubles.none(), midnight_trains=1.0))
    runs = made.truth(POSITIONS)
    first, second = (runs[runs["date"] == date] for date in sorted(runs["date"].unique()))
    last = first[first["first_slot"] + first["slots"] == 96].set_index("person")
    at_midnight = last["county"]
    began = first[first["first_slot"] == 0].set_index("person")["county"]
    arrived = second[second["first_slot"] + second["slots"] == 96].set_index("person")["county"]
    left = second[second["first_slot"] == 0].set_index("person")["county"]
    on_the_way = (last["slots"] < 4) & (at_midnight != began) & (arrived != began)  # others arrive by 23:00
    assert on_the_way.sum() > 50
    flows = made.truth("SELECT * FROM read_parquet('{out}/truth/flows/*.parquet')")
    dates = sorted(flows["date"].unique())
    moved = pd.DataFrame({"origin_county": began[on_the_way], "destination_county": arrived[on_the_way]})
    known = flows[flows["date"] == dates[1]].set_index(["origin_county", "destination_county"])["persons"]
    assert all((pair in known.index) for pair in moved.itertuples(index=False, name=None))
    assert (left[on_the_way] != began[on_the_way]).mean() > 0.9
    assert (left[on_the_way] == at_midnight[on_the_way]).mean() > 0.15  # 50 km on in a quarter-hour


def test_the_last_run_of_a_day_has_at_least_four_slots(by_day: Simulated) -> None:
    last = by_day.truth(POSITIONS).query("first_slot + slots == 96")
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

"""A lake that an older popflow wrote: its nights go on, with wider tables than today's contracts; or one clear line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from deltalake import DeltaTable

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.movement.flows import counted, moves
from popflow.movement.person_states import person_states
from popflow.operations.retention import enforce_retention
from popflow.tables import Column
from published_lake import flow_rows

EVE, DAY = dt.date(2020, 1, 21), dt.date(2020, 1, 22)
SLOTS = Column(type="int", meaning="Slots of the run so far", minimum=1)
STAYS = Column(type="array<string>", meaning="Prefectures of the date's stays")
HOME = Column(type="string", meaning="Where the SIM was sold", nullable=True, pattern=r"^\d{6}$")
P, Q, SIM = "a" * 32, "b" * 32, "c" * 32


def older(contracts: Contracts, table: str, **columns: Column) -> Contracts:
    """Contracts of which one table is of its first version and had some more columns."""
    now = contracts.table(table)
    then = now.model_copy(update={"version": now.version - 1, "columns": now.columns | columns, "readers": {},
                                  "retention_days": 400})  # fmt: skip
    return contracts.model_copy(update={"tables": contracts.tables | {table: then}})


def written(root: Path, then: Contracts, date: dt.date, **more) -> None:
    """A date of flows_exact in an older lake."""
    lake = Lake(root, then)
    row = {"date": date, "origin_county": "420102", "destination_county": "430102", "persons": 3,
           "persons_registered": 3, "persons_without": {"mobile": 1}} | more  # fmt: skip
    lake.replace("flows_exact", lake.frame("flows_exact", [tuple(row[n] for n in then.table("flows_exact").columns)]),
                 date=date)  # fmt: skip


@pytest.fixture
def then(contracts: Contracts) -> Contracts:
    return older(contracts, "flows_exact", stays=STAYS, trailing_slots=SLOTS)


def test_a_partition_of_a_wider_table_is_replaced_and_the_others_are_read(tmp_path: Path, contracts, then):
    for date in (EVE, DAY):
        written(tmp_path, then, date, stays=["420100"], trailing_slots=3)
    lake = Lake(tmp_path, contracts)
    assert lake.read_pandas("flows_exact", date=EVE).columns.tolist() == list(contracts.table("flows_exact").columns)
    lake.replace("flows_exact", lake.frame("flows_exact", [(DAY, "420102", "430103", 5, 5, {"mobile": 2})]), date=DAY)
    found = lake.read_pandas("flows_exact")
    assert set(zip(found["date"], found["persons"], strict=True)) == {(EVE, 3), (DAY, 5)}
    table = DeltaTable(lake.path("flows_exact"))
    of_contract = contracts.table("flows_exact")
    assert [field.name for field in table.schema().fields] == list(of_contract.columns)
    settings = table.metadata().configuration
    assert of_contract.delta_properties().items() <= settings.items()  # its days of retention among them
    rules = {key.removeprefix("delta.constraints.") for key in settings if key.startswith("delta.constraints.")}
    assert rules == set(of_contract.constraints())


def test_it_is_brought_up_once(tmp_path: Path, contracts, then):
    written(tmp_path, then, EVE, stays=[], trailing_slots=3)
    for persons in (4, 5):
        written(tmp_path, contracts, DAY, persons=persons)
    operations = [commit["operation"] for commit in Lake(tmp_path, contracts).history("flows_exact")]
    assert operations.count("SET TBLPROPERTIES") == 1


def test_one_that_lacks_what_must_be_known_is_refused_with_the_mend(tmp_path: Path, contracts, then):
    written(tmp_path, contracts, EVE)
    newer = contracts.table("flows_exact").model_copy(
        update={"version": 9, "columns": then.table("flows_exact").columns, "readers": {}}
    )
    future = contracts.model_copy(update={"tables": contracts.tables | {"flows_exact": newer}})
    with pytest.raises(PopflowError, match="stays: version 2 of the contract flows_exact had it otherwise") as refused:
        written(tmp_path, future, DAY, stays=[], trailing_slots=3)
    assert "move the table away and make it again" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert Lake(tmp_path, contracts).read_pandas("flows_exact")["date"].tolist() == [EVE]


def test_a_table_that_no_contract_names_any_more_is_deleted_whole(tmp_path: Path, contracts: Contracts):
    stock = contracts.table("flows_exact").model_copy(update={"table": "stock_exact"})
    then = contracts.model_copy(update={"tables": contracts.tables | {"stock_exact": stock}})
    before = Lake(tmp_path, then)
    before.replace("stock_exact", before.frame("stock_exact", [(DAY, "420102", "430102", 3, 3, {"mobile": 1})]))
    written(tmp_path, contracts, DAY)
    lake = Lake(tmp_path, contracts)
    assert enforce_retention(lake, DAY).deleted == {"flows_exact": 0, "stock_exact": 1}
    assert [path.name for path in Path(lake.zone("restricted")).iterdir()] == ["flows_exact"]
    assert "stock_exact" not in enforce_retention(lake, DAY).deleted


def test_a_night_goes_on_from_an_older_state(tmp_path: Path, contracts: Contracts, spark):
    then = older(contracts, "person_state", home_prefecture=HOME, trailing_slots=SLOTS,
                 last_stay=Column(type="map<string,date>", meaning="Last stay by area"))  # fmt: skip
    before = Lake(tmp_path, then, spark)
    row = {"as_of": EVE, "person_key": P, "speaking_sim_key": SIM, "mno_mask": 1, "registered": True,
           "day_end_county": "420102", "origin_county": None, "last_seen": EVE, "trailing_county": "420102",
           "silent_slots": 4, "home_prefecture": None, "trailing_slots": 9, "last_stay": {"wuhan": EVE}}  # fmt: skip
    schema = then.table("person_state").spark_schema()
    before.replace("person_state", spark.createDataFrame([tuple(row[n] for n in schema.names)], schema), as_of=EVE)

    lake = Lake(tmp_path, contracts, spark)
    days = [(DAY, key, SIM, 1, True, None, "430102", {0: "430102"}, "430102", 0) for key in (P, Q)]
    today = spark.createDataFrame(days, contracts.table("person_day").spark_schema())
    lake.replace("person_state", person_states(lake.read("person_state", as_of=EVE), today, DAY), as_of=DAY)
    states = {(row.as_of, row.person_key): row.origin_county for row in lake.read("person_state").collect()}
    assert states == {(EVE, P): None, (DAY, P): "420102", (DAY, Q): None}
    (flow,) = counted(moves(lake.read("person_state", as_of=DAY)), contracts.mno_bits()).collect()
    assert (flow.origin_county, flow.destination_county, flow.persons) == ("420102", "430102", 1)


def test_an_older_lake_takes_an_indicator_that_its_rules_did_not_know(tmp_path: Path, contracts: Contracts, spark):
    now = contracts.table("flows")
    alone = now.columns["indicator"].model_copy(update={"pattern": "^outflow$"})
    then = older(contracts, "flows", indicator=alone)
    for of, indicator in ((then, "outflow"), (contracts, "late_departures")):
        lake = Lake(tmp_path, of, spark)
        rows = flow_rows(DAY, [("area", "hubei", "all", "all", 40)], indicator=indicator)
        frame = lake.frame("flows", rows[list(now.columns)])
        assert lake.append_once("flows", frame, f"flows/{indicator}/{DAY}/1", "{}")
    assert set(lake.read_pandas("flows")["indicator"]) == {"outflow", "late_departures"}
    settings = DeltaTable(lake.path("flows")).metadata().configuration
    assert now.delta_properties().items() <= settings.items()
    rules = {f"delta.constraints.{name}": rule for name, rule in now.constraints().items()}
    assert {key for key in settings if key.startswith("delta.constraints.")} == rules.keys() - {
        "delta.constraints.indicator_in_range"
    }

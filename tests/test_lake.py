"""Delta tables by contract: what is written is what is read, replaced by partition, appended once."""

import datetime as dt

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake

D = dt.date(2020, 1, 22)
FLOW = ("outflow", D, 1, "area", "hubei", "all", "all", 40, "day-end-1")


def flows(lake: Lake, *rows):
    return lake.spark.createDataFrame(list(rows), lake.contracts.table("flows").spark_schema())


def exact(lake: Lake, *rows):
    return lake.spark.createDataFrame(list(rows), lake.contracts.table("flows_exact").spark_schema())


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake):
    next_day = D + dt.timedelta(days=1)
    for date in (D, next_day):
        row = (date, "420102", "430102", 3, 3, {"mobile": 1})
        lake.replace("flows_exact", exact(lake, row), date=date)
    lake.replace("flows_exact", exact(lake, (D, "420102", "430103", 5, 5, {"mobile": 1})), date=D)
    found = {(r.date, r.destination_county, r.persons) for r in lake.read("flows_exact").collect()}
    assert found == {(D, "430103", 5), (next_day, "430102", 3)}


def test_an_append_under_the_same_id_is_written_once(lake: Lake):
    assert lake.append_once("flows", flows(lake, FLOW), "flows/outflow/2020-01-22/1", "run-1")
    assert not lake.append_once("flows", flows(lake, FLOW), "flows/outflow/2020-01-22/1", "run-1")
    assert len(lake.read_pandas("flows")) == 1
    assert lake.read_pandas("flows", date=D, indicator="outflow").persons.tolist() == [40]


def test_delta_itself_refuses_a_row_outside_the_contract(lake: Lake):
    small = (*FLOW[:7], 19, FLOW[8])
    with pytest.raises(Exception, match="persons_in_range"):
        lake.append_once("flows", flows(lake, small), "x", "run")


def test_what_is_published_is_never_replaced_or_deleted(lake: Lake):
    with pytest.raises(PopflowError, match="append-only"):
        lake.replace("flows", flows(lake, FLOW), date=D)
    with pytest.raises(PopflowError, match="append-only"):
        lake.delete("flows", "true")


def test_a_lake_of_a_newer_contract_is_refused(lake: Lake, contracts: Contracts):
    newer = contracts.table("flows").model_copy(update={"version": 2})
    future = contracts.model_copy(update={"tables": contracts.tables | {"flows": newer}})
    Lake(lake.root, future, lake.spark).append_once("flows", flows(lake, FLOW), "x", "run")
    with pytest.raises(PopflowError, match="version 2 of its contract"):
        lake.read_pandas("flows")


def test_the_log_holds_no_statistics_of_a_token(lake: Lake):
    row = (dt.date(2020, 1, 22), "a" * 32, "b" * 32, 1, True, "420100", "420102", [], {}, {}, 3, None, 0, 1)
    frame = lake.spark.createDataFrame([row], lake.contracts.table("person_day").spark_schema())
    lake.replace("person_day", frame, event_date=D)
    logs = [p.read_text() for p in (lake_folder(lake) / "_delta_log").glob("*.json")]
    assert logs
    assert not any("a" * 32 in text or "b" * 32 in text for text in logs)
    assert any("420102" in text for text in logs)


def lake_folder(lake: Lake):
    from pathlib import Path

    return Path(lake.path("person_day"))

"""Delta tables by contract: what is written is what is read, replaced by partition, appended once."""

import datetime as dt
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import dataset

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake

D = dt.date(2020, 1, 22)
FLOW = ("outflow", D, 1, "area", "hubei", "all", "all", 40, "day-end-1")


def flows(lake: Lake, *rows):
    return lake.frame("flows", rows)


def exact(lake: Lake, *rows):
    return lake.frame("flows_exact", rows)


def test_a_partition_is_replaced_and_the_others_stay(lake: Lake):
    next_day = D + dt.timedelta(days=1)
    for date in (D, next_day):
        row = (date, "420102", "430102", 3, 3, {"mobile": 1})
        lake.replace("flows_exact", exact(lake, row), date=date)
    by_spark = lake.spark.createDataFrame(exact(lake, (D, "420102", "430103", 5, 5, {"mobile": 1})))
    lake.replace("flows_exact", by_spark, date=D)
    found = {(r.date, r.destination_county, r.persons) for r in lake.read("flows_exact").collect()}
    assert found == {(D, "430103", 5), (next_day, "430102", 3)}


def test_spark_reads_what_is_asked_for_and_no_more(lake: Lake):
    dates = [D + dt.timedelta(days=n) for n in range(3)]
    for date in dates:
        counts = [(date, "420102", f"43010{n}", n, n, {"mobile": n}) for n in (1, 2)]
        lake.replace("flows_exact", exact(lake, *counts), date=date)
    asked = lake.read("flows_exact", date=dates[:2], destination_county="430102")
    assert sorted((r.date, r.persons, r.persons_without["mobile"]) for r in asked.collect()) == [
        (dates[0], 2, 2),
        (dates[1], 2, 2),
    ]
    assert asked.columns == list(lake.contracts.table("flows_exact").columns)
    nothing = lake.read("flows_exact", date=D - dt.timedelta(days=1))
    assert nothing.count() == 0
    assert nothing.dtypes == asked.dtypes


def test_a_lake_lies_in_a_folder_of_any_name(tmp_path: Path, lake: Lake):
    odd = Lake(tmp_path / "湖 北 50%", lake.contracts, lake.spark)
    for persons in (3, 4):
        row = (D + dt.timedelta(days=persons), "420102", "430102", persons, 3, {"mobile": 1})
        odd.replace("flows_exact", exact(odd, row), date=row[0])
    odd.append_once("flows", flows(odd, FLOW), "a", "run")
    assert sorted(row.persons for row in odd.read("flows_exact").collect()) == [3, 4]
    assert odd.read_pandas("flows_exact", ["persons"], date=D + dt.timedelta(days=4)).persons.tolist() == [4]
    assert odd.read_pandas("flows").persons.tolist() == [40]


@pytest.mark.parametrize("written_by", ["Spark", "delta-rs"])
@pytest.mark.parametrize("name", ["a b", "x:y%20z", "湖北", "a=b"])
def test_a_delivery_is_called_as_its_mno_likes(lake: Lake, written_by: str, name: str):
    now = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)
    rows = lake.frame("deliveries", [("mobile", name, D, "1.csv", "", "a" * 64, 7, "accepted", now)])
    partition = {"mno": "mobile", "delivery_id": name}
    lake.replace("deliveries", lake.spark.createDataFrame(rows) if written_by == "Spark" else rows, **partition)
    assert [(row.delivery_id, row.rows) for row in lake.read("deliveries", **partition).collect()] == [(name, 7)]
    found = lake.read_pandas("deliveries", delivery_id=[name])
    assert found[["delivery_id", "rows"]].to_numpy().tolist() == [[name, 7]]


def test_arrow_reads_what_is_asked_for_and_no_more(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    dates = [D + dt.timedelta(days=n) for n in range(3)]
    for n, date in enumerate(dates, 1):
        lake.replace("flows_exact", exact(lake, (date, "420102", "430102", n, n, {"mobile": n})), date=date)
    opened = []
    monkeypatch.setattr("popflow.lake.dataset", lambda files, *more: opened.extend(files) or dataset(files, *more))
    asked = lake.read_arrow("flows_exact", date=dates[:2], persons=2)
    assert [file.split("/")[0] for file in opened] == ["date=2020-01-23"]
    assert asked.schema.names == list(lake.contracts.table("flows_exact").columns)
    assert [(row["date"], dict(row["persons_without"])) for row in asked.to_pylist()] == [(dates[1], {"mobile": 2})]
    assert lake.read_arrow("flows_exact", date=[]).num_rows == 0
    assert lake.read_arrow("flows_exact", ["persons"], date=dates[0] - dt.timedelta(days=1)).schema.names == ["persons"]


def test_spark_sees_no_file_that_a_commit_removed(lake: Lake):
    for persons in (3, 4):
        lake.replace("flows_exact", exact(lake, (D, "420102", "430102", persons, 3, {"mobile": 1})), date=D)
    assert [row.persons for row in lake.read("flows_exact").collect()] == [4]
    lake.delete("flows_exact", f"date = DATE'{D}'")
    assert lake.read("flows_exact").count() == 0


def test_a_table_that_plain_parquet_readers_would_misread_is_refused(lake: Lake):
    lake.replace("flows_exact", exact(lake, (D, "420102", "430102", 3, 3, {"mobile": 1})), date=D)
    at = lake.path("flows_exact")
    lake.spark.sql(f"ALTER TABLE delta.`{at}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    with pytest.raises(PopflowError, match="beyond plain Parquet"):
        lake.read("flows_exact")


def test_an_append_under_the_same_id_is_written_once(lake: Lake):
    assert lake.append_once("flows", flows(lake, FLOW), "flows/outflow/2020-01-22/1", "run-1")
    assert not lake.append_once("flows", flows(lake, FLOW), "flows/outflow/2020-01-22/1", "run-1")
    assert len(lake.read_pandas("flows")) == 1
    assert lake.read_pandas("flows", date=D, indicator="outflow").persons.tolist() == [40]


def test_delta_itself_refuses_a_row_outside_the_contract(lake: Lake):
    small = (*FLOW[:7], 19, FLOW[8])
    with pytest.raises(Exception, match="persons_in_range"):
        lake.append_once("flows", flows(lake, small), "x", "run")
    assert lake.read_pandas("flows").empty


def test_delta_rs_refuses_it_too_and_shows_no_row(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    lake.replace("flows_exact", exact(lake, (D, "420102", "430102", 4711, 3, {"mobile": 1})))
    for county in ("42010", "Wuhan"):
        with pytest.raises(PopflowError, match="rows break the contract") as refused:
            lake.replace("flows_exact", exact(lake, (D, county, "430102", 4711, 3, {"mobile": 1})))
        assert "4711" not in str(refused.value)
    assert lake.read_pandas("flows_exact").origin_county.tolist() == ["420102"]


def test_two_that_append_under_one_id_at_once_write_once(lake: Lake):
    lake.append_once("flows", flows(lake), "nothing", "{}")
    with ThreadPoolExecutor(2) as pool:
        rows = [flows(lake, FLOW) for _ in range(2)]
        written = list(pool.map(lambda row: lake.append_once("flows", row, "flows/outflow/2020-01-22/1", "{}"), rows))
    assert len(lake.read_pandas("flows")) == 1
    assert True in written


def test_a_process_that_read_a_table_ends_well(tmp_path: Path, contracts: Contracts):
    """Reading through delta-rs's own file system ends two processes of three in abort()."""
    lake = Lake(tmp_path / "lake", contracts)
    lake.replace("flows_exact", exact(lake, (D, "420102", "430102", 3, 3, {"mobile": 1})))
    reads = "from popflow import contracts; from popflow.lake import Lake; import sys; "
    reads += "assert len(Lake(sys.argv[1], contracts.load()).read_pandas('flows_exact')) == 1"
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", reads, lake.root], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_what_is_published_is_never_replaced_or_deleted(lake: Lake):
    with pytest.raises(PopflowError, match="append-only"):
        lake.replace("flows", flows(lake, FLOW), date=D)
    with pytest.raises(PopflowError, match="append-only"):
        lake.delete("flows", "true")


def test_a_lake_of_a_newer_contract_is_refused(lake: Lake, contracts: Contracts):
    newer = contracts.table("flows").model_copy(update={"version": 99})
    future = contracts.model_copy(update={"tables": contracts.tables | {"flows": newer}})
    Lake(lake.root, future, lake.spark).append_once("flows", flows(lake, FLOW), "x", "run")
    with pytest.raises(PopflowError, match="version 99 of its contract"):
        lake.read_pandas("flows")


def test_the_restricted_zone_is_its_owners_alone(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    lake.replace("flows_exact", exact(lake, (D, "420102", "430102", 3, 3, {"mobile": 1})))
    assert Path(lake.zone("restricted")).stat().st_mode & 0o777 == 0o700


def test_a_zone_may_lie_apart_by_the_environment(tmp_path: Path, contracts: Contracts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_ZONE_OPS", str(tmp_path / "ops"))
    lake = Lake("s3://bucket/lake", contracts)
    assert lake.local_zone("ops") == tmp_path / "ops"
    assert lake.zone("published") == "s3://bucket/lake/published"
    assert Lake("s3://bucket/lake", contracts, zones={"ops": "/elsewhere"}).zone("ops") == "/elsewhere"
    monkeypatch.delenv("POPFLOW_ZONE_OPS")
    with pytest.raises(PopflowError, match="name a folder for it by POPFLOW_ZONE_OPS"):
        lake.local_zone("ops")


def test_the_log_holds_no_statistics_of_a_token(lake: Lake):
    row = (dt.date(2020, 1, 22), "a" * 32, "b" * 32, 1, True, None, "420102", {}, None, 1)
    frame = lake.spark.createDataFrame([row], lake.contracts.table("person_day").spark_schema())
    lake.replace("person_day", frame, event_date=D)
    logs = [p.read_text() for p in (lake_folder(lake) / "_delta_log").glob("*.json")]
    assert logs
    assert not any("a" * 32 in text or "b" * 32 in text for text in logs)
    assert any("420102" in text for text in logs)


def lake_folder(lake: Lake) -> Path:
    return Path(lake.path("person_day"))


def test_what_is_published_lies_in_parts_that_a_question_passes_over(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """A year of a nation is asked in seconds: of each file the parts with the place's rows are read, and no others."""
    monkeypatch.setattr("popflow.session.ROW_GROUP_BYTES", "4096")
    ends = [(f"{o}00", f"{d:06}") for o in range(4201, 4240) for d in range(430101, 430151)]
    rows = [("outflow", D, 1, "prefecture", o, "county", d, 20 + n % 977, "day-end-1") for n, (o, d) in enumerate(ends)]
    random.Random(1).shuffle(rows)
    lake.append_once("flows", flows(lake, FLOW, *rows), "flows/outflow/2020-01-22/1", "run")
    (file,) = Path(lake.path("flows")).rglob("*.parquet")
    parts = pq.ParquetFile(file).metadata
    column = parts.schema.to_arrow_schema().names.index("origin_code")
    found = [parts.row_group(number).column(column).statistics for number in range(parts.num_row_groups)]
    read = sum(one.min <= "422000" <= one.max for one in found)
    assert 4 * read < len(found), f"{read} of {len(found)} parts"
    assert lake.spark.conf.get("parquet.block.size", "as it was") == "as it was"
    assert len(lake.read_pandas("flows", origin_code="422000")) == 50

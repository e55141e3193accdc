"""A path is data: what is the same place is the same text, and no letter of a name is a code or a pattern."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake.deliveries import discover
from popflow.intake.storage import files_under
from popflow.lake import Lake
from popflow.operations.retention import enforce_retention
from popflow.paths import file_system, for_delta_rs, for_spark, local_path, normal, refuse_for_tables

ODD = ["湖 泊", "a#b?c", "*{x}&'q\"", "date=2020-01-01", "50%", "sim=x", " blank ", "a:b"]
DAY = dt.date(2020, 1, 22)
GBK = os.fsdecode("湖北".encode("gbk"))


@pytest.mark.parametrize(
    "written",
    ["lake", "./lake/", "x/../lake", "link", "{here}/lake", "file://{here}/lake", "file://localhost{here}/lake/"],
)
def test_one_place_has_one_text(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    monkeypatch.chdir(tmp_path)
    assert normal(written.format(here=tmp_path)) == f"{tmp_path}/lake"


def test_only_a_file_address_has_codes(tmp_path: Path):
    assert normal(f"{tmp_path}/a%20b") == f"{tmp_path}/a%20b"
    assert normal(f"file://{tmp_path}/a%20b") == f"{tmp_path}/a b"
    assert normal(f"file://{tmp_path}/a b#c?d") == f"{tmp_path}/a b#c?d"
    assert normal(f"file://{tmp_path}/%BA%FE%B1%B1") == f"{tmp_path}/{GBK}"
    with pytest.raises(PopflowError, match="names another machine"):
        normal("file://elsewhere/lake")


def test_a_key_in_object_storage_is_taken_as_written():
    for spelled in ("s3://bucket/湖 a%20b#c?d=1/", "s3a://bucket/湖 a%20b#c?d=1"):
        place = normal(spelled)
        assert place == "s3://bucket/湖 a%20b#c?d=1"
        assert for_spark(place) == "s3a://bucket/湖 a%20b#c?d=1"
        assert for_delta_rs(place) == "s3://bucket/%E6%B9%96%20a%2520b%23c%3Fd%3D1"
    assert normal("hdfs:///landing/") == "hdfs:///landing"
    with pytest.raises(PopflowError, match="has to be a file or folder of this machine"):
        local_path("s3://bucket/master.keys")


def test_pyarrow_opens_a_key_in_object_storage_as_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert file_system("s3a://bucket/湖 a%20b#c?d=1")[1] == "bucket/湖 a%20b#c?d=1"


@pytest.mark.parametrize("name", ["a[b", "a%20b", "a\\b", "a\nb", "a|b", GBK])
def test_a_lake_where_no_table_can_lie_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, contracts: Contracts
):
    lake = Lake(tmp_path / name, contracts)
    with pytest.raises(PopflowError, match="rename the folder") as refused:
        lake.replace("counties", lake.frame("counties", []))
    assert "\n" not in str(refused.value)
    str(refused.value).encode()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PopflowError):
        refuse_for_tables(normal(tmp_path / name))


@pytest.mark.parametrize("name", ODD)
def test_a_lake_of_any_name_is_written_and_read_without_java(name: str, tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / name / "lake", contracts)
    rows = [(DAY, "420102", "430102", 4711, 3, {"mobile": 1})]
    lake.replace("flows_exact", lake.frame("flows_exact", rows), date=DAY)
    assert lake.read_pandas("flows_exact", date=DAY).persons.tolist() == [4711]
    file = lake.snapshot("flows_exact").files[0]
    assert lake.open_file("flows_exact", file.path).read(4) == b"PAR1"
    lake.vacuum("flows_exact", 0)
    assert Lake(f"file://{lake.root.replace('%', '%25')}", contracts).read_pandas("flows_exact").persons.tolist() == [
        4711
    ]
    lake.write_text("published", "notices/1.json", "said")
    assert lake.read_text("published", "notices/1.json") == "said"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("as_address", [False, True])
def test_deliveries_of_any_name_are_found(as_address: bool, tmp_path: Path, contracts: Contracts):
    """One name that is not UTF-8 hides no other delivery."""
    landing = tmp_path / "a%20b [x] #1" / "landing"
    for delivery in (*ODD, "a[b", "a%20b", GBK):
        folder = landing / "mobile" / str(DAY) / delivery
        folder.mkdir(parents=True)
        (folder / f"{GBK}*[1].csv").write_bytes(b"x")
    written = landing.as_uri() if as_address else str(landing)
    waiting = discover(written, DAY, contracts, ["mobile"]).waiting
    spelt = GBK.encode("unicode_escape").decode()  # as a line of output may hold it
    assert {os.path.basename(one) for one in waiting} == {*ODD, "a[b", "a%20b", spelt}  # noqa: PTH119
    assert all(Path(info.path).read_bytes() == b"x" for info in files_under(normal(written)))


def test_spark_reads_names_and_partitions_of_any_kind_and_removes_them(tmp_path: Path, contracts: Contracts, spark):
    """Below a folder key=value; delta-rs, which does retention, spells what Spark has written otherwise."""
    lake = Lake(tmp_path / "sim_token=evil" / "*{a}?" / "lake", contracts, spark)
    deliveries = ["湖 1", "sim_token=x", "a%20b", "[x]*?", "100%", "a:b"]
    base = {
        "mno": "mobile",
        "kind": "presence",
        "event_date": DAY,
        "county_code": "420100",
        "slots_lo": 1,
        "slots_hi": 0,
    }
    rows = [base | {"delivery_id": one, "sim_token": f"token {one}"} for one in deliveries]
    table = pa.Table.from_pylist(rows, schema=contracts.table("intake").arrow_schema())
    lake.replace("intake", spark.createDataFrame(table))
    found = {row.delivery_id: row.sim_token for row in lake.read("presence").collect()}
    assert found == {one: f"token {one}" for one in deliveries}
    assert [row.sim_token for row in lake.read("presence", delivery_id="湖 1").collect()] == ["token 湖 1"]
    enforce_retention(lake, DAY).refuse()  # of deliveries that are in no table: all of it goes
    assert lake.partitions("intake") == []
    assert not list(Path(lake.path("intake")).glob("mno*/**/*.parquet"))

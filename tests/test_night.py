"""Two nights of a small nation, from landing files to the published table, and everything that is promised of it."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path

import deltalake
import duckdb
import pandas as pd
import polars
import pytest
from typer.testing import CliRunner

from popflow.audit import audit_lake
from popflow.cli import app
from popflow.cli.app import stopping_in_one_line
from popflow.contracts import Contracts
from popflow.errors import Held, PopflowError
from popflow.lake import Lake
from popflow.operations.leaks import known_of, scan_lake
from popflow.operations.status import status
from popflow.operations.trail import Trail, verify
from popflow.pipeline import NIGHT, Night, Stage, is_first, nightly, to_compute
from popflow.reading.reader import Reader
from popflow.reference import load_reference
from popflow.synthetic.nation import simulate
from popflow.synthetic.troubles import Troubles

FIRST, SECOND = dt.date(2020, 1, 21), dt.date(2020, 1, 22)
PERSONS = 12_000
CELL = ["origin_level", "origin_code", "destination_level", "destination_code"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated nation."""
    house = tmp_path_factory.mktemp("night")
    simulate(house / "simulation", FIRST, 2, PERSONS, 1, Troubles(wrong_day=0))  # else it computes FIRST twice
    return house


def night_of(house: Path, date: dt.date, mnos: tuple[str, ...], **more) -> Night:
    return Night(date, str(house / "simulation" / "landing"), mnos, sample=True, **more)


@pytest.fixture(scope="module")
def accesses() -> dict[str, set[tuple[str, str]]]:
    """By stage, each table that the lake was asked for by the second night, and whether to read or to write it."""
    return {}


@pytest.fixture(scope="module")
def lake(house: Path, contracts: Contracts, spark, accesses) -> Lake:
    """Both nights have run."""
    lake = Lake(house / "lake", contracts, spark)
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, house / "simulation" / "reference" / f"{kind}.parquet", as_of=FIRST)
    mnos = tuple(contracts.mno_bits())
    nightly(lake, night_of(house, FIRST, mnos))
    allowed, stages = lake.on_access, [""]

    def on_access(table: str, verb: str) -> None:
        accesses.setdefault(stages[-1], set()).add((table, verb))
        allowed(table, verb)

    lake.on_access = on_access
    nightly(lake, night_of(house, SECOND, mnos, on_progress=lambda text: stages.append(text.partition(",")[0])))
    lake.on_access = allowed
    return lake


@pytest.fixture
def flows(lake: Lake) -> pd.DataFrame:
    return lake.read_pandas("flows")


def test_the_published_table_holds_its_contract_and_no_small_number(lake: Lake, flows: pd.DataFrame):
    assert list(flows.columns) == list(lake.contracts.table("flows").columns)
    assert set(flows.date) == {SECOND}  # the first date has no origins
    assert flows.persons.min() >= 20
    assert len(flows) > 40


def test_what_is_restricted_is_its_owners_alone_and_what_is_published_everybodys(lake: Lake):
    for zone in ("restricted", "ops"):
        root = Path(lake.zone(zone))
        assert [str(one) for one in (root, *root.rglob("*")) if one.lstat().st_mode & 0o077] == []
    for zone in ("published", "reference"):
        root = Path(lake.zone(zone))
        found = [root, *root.rglob("*")]
        assert [str(one) for one in found if not one.lstat().st_mode & (0o005 if one.is_dir() else 0o004)] == []


def test_every_tool_opens_the_same_table(lake: Lake, flows: pd.DataFrame):
    path = lake.path("flows")
    files = deltalake.DeltaTable(path).file_uris()
    wanted = (len(flows), int(flows.persons.sum()))
    by_polars = polars.scan_delta(path).select(polars.len(), polars.col("persons").sum()).collect().row(0)
    assert by_polars == wanted
    assert duckdb.sql(f"SELECT count(*), sum(persons) FROM read_parquet({files})").fetchall() == [wanted]
    by_spark = lake.spark.read.format("delta").load(path)
    assert (by_spark.count(), by_spark.agg({"persons": "sum"}).first()[0]) == wanted
    assert set(by_spark.columns) == set(flows.columns) == set(polars.scan_delta(path).collect_schema().names())


def test_children_and_rest_add_up_to_their_parent_everywhere(flows: pd.DataFrame):
    total = {tuple(row[:4]): row[4] for row in flows[[*CELL, "persons"]].itertuples(index=False)}
    sums: dict[tuple, int] = defaultdict(int)
    for cell, persons in total.items():
        if above := _above(cell, total):
            sums[above] += persons
    assert len(sums) > 5
    assert sums == {cell: total[cell] for cell in sums}


def _above(cell: tuple, total: dict) -> tuple | None:
    """The cell above in the chain root, border, origin, province, prefecture, county."""
    origin_level, origin, level, code = cell
    bare = code.removeprefix("rest_of_")
    if (origin_level, level) == ("area", "border"):
        return ("area", "hubei", "all", "all")
    if (origin_level, level) == ("prefecture", "border"):
        return ("area", "hubei", "border", code)
    if level == "province":
        side = "inside_420000" if code == "420000" else "outside_420000"
        return (origin_level, origin, "border", side)
    above = {"prefecture": "province", "county": "prefecture"}.get(level)
    if origin_level == "prefecture" and above:
        up = bare if code.startswith("rest") else (code[:4] + "00" if above == "prefecture" else code[:2] + "0000")
        return next((c for c in total if c[:2] == (origin_level, origin) and c[2] != level and c[3] == up), None)
    return None


def test_the_same_night_again_commits_nothing(house: Path, lake: Lake, flows: pd.DataFrame):
    before = {name: len(lake.history(name)) for name in ("flows", "releases", "person_state", "intake")}
    done = nightly(lake, night_of(house, SECOND, tuple(lake.contracts.mno_bits())))
    assert {name: len(lake.history(name)) for name in before} == before
    assert done["intake"].summary.taken_now == []
    assert "released before" in done["release"].said
    pd.testing.assert_frame_equal(lake.read_pandas("flows"), flows)


def test_the_auditor_and_the_leak_scan_find_nothing(lake: Lake):
    assert audit_lake(lake).ok
    report = scan_lake(lake, known_of(lake))
    assert report.leaks == ()
    assert report.files > 20


def test_the_night_is_on_its_trail_and_in_its_log(lake: Lake):
    trail = Trail.of(lake)
    assert verify(trail.path).ok
    assert {"presence", "subscribers", "person_state", "flows_exact"} <= {entry["table"] for entry in trail.entries()}
    rows = status(lake).set_index("date")
    assert rows.loc[str(SECOND), "state"] == "released"
    events = (Path(lake.zone("ops")) / "events" / f"{SECOND}.jsonl").read_text().splitlines()
    stages = [json.loads(line).get("stage") for line in events if '"stage_ended"' in line]
    assert stages == ["intake", "coverage", "persons", "flows", "release", "intake", "release"]  # and the night again


def test_prefecture_shares_follow_the_scenario(lake: Lake, house: Path):
    asked = Reader(lake).outflow("wuhan", SECOND, SECOND, "province")
    shown = asked[asked["kind"] == "shown"].set_index("destination_code")["persons_at_least"]
    assert "420000" in shown
    assert len(shown) >= 2
    truth = pd.read_parquet(house / "simulation" / "truth" / "flows")
    left = truth.origin_county.str.startswith("4201") & ~truth.destination_county.str.startswith("4201")
    truth = truth[left & (truth.date == SECOND)]
    told = truth.groupby(truth.destination_county.str[:2] + "0000")["persons"].sum()
    assert (shown - told.reindex(shown.index)).abs().sum() / shown.sum() < 0.1


def test_a_night_whose_yesterday_is_missing_says_so(house: Path, lake: Lake):
    with pytest.raises(Held, match="2020-01-25 is held back: no delivery of mobile"):
        nightly(lake, night_of(house, dt.date(2020, 1, 25), ("mobile",)))
    with pytest.raises(PopflowError, match=r"the night of 2020-01-24 has not run.*--date 2020-01-23"):
        is_first(lake, night_of(house, dt.date(2020, 1, 25), ("mobile",)))


def test_only_touched_dates_that_are_open_are_computed_again(lake: Lake):
    third = SECOND + dt.timedelta(days=1)
    assert to_compute(lake, third, [FIRST, SECOND, third]) == [third]
    assert to_compute(lake, SECOND, [SECOND]) == []


WRONG = {
    "no such landing folder": (["--date", "2020-01-23", "--landing", "nowhere"], 1, "no such landing folder"),
    "an MNO without a contract": (["--date", "2020-01-23", "--mno", "acme"], 1, "no MNO 'acme'"),
    "a missing MNO": (["--date", "2020-01-23"], 3, "held back: no delivery of"),
    "no date": (["--date", "23.1.2020"], 1, "is not a date; write it as 2020-01-22"),
    "an engine of another kind": (["--date", "2020-01-23", "--engine", "steam"], 1, "no engine 'steam'"),
    "a reason is missing": (["--date", "2020-01-23", "--allow-missing-mno", "telecom", "--yes"], 1, "needs --reason"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_input_is_one_line_and_changes_nothing(case: str, house: Path, lake: Lake, capfd, monkeypatch):
    words, code, says = WRONG[case]
    landing = [] if "--landing" in words else ["--landing", str(house / "simulation" / "landing")]
    before = {p: p.stat().st_mtime_ns for p in Path(lake.root).glob("*/*/_delta_log/*.json")}
    arguments = ["nightly", *words, *landing, "--lake", lake.root, "--no-upkeep", "--sample"]
    with pytest.raises(SystemExit) as stopped:
        stopping_in_one_line(lambda: app(arguments, standalone_mode=False))
    said = capfd.readouterr().err.strip()
    assert stopped.value.code == code
    assert says in said
    assert said.count("\n") == 0
    assert "Traceback" not in said
    assert {p: p.stat().st_mtime_ns for p in Path(lake.root).glob("*/*/_delta_log/*.json")} == before


def test_a_question_to_an_unknown_area_or_date_is_one_line(lake: Lake):
    for words, says in ((["--area", "wuhna"], "did you mean"), (["--area", "wuhan"], "no release of outflow")):
        asked = ["pull", "outflow", *words, "--from", "2019-12-01", "--to", "2019-12-02", "--lake", lake.root]
        outcome = CliRunner().invoke(app, asked)
        assert outcome.exit_code != 0
        assert says in str(outcome.exception)


def test_an_operators_word_stands_in_the_release(house: Path, contracts: Contracts, spark, tmp_path: Path):
    night = night_of(house, SECOND, ("mobile", "unicom"), missing=("telecom",), reason="their site is down")
    assert night.reason_of_release == "without telecom: their site is down"


def test_zones_can_lie_apart_and_an_analyst_needs_one(lake: Lake, contracts: Contracts, tmp_path: Path):
    published = tmp_path / "published"
    published.symlink_to(lake.zone("published"))
    analyst = Lake(tmp_path / "nothing", contracts, zones={"published": str(published)})
    assert len(analyst.read_pandas("flows")) == len(lake.read_pandas("flows"))
    with pytest.raises(PopflowError, match="no table 'flows_exact'"):
        analyst.read_pandas("flows_exact")


@pytest.mark.parametrize("stage", NIGHT, ids=lambda stage: stage.name)
def test_a_stage_reads_and_writes_the_tables_that_it_declares(lake: Lake, accesses, stage: Stage):
    """Lineage, the DAG's edges and the leak scan go by what is declared."""
    asked = accesses[stage.name]
    reads, not_yet = set(stage.reads_of(lake.contracts)), {"releases"}  # a lake's first release has none to read
    assert {table for table, verb in asked if verb == "read"} | (not_yet & reads) == reads
    kept_in = {table: lake.contracts.table(table).stored_in or table for table in stage.writes_of(lake.contracts)}
    assert {table for table, verb in asked if verb != "read"} == set(kept_in.values())

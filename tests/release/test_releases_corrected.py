"""Corrections in a lake: a later release beside the first, person by person, and what is refused in one sentence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from popflow.cli.app import app
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.release.correction import changes, correct
from popflow.release.ledger import all_releases
from popflow.release.night import release_date
from published_lake import publish, release_row, write_table
from small_lake import EVERY_DAY, deliveries, persons, small_lake, state

DAY, RELOADED, OTHER = dt.date(2020, 1, 15), dt.date(2020, 1, 11), dt.date(2020, 1, 8)
MNOS = ("mobile", "unicom", "telecom")
TO_CHANGSHA = {("420102", "430102"): 45}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, contracts: Contracts, spark) -> Lake:
    """A date that is released once, in a lake that an earlier popflow published blocks and stock in."""
    lake = small_lake(tmp_path_factory.mktemp("corrected") / "lake", contracts, spark, DAY)
    for indicator in ("outflow_block", "stock"):
        rows = [("area", "hubei", "all", "all", 1800), ("prefecture", "420100", "province", "430000", 700)]
        publish(Path(lake.root), DAY, rows, indicator=indicator)
    assert list(release_date(lake, DAY, MNOS, "night").tables) == ["outflow"]
    return lake


def now(lake: Lake, *more: list[dict], date: dt.date = DAY, first: list[dict] | None = None) -> None:
    """Let the date's persons be computed anew: those of before and some more."""
    people = [*(persons(EVERY_DAY) if first is None else first), *(one for part in more for one in part)]
    frame = state(date, people)
    rows = frame.assign(trailing_county=None)[list(lake.contracts.table("person_state").columns)]
    import pyarrow as pa

    schema = lake.contracts.table("person_state").arrow_schema()
    table = pa.Table.from_pandas(rows, schema, preserve_index=False)
    spark_frame = lake.spark.createDataFrame(table, lake.contracts.table("person_state").spark_schema())
    lake.replace("person_state", spark_frame, as_of=date)


def served(lake: Lake) -> dict[int, int]:
    """Persons in the root, by release."""
    rows = lake.read_pandas("flows", date=DAY)
    roots = rows[(rows["destination_level"] == "all") & (rows["indicator"] == "outflow")]
    return dict(zip(roots["release"], roots["persons"], strict=True))


def refused(lake: Lake, match: str) -> None:
    before = served(lake)
    with pytest.raises(PopflowError, match=match):
        correct(lake, DAY, "late files", "Li Na", "again")
    assert served(lake) == before


def test_a_date_released_by_another_definition_is_not_corrected(lake: Lake):
    """Who joined and who left would be whom the definitions place otherwise."""
    known = lake.contracts
    later = known.headline.model_copy(update={"definition": "day-end-9"})
    newer = Lake(lake.root, known.model_copy(update={"indicators": {later.indicator: later}}), lake.spark)
    said = f"{DAY} was released by {known.headline.definition}, and persons are counted by day-end-9 now"
    with pytest.raises(PopflowError, match=said):
        correct(newer, DAY, "late files", "Li Na", "again")


def test_a_date_is_corrected_once_many_have_joined_and_never_for_few(lake: Lake):
    total = sum(EVERY_DAY.values())
    refused(lake, "nobody joined or left since release 1: nothing to correct")

    now(lake, persons(TO_CHANGSHA, masks=(1, 3, 5), begin=1000))
    refused(lake, "all who joined or left have a SIM at mobile")

    now(lake, persons(TO_CHANGSHA, begin=1000))
    table = correct(lake, DAY, "late files", "Li Na", "again")
    assert (table.release, table.status) == (2, "released")
    assert served(lake) == {1: total, 2: total + 45}
    base_cells = lake.read_pandas("base_cells", date=DAY, release=2)
    joined = base_cells[base_cells["change"] == "joined"]
    assert joined[["origin_code", "destination_code", "persons"]].values.tolist() == [["420102", "430102", 45]]
    told = [row for row in all_releases(lake) if (row["indicator"], row["date"]) == ("outflow", DAY)][-1]
    assert (told["release"], told["reason"], told["signed_by"]) == (2, "late files", "Li Na")

    now(lake, persons(TO_CHANGSHA, begin=1000), persons({("420102", "430103"): 45}, begin=2000))
    refused(lake, rf"correction refused: {DAY} was corrected before \(release 2\), and a date is corrected once")


def test_with_another_key_nobody_can_be_said_to_have_stayed(lake: Lake, contracts: Contracts):
    small_lake(Path(lake.root), contracts, lake.spark, RELOADED)
    release_date(lake, RELOADED, MNOS, "night")
    strangers = [one | {"person_key": one["person_key"][::-1]} for one in persons(EVERY_DAY, begin=1)]
    now(lake, date=RELOADED, first=strangers)
    with pytest.raises(PopflowError, match="nobody whom release 1 counted is there by the same key"):
        correct(lake, RELOADED, "another key", "Li Na", "again")


def reloaded(people: list[dict]) -> list[dict]:
    """What another edition of the register says of the same persons: all have one MNO more."""
    return [one | {"mno_mask": one["mno_mask"] | (one["mno_mask"] << 1) % 7} for one in people]


def test_a_reload_of_the_register_makes_nobody_leave_and_join(lake: Lake):
    stayed = reloaded(persons(EVERY_DAY))
    for late in ([], persons({("420102", "430102"): 5}, begin=1000)):
        now(lake, late, date=RELOADED, first=stayed)
        said = "correction refused: the whole of a chain changed by a group too small" if late else "nothing to correct"
        with pytest.raises(PopflowError, match=said):
            correct(lake, RELOADED, "late files", "Li Na", "again")

    now(lake, persons(TO_CHANGSHA, begin=1000), date=RELOADED, first=stayed)
    correct(lake, RELOADED, "late files", "Li Na", "again")
    base_cells = lake.read_pandas("base_cells", date=RELOADED, release=2)
    assert base_cells.loc[base_cells["change"] == "joined", "persons"].tolist() == [45]
    assert base_cells.loc[base_cells["change"] == "left", "persons"].tolist() == []


def test_who_joined_and_left_counts_with_the_less_favourable_of_both_registers(spark):
    """p1 moved to another cell, p2 left the flows and is still known, p3 is gone, p4 is new, p5 stayed."""
    names = "person_key string, origin_county string, destination_county string, registered boolean, mno_mask int"
    before = [
        ("p1", "a", "b", True, 1),
        ("p2", "a", "b", True, 1),
        ("p3", "a", "b", True, 1),
        ("p5", "a", "b", True, 1),
    ]
    now = [("p1", "a", "c", True, 2), ("p4", "a", "c", True, 4), ("p5", "a", "b", False, 7)]
    state = [("p1", True, 2), ("p2", False, 4), ("p4", True, 4), ("p5", False, 7)]
    found = changes(
        spark.createDataFrame(before, names), spark.createDataFrame(now, names),
        spark.createDataFrame(state, "person_key string, registered boolean, mno_mask int"),
        {"mobile": 0, "unicom": 1, "telecom": 2},
    ).set_index("change")  # fmt: skip
    columns = ["destination_code", "persons", "persons_registered"]
    assert found.loc["joined", columns].tolist() == ["c", 2, 2]
    assert dict(found.loc["joined", "persons_without"]) == {"mobile": 1, "unicom": 1, "telecom": 1}
    assert found.loc["left", columns].tolist() == ["b", 3, 2]
    assert dict(found.loc["left", "persons_without"]) == {"mobile": 0, "unicom": 1, "telecom": 2}


def test_a_correction_has_a_reason_and_a_name(lake: Lake):
    for reason, name in (("", "Li Na"), ("late files", " ")):
        with pytest.raises(PopflowError, match="needs --reason and --signed-by"):
            correct(lake, DAY, reason, name, "again")


def test_a_date_without_a_release_has_nothing_to_correct(lake: Lake):
    with pytest.raises(PopflowError, match="has no release to correct"):
        correct(lake, DAY - dt.timedelta(days=3), "late files", "Li Na", "again")


def test_the_command_refuses_in_one_line(tmp_path: Path):
    asked = ["correct", "--date", str(DAY), "--reason", "late files", "--signed-by", "Li Na", "--lake"]
    (tmp_path / "lake" / "ops").mkdir(parents=True, mode=0o700)
    (tmp_path / "lake" / "ops" / "sample").touch(mode=0o600)
    done = CliRunner().invoke(app, [*asked, str(tmp_path / "lake")])
    assert isinstance(done.exception, PopflowError)
    assert str(done.exception) == f"{DAY} has no release to correct; popflow nightly --date {DAY} makes the first"


def test_an_mno_that_was_missing_cannot_be_mended(lake: Lake, contracts: Contracts):
    small_lake(Path(lake.root), contracts, lake.spark, OTHER)
    release_date(lake, OTHER, MNOS, "night")
    now(lake, persons(TO_CHANGSHA, begin=1000), date=OTHER)
    write_table(Path(lake.root), "deliveries", deliveries(OTHER).query("mno == 'mobile'").assign(delivery_id="late"))
    rows = lake.read_pandas("deliveries", delivery_date=OTHER)
    assert set(rows["mno"]) == set(MNOS)
    lake.delete("deliveries", "mno = 'telecom'")
    with pytest.raises(PopflowError, match="differ in telecom"):
        correct(lake, OTHER, "telecom is gone", "Li Na", "again")


def test_after_the_person_tables_are_gone_no_date_is_corrected(lake: Lake, tmp_path: Path, monkeypatch):
    rules = lake.contracts.disclosure.model_copy(update={"correction_days": 1})
    later = Lake(lake.root, lake.contracts.__class__(**(vars(lake.contracts) | {"disclosure": rules})), lake.spark)
    write_table(Path(lake.root), "person_state", state(DAY + dt.timedelta(days=2), persons(TO_CHANGSHA)))
    with pytest.raises(PopflowError, match="person tables are kept for 1 days"):
        correct(later, OTHER, "late files", "Li Na", "again")


def test_a_date_whose_arrivals_were_told_is_not_corrected(tmp_path: Path, contracts: Contracts, spark):
    lake = small_lake(tmp_path / "lake", contracts, spark, DAY)
    release_date(lake, DAY, MNOS, "night")
    now(lake, persons(TO_CHANGSHA, begin=5_000))
    never = contracts.disclosure.model_copy(update={"corrections": False})
    strict = Lake(lake.root, contracts.model_copy(update={"disclosure": never}), spark)
    refused(strict, "disclosure.yaml says that dates are never corrected")
    write_table(Path(lake.root), "releases", pd.DataFrame([release_row(DAY, indicator="arrivals")]))
    refused(lake, "arrivals of it was told, and both would tell single persons")

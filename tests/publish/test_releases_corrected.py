"""Corrections in a lake: a later release beside the first, person by person, and what is refused in one sentence."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from small_lake import EVERY_DAY, deliveries, persons, small_lake, state
from typer.testing import CliRunner

from popflow.cli.app import app
from popflow.contracts import Contracts
from popflow.corrections import correct
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.publish.releases import all_releases
from popflow.release import release_date
from published_lake import write_table

DAY = dt.date(2020, 1, 15)
MNOS = ("mobile", "unicom", "telecom")
TO_CHANGSHA = {("420102", "430102"): 45}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, contracts: Contracts, spark) -> Lake:
    """A date that is released once."""
    lake = small_lake(tmp_path_factory.mktemp("corrected") / "lake", contracts, spark, DAY)
    assert list(release_date(lake, DAY, MNOS, "night").tables) == ["outflow"]
    return lake


def now(lake: Lake, *more: list[dict]) -> None:
    """Let the date's persons be computed anew: those of before and some more."""
    people = [*persons(EVERY_DAY), *(one for part in more for one in part)]
    frame = state(DAY, people)
    rows = frame.assign(trailing_county=None)[list(lake.contracts.table("person_state").columns)]
    import pyarrow as pa

    schema = lake.contracts.table("person_state").arrow_schema()
    table = pa.Table.from_pandas(rows, schema, preserve_index=False)
    spark_frame = lake.spark.createDataFrame(table, lake.contracts.table("person_state").spark_schema())
    lake.replace("person_state", spark_frame, as_of=DAY)


def served(lake: Lake) -> dict[int, int]:
    """Persons in the root, by release."""
    rows = lake.read_pandas("flows")
    roots = rows[(rows["destination_level"] == "all") & (rows["indicator"] == "outflow")]
    return dict(zip(roots["release"], roots["persons"], strict=True))


def refused(lake: Lake, match: str) -> None:
    before = served(lake)
    with pytest.raises(PopflowError, match=match):
        correct(lake, DAY, "late files", "Li Na", "again")
    assert served(lake) == before


def test_a_date_is_corrected_once_many_have_joined_and_never_for_few(lake: Lake):
    total = sum(EVERY_DAY.values())
    refused(lake, "nobody joined or left since release 1: nothing to correct")

    now(lake, persons(TO_CHANGSHA, masks=(1, 3, 5), begin=1000))
    refused(lake, "all who joined or left have a SIM at mobile")

    now(lake, persons(TO_CHANGSHA, begin=1000))
    table = correct(lake, DAY, "late files", "Li Na", "again")
    assert (table.release, table.status) == (2, "released")
    assert served(lake) == {1: total, 2: total + 45}
    atoms = lake.read_pandas("atoms", release=2)
    joined = atoms[atoms["change"] == "joined"]
    assert joined[["origin_code", "destination_code", "persons"]].values.tolist() == [["420102", "430102", 45]]
    told = all_releases(lake)[-1]
    assert (told["release"], told["reason"], told["signed_by"]) == (2, "late files", "Li Na")

    now(lake, persons(TO_CHANGSHA, begin=1000), persons({("420102", "430103"): 15}, begin=2000))
    refused(lake, "correction refused")  # many more than in release 1, few more than in release 2


def test_a_correction_has_a_reason_and_a_name(lake: Lake):
    for reason, name in (("", "Li Na"), ("late files", " ")):
        with pytest.raises(PopflowError, match="needs --reason and --signed-by"):
            correct(lake, DAY, reason, name, "again")


def test_a_date_without_a_release_has_nothing_to_correct(lake: Lake):
    with pytest.raises(PopflowError, match="has no release to correct"):
        correct(lake, DAY - dt.timedelta(days=3), "late files", "Li Na", "again")


def test_after_the_person_tables_are_gone_no_date_is_corrected(lake: Lake, tmp_path: Path, monkeypatch):
    rules = lake.contracts.disclosure.model_copy(update={"correction_days": 1})
    later = Lake(lake.root, lake.contracts.__class__(**(vars(lake.contracts) | {"disclosure": rules})), lake.spark)
    write_table(Path(lake.root), "person_state", state(DAY + dt.timedelta(days=2), persons(TO_CHANGSHA)))
    with pytest.raises(PopflowError, match="person tables are kept for 1 days"):
        correct(later, DAY, "late files", "Li Na", "again")


def test_an_mno_that_was_missing_cannot_be_mended(lake: Lake):
    write_table(Path(lake.root), "deliveries", deliveries(DAY).query("mno == 'mobile'").assign(delivery_id="late"))
    rows = lake.read_pandas("deliveries", delivery_date=DAY)
    assert set(rows["mno"]) == set(MNOS)
    lake.delete("deliveries", "mno = 'telecom'")
    with pytest.raises(PopflowError, match="differ in telecom"):
        correct(lake, DAY, "telecom is gone", "Li Na", "again")


def test_the_command_refuses_in_one_line(tmp_path: Path):
    asked = ["correct", "--date", str(DAY), "--reason", "late files", "--signed-by", "Li Na", "--lake"]
    done = CliRunner().invoke(app, [*asked, str(tmp_path / "lake")])
    assert isinstance(done.exception, PopflowError)
    assert str(done.exception) == f"{DAY} has no release to correct; popflow nightly --date {DAY} makes the first"

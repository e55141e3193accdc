"""A late file and the nights rerun from the date that it touches equal a run that had the file from the start."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from popflow.lake import Lake
from popflow.pipeline import FLOWS, INTAKE, PERSONS, Night, run_stage, to_compute
from popflow.reference import load_reference
from popflow.synthetic import Troubles, simulate

pytestmark = pytest.mark.slow
FIRST, TOUCHED, LAST = dt.date(2020, 1, 19), dt.date(2020, 1, 20), dt.date(2020, 1, 21)
DATES = [FIRST, TOUCHED, LAST]
TABLES = {"person_day": "event_date", "person_state": "as_of", "flows_exact": "date", "presence_hourly": "date"}


@pytest.fixture(scope="module")
def nation(tmp_path_factory) -> Path:
    """Three dates; what mobile saw in Hubei on the 20th lies in a delivery of its own."""
    folder = tmp_path_factory.mktemp("late") / "nation"
    simulate(folder, FIRST, len(DATES), 1500, seed=5, troubles=Troubles.only("day_trips", "several_sims"))
    (delivery,) = (folder / "landing" / "mobile" / str(TOUCHED)).iterdir()
    manifest = json.loads((delivery / "manifest.json").read_text())
    late = [file for file in manifest["files"] if file["area"] == "420000"]
    in_time = [file for file in manifest["files"] if file["area"] != "420000"]
    second = delivery.with_name(f"{delivery.name}-late")
    second.mkdir()
    for file in late:
        (delivery / file["name"]).rename(second / file["name"])
    _write(second, manifest | {"delivery_id": second.name, "files": late})
    _write(delivery, manifest | {"files": in_time})
    return folder


def _write(delivery: Path, manifest: dict) -> None:
    (delivery / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def lake_of(nation, spark, contracts, key_path, tmp_path_factory):
    """A lake with the nation's reference, all under the same key."""

    def made(name: str) -> Lake:
        lake = Lake(tmp_path_factory.mktemp(name) / "lake", contracts, spark)
        for kind in ("cells", "subscribers"):
            load_reference(lake, kind, nation / "reference" / f"{kind}.parquet", as_of=FIRST)
        return lake

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPFLOW_KEY_FILE", str(key_path))
        yield made


@pytest.fixture(autouse=True)
def without_gates(monkeypatch):
    """So few persons pass no data-quality check; it is not what is tried here."""
    monkeypatch.setattr("popflow.pipeline.refuse_unchecked", lambda *_: None)
    monkeypatch.setattr("popflow.pipeline.after_flows", lambda *_, **__: [])


def night_of(lake: Lake, landing: Path, date: dt.date) -> list[dt.date]:
    """A night without its release, which would close the date: the intake, then the dates that it touches."""
    night = Night(date, str(landing), tuple(lake.contracts.mno_bits()), sample=True)
    touched = run_stage(lake, night, INTAKE).summary.newly_touched_dates
    dates = to_compute(lake, date, touched)
    for one in dates:
        for stage in (PERSONS, FLOWS):
            run_stage(lake, replace(night, date=one), stage)
    return dates


def rows(lake: Lake, table: str, date: dt.date) -> list[str]:
    """The rows of a date as text, in an order of their own."""
    found = lake.read(table, **{TABLES[table]: date}).toPandas()
    return sorted(json.dumps(row, default=_plain, sort_keys=True) for row in found.to_dict("records"))


def _plain(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def test_rerun_nights_equal_those_that_had_the_file(nation, lake_of, tmp_path):
    early, late = lake_of("early"), lake_of("late")
    for date in DATES:
        night_of(early, nation / "landing", date)
    before = tmp_path / "landing"
    shutil.copytree(nation / "landing", before, ignore=shutil.ignore_patterns("*-late"))
    for date in DATES:
        night_of(late, before, date)
    assert rows(late, "flows_exact", TOUCHED) != rows(early, "flows_exact", TOUCHED)  # the file does tell something
    assert night_of(late, nation / "landing", TOUCHED) == [TOUCHED, LAST]
    for table in TABLES:
        for date in DATES:
            assert rows(late, table, date) == rows(early, table, date), (table, date)

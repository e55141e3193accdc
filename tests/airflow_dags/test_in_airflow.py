"""The DAGs in Airflow's own environment: `make airflow-test` sets it up and runs this."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from pathlib import Path

import pytest

from computed_nights import computed_night
from popflow import contracts
from popflow.lake import Lake

AIRFLOW = os.environ.get("POPFLOW_AIRFLOW", "")
FIRST = dt.date(2020, 1, 20)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AIRFLOW, reason="POPFLOW_AIRFLOW is not set; run it by `make airflow-test`"),
]
EDGES = """
import json
from popflow_nightly import dag
print("EDGES", json.dumps(sorted([a, b] for a, task in dag.task_dict.items() for b in task.downstream_task_ids)))
print("ONCE", json.dumps(sorted(name for name, task in dag.task_dict.items() if not task.retries)))
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("airflow")
    here = {"AIRFLOW_HOME": str(root / "home"), "POPFLOW_LAKE": str(root / "lake")}
    more = {"POPFLOW_LANDING": str(root / "simulation" / "landing"), "POPFLOW_RETRY_SECONDS": "1"}
    settings = os.environ | here | more | {"POPFLOW_POKE_SECONDS": "1", "POPFLOW_SAMPLE": "1"}
    subprocess.run([AIRFLOW, "db", "migrate"], check=True, capture_output=True, env=settings)
    return settings


def test_the_dag_in_airflow_has_the_edges_of_the_plan(settings: dict[str, str]):
    python = str(Path(AIRFLOW).parent / "python")
    folder = settings["AIRFLOW__CORE__DAGS_FOLDER"]
    done = subprocess.run([python, "-c", EDGES], cwd=folder, capture_output=True, text=True, check=True, env=settings)
    assert "ONCE []" in done.stdout.splitlines()  # each task is tried again, those that wait for deliveries too
    line = next(line for line in done.stdout.splitlines() if line.startswith("EDGES "))
    found = {tuple(edge) for edge in json.loads(line.removeprefix("EDGES "))}
    import sys

    sys.path.insert(0, folder)
    import night_plan

    sensors = {(f"delivery_{mno}", "intake") for mno in night_plan.MNOS}
    assert found == night_plan.edges() | sensors | {
        ("release", "upkeep"),
        ("release", "through"),
        ("upkeep", "through"),
    }


def test_the_upkeep_follows_a_night_that_failed(settings: dict[str, str], tmp_path: Path):
    lake, landing = Lake(tmp_path / "lake", contracts.load()), tmp_path / "landing"
    computed_night(lake, FIRST - dt.timedelta(days=1))
    for mno in ("mobile", "unicom", "telecom"):
        for date in (FIRST, FIRST - dt.timedelta(days=8)):
            (landing / mno / str(date) / "d").mkdir(parents=True)
        (landing / mno / str(FIRST) / "d" / "manifest.json").touch()
    without_spark = {"PATH": f"{Path(AIRFLOW).parent}:/usr/bin:/bin", "SPARK_HOME": ""}
    here = {"POPFLOW_LAKE": lake.root, "POPFLOW_LANDING": str(landing)} | without_spark
    command = [AIRFLOW, "dags", "test", "popflow_nightly", "--conf", json.dumps({"date": str(FIRST)})]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings | here)
    assert done.returncode != 0, done.stdout[-3000:]  # the night has failed, though its upkeep went well
    assert (tmp_path / "lake" / "ops" / "quality_page.html").exists(), done.stdout[-3000:]
    assert {path.name for path in landing.glob("*/*")} == {str(FIRST)}


def test_two_nights_on_real_data_end_in_a_release(settings: dict[str, str]):
    from popflow.reference import load_reference
    from popflow.synthetic.nation import simulate

    simulation = Path(settings["POPFLOW_LANDING"]).parent
    simulate(simulation, FIRST, 2, 12_000, 1)
    lake = Lake(settings["POPFLOW_LAKE"], contracts.load())
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, simulation / "reference" / f"{kind}.parquet", as_of=FIRST)
    for days in range(2):
        date = str(FIRST + dt.timedelta(days=days))
        command = [AIRFLOW, "dags", "test", "popflow_nightly", "--conf", json.dumps({"date": date})]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
        assert done.returncode == 0, done.stdout[-3000:]
    releases = lake.read_pandas("releases")
    assert [(str(row.date), row.release) for row in releases.itertuples()] == [(str(FIRST + dt.timedelta(days=1)), 1)]

"""The DAG runs the jobs in the order in which they read and write; checked without Airflow, so that it always is."""

from __future__ import annotations

import ast
import datetime as dt
import glob
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from typer.testing import CliRunner

from computed_nights import computed_night
from fourth_feed import FOURTH
from popflow import contracts, pipeline
from popflow.cli.app import app
from popflow.lake import Lake

HOUSE = Path(__file__).parents[2]
DAGS = HOUSE / "airflow_dags"


def loaded(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


plan = loaded(DAGS / "night_plan.py")


def test_the_dag_has_the_stages_of_the_night_in_their_order():
    assert [stage.name for stage in plan.STAGES] == [stage.name for stage in pipeline.NIGHT]


@pytest.mark.parametrize("stage", plan.STAGES, ids=lambda stage: stage.name)
def test_a_stage_has_a_job_of_its_name(stage):
    job = loaded(HOUSE / "jobs" / f"{stage.name}.py")
    assert getattr(job, stage.name.upper()) is {stage.name: stage for stage in pipeline.NIGHT}[stage.name]
    assert f"submit({stage.name.upper()})" in (HOUSE / "jobs" / f"{stage.name}.py").read_text(encoding="utf-8")


def test_the_plan_is_what_the_stages_and_the_contracts_say():
    said = json.loads((DAGS / "night.json").read_text(encoding="utf-8"))
    assert said == json.loads(json.dumps(pipeline.plan(contracts.load()))), "popflow plan --out airflow_dags/night.json"


def test_a_fourth_feed_needs_no_code(tmp_path: Path):
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "regional.yaml").write_text(FOURTH, encoding="utf-8")
    done = CliRunner().invoke(app, ["plan", "--contracts", str(feeds), "--out", str(tmp_path / "night.json")])
    assert done.exit_code == 0, done.output
    mnos, stages = plan.read_plan(tmp_path / "night.json")
    assert set(mnos) == {*plan.MNOS, "regional"}
    assert stages == plan.STAGES


def test_the_edges_are_those_of_the_tables():
    stages, found = pipeline.NIGHT, set()
    for place, stage in enumerate(stages):
        for table in stage.reads:
            writers = [earlier.name for earlier in stages[:place] if table in earlier.writes]
            found |= {(writers[-1], stage.name)} if writers else set()
    assert plan.edges() == found
    assert ("intake", "persons") in found
    assert ("coverage", "persons") in found
    assert ("persons", "flows") in found
    assert ("flows", "release") in found


def test_the_edges_follow_the_tables():
    stage = plan.Stage("later", ("person_day",), (), plan.DEADLINE)
    assert plan.edges((*plan.STAGES, stage)) - plan.edges() == {("persons", "later")}


def test_the_mnos_are_those_of_the_feeds():
    assert set(plan.MNOS) == set(contracts.load().feeds)


def test_every_table_has_a_contract():
    tables = set(contracts.load().tables)
    assert {table for stage in plan.STAGES for table in (*stage.reads, *stage.writes)} <= tables


def test_a_backfill_takes_its_dates_in_order():
    assert plan.dates_between("2020-01-30", "2020-02-01") == ["2020-01-30", "2020-01-31", "2020-02-01"]
    with pytest.raises(ValueError, match="lies before"):
        plan.dates_between("2020-02-01", "2020-01-30")
    with pytest.raises(ValueError, match="more than 400 dates"):
        plan.dates_between("0001-01-01", "2020-01-30")


def date_of(conf: dict) -> str:
    """The date of a run as Airflow renders it."""
    started = SimpleNamespace(in_timezone=lambda zone: SimpleNamespace(to_date_string=lambda: "2020-01-22"))
    context = {"macros": SimpleNamespace(datetime=dt.datetime), "dag_run": SimpleNamespace(conf=conf)}
    return jinja2.Template(plan.DATE).render(context, data_interval_start=started)


def test_the_date_of_a_run_is_a_date_or_ends_it():
    assert date_of({}) == "2020-01-22"
    assert date_of({"date": "2020-02-03"}) == "2020-02-03"
    for odd in ("$(touch x)", "2020-01-22; touch x", "2020-01-22\ntouch x", "*", "'", {"a": 1}, 7):
        with pytest.raises((ValueError, TypeError)):
            date_of({"date": odd})


@pytest.mark.parametrize("odd", ["$(touch x)", "`touch x`", "a'b\"c", "two words", "a\ntouch x", "; touch x", "*", "-"])
def test_what_the_upkeep_is_told_is_data_to_its_shell(odd: str, tmp_path: Path):
    program = tmp_path / "a program"
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o700)
    told = dict.fromkeys(plan.upkeep_variables(), odd) | {"POPFLOW_PYTHON": str(program)}
    done = subprocess.run(["bash", "-c", plan.UPKEEP], env=told, cwd=tmp_path, capture_output=True, check=True)
    words = ["-m", "popflow.operations.upkeep", "--date", odd, "--lake", odd, "--landing", odd]
    assert json.loads(done.stdout) == words
    assert [path.name for path in tmp_path.iterdir()] == ["a program"]


def test_the_upkeep_is_told_of_the_landing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    landing = tmp_path / "land ing"
    old = landing / "mobile" / "2020-01-14" / "d" / "1.csv.gz"
    old.parent.mkdir(parents=True)
    old.touch()
    monkeypatch.setenv("POPFLOW_LANDING", str(landing))
    monkeypatch.setenv("POPFLOW_LAKE", str(tmp_path / "lake"))
    lake = Lake(tmp_path / "lake", contracts.load())
    computed_night(lake, dt.date(2020, 1, 22))
    told = plan.upkeep_variables() | {"POPFLOW_PYTHON": sys.executable, "POPFLOW_DATE": "2020-01-22"}
    subprocess.run(["bash", "-c", plan.UPKEEP], env=os.environ | told, check=True)
    assert list((landing / "mobile").iterdir()) == []


def test_nothing_that_stops_a_night_stops_its_upkeep():
    """It runs when all before it is over, however; and no task may wait for a night that is not mended yet."""
    texts = [path.read_text(encoding="utf-8") for path in DAGS.glob("*.py")]
    words = [_words(node) for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    assert [one["trigger_rule"] for one in words if one.get("task_id") == "upkeep"] == ["all_done"]
    assert not any("depends_on_past" in text for text in texts)


def _words(call: ast.Call) -> dict[str | None, object]:
    return {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}


def test_a_landing_folders_name_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("land[1]", "land1"):
        (tmp_path / name / "mobile" / "2020-01-22" / name).mkdir(parents=True)
        (tmp_path / name / "mobile" / "2020-01-22" / name / "manifest.json").touch()
    monkeypatch.setenv("POPFLOW_LANDING", str(tmp_path / "land[1]"))
    found = glob.glob(plan.manifests("mobile").replace(plan.DATE, "2020-01-22"))  # noqa: PTH207 as the sensor does
    assert [Path(one).parent.name for one in found] == ["land[1]"]


def test_the_plan_needs_no_airflow_and_the_dags_nothing_of_popflow():
    imports = {path.stem: _imports(path) for path in DAGS.glob("*.py")}
    assert "airflow" not in imports["night_plan"]
    assert all("popflow" not in names for names in imports.values())


def _imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    froms = {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return froms | {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}


def test_the_lock_holds_names_and_versions_only():
    lines = (DAGS / "requirements.lock").read_text().splitlines()
    assert len(lines) > 100
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line)] == []
    assert "apache-airflow==3.3.2" in lines
    assert not any(line.startswith("pyspark==") for line in lines)

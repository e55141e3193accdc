"""The DAG runs the jobs in the order in which they read and write; checked without Airflow, so that it always is."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

from popflow import contracts, pipeline

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
    assert [step.name for step in plan.STEPS] == [stage.name for stage in pipeline.NIGHT]


@pytest.mark.parametrize("step", plan.STEPS, ids=lambda step: step.name)
def test_a_step_reads_and_writes_what_its_job_declares(step):
    job = loaded(HOUSE / "jobs" / f"{step.name}.py")
    assert set(step.reads) == set(job.READS)
    assert set(step.writes) == set(job.WRITES)


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
    step = plan.Step("later", ("person_day",), (), plan.DEADLINE)
    assert plan.edges((*plan.STEPS, step)) - plan.edges() == {("persons", "later")}


def test_the_mnos_are_those_of_the_feeds():
    assert set(plan.MNOS) == set(contracts.load().feeds)


def test_every_table_has_a_contract():
    tables = set(contracts.load().tables)
    assert {table for step in plan.STEPS for table in (*step.reads, *step.writes)} <= tables


def test_a_backfill_takes_its_dates_in_order():
    assert plan.dates_between("2020-01-30", "2020-02-01") == ["2020-01-30", "2020-01-31", "2020-02-01"]
    with pytest.raises(ValueError, match="lies before"):
        plan.dates_between("2020-02-01", "2020-01-30")


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

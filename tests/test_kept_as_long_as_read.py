"""Minimisation: each restricted table is kept as long as its longest reader needs it, and no column is without one."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
from pathlib import Path

import pytest
import yaml

from popflow import contracts as contracts_module
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.movement.definition import CARRY_DAYS
from popflow.operations.upkeep import quality_page
from popflow.quality.norms import NIGHTS
from popflow.tables import Table

LIBS = Path(__file__).parents[1] / "libs" / "popflow"
KNOWN = contracts_module.load()
EXACT = {one.exact for one in KNOWN.published.values()}
RULES = KNOWN.disclosure
RESTRICTED = [table for table in KNOWN.tables.values() if table.zone == "restricted"]
STORAGE = {table.stored_in for table in RESTRICTED}
WAIT = 3  # days that a night comes after its date at most; later its input is gone, which is all that ends it
LATE = 1  # days that the records of a date lie in deliveries of another
PAGE = inspect.signature(quality_page).parameters["nights"].default
LANDING = max(feed.retention_days for feed in KNOWN.feeds.values())
PRESENCE = LATE + WAIT + 1
# What the code itself says of how far back it reads; the other needs stand in the contracts alone.
BY_THE_CODE = {
    ("activity", "popflow.quality.night.after_intake"): NIGHTS + WAIT,
    ("activity", "popflow.quality.night.refuse_unchecked"): WAIT,
    ("base_cells", "popflow.audit.lake_audit.audit_lake"): 2 * RULES.correction_days,
    ("deliveries", "popflow.operations.status.status"): PAGE,
    ("deliveries", "popflow.quality.night.after_intake"): NIGHTS + WAIT,
    ("deliveries", "popflow.release.correction.correct"): RULES.correction_days + LATE,
    ("deliveries", "popflow.release.candidates.input_fingerprint"): RULES.correction_days,
    ("deliveries", "popflow.operations.known_deliveries.delivery_dates"): LANDING,
    ("deliveries", "popflow.intake.night.take_in"): LANDING,
    ("flows_exact", "popflow.quality.night.after_flows"): 1 + WAIT,
    ("flows_exact", "popflow.release.candidates.protected"): WAIT,
    ("person_day", "popflow.pipeline.find_flows"): WAIT,
    ("person_state", "popflow.release.correction.correct"): RULES.correction_days,
    ("person_state", "popflow.pipeline.find_persons"): 1 + WAIT,
    **{
        (one.exact, f"popflow.{reader}"): WAIT
        for one in KNOWN.hundreds.values()
        for reader in ("release.counts.protected_counts", "audit.lake_counts.audit_counts_lake")
    },
    ("presence_hourly", "popflow.quality.night.after_flows"): 1,  # in its own stage; nothing is kept for less
    ("presence", "popflow.release.correction.correct"): PRESENCE,
    ("presence", "popflow.intake.presence.presence_of"): LATE + WAIT,
    ("quarantine", "popflow.intake.report.set_aside"): PRESENCE,
    ("released_persons", "popflow.release.correction.correct"): RULES.correction_days,
    ("subscribers", "popflow.operations.rotation.rotate_person_key"): RULES.correction_days,
    ("subscribers", "popflow.reference.register_on"): PRESENCE,
    ("tallies", "popflow.intake.summary.tallies_of"): PRESENCE,
}
READS = {"read", "read_pandas", "read_arrow", "partitions", "snapshot", "spans", "through"}  # how a lake is asked
# Where a table's rows are made; that a name stands there makes nobody read it.
MADE_IN = {
    "activity": ["quality/activity.py"],
    "base_cells": ["disclosure/rows.py"],
    "deliveries": ["intake/night.py", "scenario.py"],
    "flows_exact": ["movement/flows.py", "movement/headcounts.py", "synthetic/scenario.py"],
    "person_day": ["movement/person_days.py", "movement/batches.py"],
    "person_state": [],  # person_states reads yesterday's
    "arrivals_exact": ["movement/arrivals.py", "movement/headcounts.py"],
    "daytime_exact": ["movement/daytime.py", "movement/headcounts.py"],
    "population_exact": ["movement/population.py", "movement/headcounts.py"],
    "presence_hourly": ["movement/population.py", "movement/headcounts.py"],
    "presence": ["intake/reduction.py", "intake/spark_sql.py"],
    "quarantine": ["intake/reduction.py", "intake/spark_tallies.py"],
    "released_persons": ["release/persons.py"],
    "subscribers": ["intake/register.py", "synthetic/truth.py"],
    "tallies": ["intake/reduction.py", "intake/spark_tallies.py"],
}


def named(reader: str) -> object:
    """What a dotted name stands for."""
    module, name = reader.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)


def readings(path: Path) -> set[str]:
    """Tables that a file asks a lake for."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    asked = [call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in READS
             and call.args]  # fmt: skip
    return {str(first.value) for first in asked if isinstance(first, ast.Constant)}


def module_of(path: Path) -> str:
    return ".".join(("popflow", *path.relative_to(LIBS).with_suffix("").parts))


@pytest.mark.parametrize("table", [t for t in RESTRICTED if t.table not in STORAGE], ids=lambda table: table.table)
def test_a_table_names_its_readers_and_they_read_it(table: Table):
    assert table.readers or table.retention_days is None
    for reader in table.readers:
        assert callable(named(reader)), reader
        source = inspect.getsource(importlib.import_module(reader.rsplit(".", 1)[0]))
        of_indicator = table.table in EXACT and "indicator.exact" in source
        assert of_indicator or f'"{table.table}"' in source, reader


def test_nothing_reads_a_restricted_table_without_being_named():
    names = {table.table: {reader.rsplit(".", 1)[0] for reader in table.readers} for table in RESTRICTED}
    read = {(name, module_of(path)) for path in LIBS.rglob("*.py") for name in readings(path) & set(names)}
    assert ("person_state", "popflow.pipeline") in read
    unnamed = {(name, module) for name, module in read if names[name] and module not in names[name]}
    assert unnamed == set()


@pytest.mark.parametrize("table", [t for t in RESTRICTED if t.retention_days], ids=lambda table: table.table)
def test_a_table_is_kept_as_long_as_its_longest_need_and_no_longer(table: Table):
    stored = [one for one in RESTRICTED if one.stored_in == table.table]
    needs = [need.days for one in (stored or [table]) for need in one.readers.values()]
    assert table.retention_days == max(needs)


def test_the_needs_are_those_of_the_code():
    found = {(table.table, reader): need.days for table in RESTRICTED for reader, need in table.readers.items()}
    assert {pair: found.get(pair) for pair in BY_THE_CODE} == BY_THE_CODE
    longest = {(t.table, max(t.readers, key=lambda name: t.readers[name].days)) for t in RESTRICTED if t.readers}
    assert longest <= set(BY_THE_CODE)
    assert RULES.correction_days > CARRY_DAYS  # a state carries what is older than the states that are kept


@pytest.mark.parametrize("days", [400, 2])
def test_a_retention_that_is_not_the_longest_need_is_refused(tmp_path: Path, days: int):
    said = refusal(tmp_path, "flows_exact", lambda body: body.update(retention_days=days))
    assert f"retention_days: {days}, and the longest need of its readers is 4 (popflow.quality.night.after" in said


def test_a_table_that_nothing_reads_is_refused(tmp_path: Path):
    assert "readers: nothing reads it" in refusal(tmp_path, "person_day", lambda body: body.pop("readers"))


def refusal(tmp_path: Path, table: str, change) -> str:
    folder = Path(shutil.copytree(contracts_module.default_folder(), tmp_path / "data_contracts"))
    path = folder / "restricted" / f"{table}.yaml"
    body = yaml.safe_load(path.read_text())
    change(body)
    path.write_text(yaml.safe_dump(body))
    with pytest.raises(PopflowError, match=path.name) as refused:
        contracts_module.load(folder)
    return str(refused.value)


def test_no_restricted_column_is_without_a_reader(contracts: Contracts):
    """Read by name: a string (a column, or a word of SQL) or an attribute outside where the table's rows are made."""
    words = {path: _words(path) for path in LIBS.rglob("*.py")}
    without = {
        f"{name}.{column}"
        for name, made in MADE_IN.items()
        for column in contracts.table(name).columns
        if not any(column in found for path, found in words.items() if str(path.relative_to(LIBS)) not in made)
    }
    assert without == set()
    assert set(MADE_IN) == {table.table for table in RESTRICTED} - STORAGE


def _words(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return attributes | keywords | {word for text in texts for word in re.findall(r"\w+", text)}

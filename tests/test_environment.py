"""Environment variables are listed in one module, read through it alone, and each of them is read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from popflow import environment
from popflow.dictionary import environment_page

HOUSE = Path(__file__).parents[1]
LIBS = HOUSE / "libs" / "popflow"
MODULES = sorted(path for path in LIBS.rglob("*.py") if path.name != "environment.py")
OS_NAMES = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
# Set by scripts or make targets for what they start themselves; nothing of popflow reads them.
OF_SCRIPTS = {"POPFLOW_CLUSTER_STATE", "POPFLOW_CLUSTER_PORT", "POPFLOW_WORKER_MEMORY", "POPFLOW_PYTHON",
              "POPFLOW_DATE", "POPFLOW_S3_SERVER", "POPFLOW_BROWSER", "POPFLOW_AIRFLOW"}  # fmt: skip


def touched(text: str) -> set[str]:
    """How a module gets at the environment past the list: os.environ and its kin, or a literal name for an option."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in OS_NAMES:
            found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            found |= {alias.name for alias in node.names} & OS_NAMES
        if isinstance(node, ast.keyword) and node.arg == "envvar" and isinstance(node.value, ast.Constant | ast.List):
            found.add("envvar")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBS)))
def test_no_other_module_touches_the_environment(path: Path):
    assert touched(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("text", ["import os\nos.environ['A']", "from os import getenv", "option(envvar='POPFLOW_A')"])
def test_the_check_sees_who_does(text: str):
    assert touched(text)


def test_every_variable_of_the_list_is_read_or_set():
    tree = ast.parse((LIBS / "environment.py").read_text(encoding="utf-8"))
    names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
             if isinstance(target, ast.Name) and "Variable(" in ast.unparse(node.value)} - {"AIRFLOW"}  # fmt: skip
    assert {"LAKE", "ZONES", "SPARK_LOG"} <= names
    used = set[str]()
    for path in MODULES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert names - used == set()


def test_every_variable_that_a_text_names_is_in_the_list():
    listed = {one.name for one in [*environment.OF_POPFLOW, *environment.AIRFLOW]} | OF_SCRIPTS
    texts = [*LIBS.rglob("*.py"), *HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md"), *HOUSE.glob("scripts/*")]
    texts += [*HOUSE.glob("jobs/*.py"), *HOUSE.glob("airflow_dags/*.*"), HOUSE / "Makefile"]
    found = {name for path in texts for name in re.findall(r"\bPOPFLOW_[A-Z0-9_]*[A-Z0-9]\b", path.read_text())}
    assert "POPFLOW_SHARE_ANCHOR" in found
    assert found - listed - {"POPFLOW_ZONE"} == set()


def test_what_the_dags_read_is_in_the_list():
    asked: set[str] = set()
    for path in (HOUSE / "airflow_dags").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked |= {f"POPFLOW_{name}" for name in re.findall(r'\bsetting\("(\w+)"', text)}
        assert text.count("os.environ") == (1 if path.name == "night_plan.py" else 0), "read it by setting()"
    assert asked >= {one.name for one in environment.AIRFLOW}, "nothing reads it any more"
    assert asked - {one.name for one in [*environment.OF_POPFLOW, *environment.AIRFLOW]} == set()


def test_the_page_is_committed_as_generated():
    committed = (HOUSE / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    assert committed == environment_page(), "run 'popflow dictionary --out docs/reference'"
    named = [*environment.OF_POPFLOW, *environment.AIRFLOW, *environment.READ_OF_OTHERS, *environment.SET_OF_OTHERS]
    assert all(committed.count(f"| `{one.name}` |") == 1 for one in named)


def test_a_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("POPFLOW_SCRATCH", raising=False)
    assert environment.SCRATCH.text() is None
    monkeypatch.setenv("POPFLOW_SCRATCH", "")
    assert (environment.SCRATCH.text(), environment.SCRATCH.path(), environment.SCRATCH.is_set()) == (None, None, True)
    monkeypatch.setenv("POPFLOW_SCRATCH", "/a")
    assert environment.SCRATCH.path() == Path("/a")
    assert f"set {environment.SCRATCH}" == "set POPFLOW_SCRATCH"


def test_what_is_changed_for_others_is_put_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", "/before")
    monkeypatch.delenv("LC_ALL", raising=False)
    locale = environment.LOCALES[0]
    with environment.changed({environment.TEMPORARY: "/inside", locale: "C.UTF-8"}):
        assert (environment.TEMPORARY.text(), locale.text()) == ("/inside", "C.UTF-8")
    assert (environment.TEMPORARY.text(), locale.is_set()) == ("/before", False)

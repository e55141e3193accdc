"""No configuration without a reader, and no public function that only tests call."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from popflow import contracts as contracts_module
from popflow.contracts import Contracts, Declared

HOUSE = Path(__file__).parents[1]
LIBS = HOUSE / "libs" / "popflow"
# What calls the library: itself, the jobs, the DAGs, the scripts, and people by the documented Python API.
CALLERS = [path for folder in ("libs", "jobs", "airflow_dags", "scripts") for path in (HOUSE / folder).rglob("*.py")]
DOCUMENTS = [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md"), *(HOUSE / "notebooks").glob("*.ipynb")]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in CALLERS}
# What only tests call, and is to stay: each with why.
FOR_TESTS = {"scan": "the leak scan of any files, with which tests of other rooms look through what these leave behind"}
# Called by name from elsewhere, so that no code of ours names them; each with who does.
CALLED_BY_OTHERS = {
    "io.RawIOBase": {"readinto"},
    "asyncio.Protocol, by uvicorn": {
        "connection_made",
        "data_received",
        "connection_lost",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
    },
}


def uses(tree: ast.AST) -> Counter[str]:
    """Names that a tree reads: variables, attributes, keywords, and words of short strings (SQL, getattr, columns)."""
    found: Counter[str] = Counter()
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found[node.id] += isinstance(node.ctx, ast.Load)
        elif isinstance(node, ast.Attribute):
            found[node.attr] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            found.update(re.findall(r"\w+", node.value))
    return found


# Contracts of indicators name functions and exact tables.
NAMED = {part for path in contracts_module.default_folder().glob("indicators/*.yaml")
         for body in [yaml.safe_load(path.read_text(encoding="utf-8"))]
         for name in (body.get("counts", body.get("persons")), body["exact"]) for part in name.split(".")}  # fmt: skip
USED = {path: uses(tree) for path, tree in TREES.items()}
EVERYWHERE: Counter[str] = sum(USED.values(), Counter())
DOCUMENTED = {name for path in DOCUMENTS for name in re.findall(r"(\w+)\(", path.read_text(encoding="utf-8"))}


def public_functions(tree: ast.AST) -> list[ast.FunctionDef]:
    """Functions, methods and classes without an underscore; one with a decorator is known to whoever decorates it."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    free = {"property", "classmethod", "staticmethod", "functools.cache", "contextmanager", "cached_property"}
    return [node for node in ast.walk(tree) if isinstance(node, kinds) and not node.name.startswith("_")
            and all(ast.unparse(one) in free for one in node.decorator_list)]  # fmt: skip


def uncalled(tree: ast.AST, everywhere: Counter[str]) -> set[str]:
    """Public functions that nothing names but themselves."""
    functions = public_functions(tree)
    return {one.name for one in functions if everywhere[one.name] <= uses(one)[one.name]}


def module_of(path: Path) -> str:
    """Dotted name of a file of the library; a package is its folder."""
    parts = path.relative_to(LIBS.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> set[str]:
    """Dotted names that a file imports, those of modules and those in modules."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


LOADED = {path: Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name)) for path, tree in TREES.items()}
IMPORTED = {path: imports(tree) for path, tree in TREES.items()}


def called_from_outside(path: Path, name: str) -> bool:
    """Whether another file imports a module's function, or imports the module and names the function as of it."""
    module = module_of(path)
    homes = {module, module.rpartition(".")[0]}  # a package passes on what its modules make
    for one in TREES:
        imported = bool({f"{home}.{name}" for home in homes} & IMPORTED[one])
        passed_on = one.name == "__init__.py" and not LOADED[one][name]
        if one != path and not passed_on and (imported or (module in IMPORTED[one] and USED[one][name])):
            return True
    return False


def named_by_itself(path: Path, name: str) -> bool:
    """Whether a function is named in its own file outside of itself."""
    body = [node for node in TREES[path].body if getattr(node, "name", "") != name]
    return any(uses(node)[name] for node in body)


def test_no_public_function_is_called_by_tests_alone():
    known = set().union(*CALLED_BY_OTHERS.values()) | DOCUMENTED | set(FOR_TESTS) | NAMED
    library = {path: tree for path, tree in TREES.items() if path.is_relative_to(LIBS)}
    found = {f"{path.relative_to(LIBS)}: {name}" for path, tree in library.items()
             for name in uncalled(tree, EVERYWHERE) - known}  # fmt: skip
    top = {(path, one.name) for path, tree in library.items() for one in public_functions(tree) if one in tree.body}
    found |= {f"{path.relative_to(LIBS)}: {name}" for path, name in top
              if name not in known and not called_from_outside(path, name)
              and not named_by_itself(path, name)}  # fmt: skip
    assert found == set(), "delete it with its test, or let the program call it"


def test_the_list_of_others_names_nothing_that_is_gone():
    there = {one.name for tree in TREES.values() for one in public_functions(tree)}
    assert set().union(*CALLED_BY_OTHERS.values()) | set(FOR_TESTS) <= there


def test_the_check_sees_a_function_without_a_caller():
    tree = ast.parse(
        "def alone():\n    return alone()\ndef called():\n    pass\ncalled()\nclass A:\n    def b(self): ..."
    )
    assert uncalled(tree, uses(tree)) == {"alone", "A", "b"}
    assert not called_from_outside(LIBS / "intake" / "storage.py", "no_such_function")
    assert called_from_outside(LIBS / "intake" / "storage.py", "files_under")


def models(of: type[BaseModel] = Declared) -> list[type[BaseModel]]:
    """Every kind of mapping that a contract may hold."""
    return [one for kind in of.__subclasses__() for one in (kind, *models(kind))]


def fields() -> set[tuple[str, str]]:
    return {(model.__name__, name) for model in models() for name in model.model_fields}


def validators(tree: ast.AST) -> list[ast.FunctionDef]:
    """Functions that look whether a value is well-formed: to check a key is not to use it."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if any("validator" in ast.unparse(mark) for mark in one.decorator_list)]


def attributes_read() -> Counter[str]:
    """Attributes that the library reads, but for the checks of the contracts themselves."""
    found: Counter[str] = Counter()
    for path, tree in TREES.items():
        checked = {id(node) for one in validators(tree) for node in ast.walk(one)}
        found.update(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                     and id(node) not in checked and path.is_relative_to(LIBS))  # fmt: skip
    return found


def test_every_field_of_a_contract_is_read():
    read = attributes_read()
    assert {(model, name) for model, name in fields() if not read[name]} == set(), "no code reads it: the key goes"
    assert ("Disclosure", "correction_days") in fields()
    assert ("TokenField", "pattern") in fields()


def test_every_key_that_a_contract_chooses_itself_is_named_in_the_code(contracts: Contracts):
    """bounds are a mapping of free names: each has to be asked for by its name."""
    named = {name for table in contracts.tables.values() for name in table.bounds}
    assert {name for name in named if not EVERYWHERE[name]} == set()


@pytest.mark.parametrize("path", sorted(contracts_module.default_folder().rglob("*.yaml")), ids=lambda path: path.name)
def test_every_key_of_a_contracts_file_is_a_field_or_a_name_of_something(path: Path):
    """Models forbid what they do not know, so only free mappings could hold a key that nobody reads."""
    body = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {name for model in models() for name in model.model_fields}
    named = set(body) - known
    assert not named or path.name in ("areas.yaml", "retired.yaml")  # areas and what is retired bear their own names


def test_every_table_is_asked_for_by_its_name(contracts: Contracts):
    strings = {node.value for path, tree in TREES.items() if path.is_relative_to(LIBS)
               for node in ast.walk(tree)
               if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    stored = {table.stored_in for table in contracts.tables.values()}
    assert {name for name in contracts.tables if name not in strings} - stored - NAMED == set()
    reference = {f"{name}.{column}" for name, table in contracts.tables.items() if table.zone == "reference"
                 for column in table.columns if not EVERYWHERE[column]}  # fmt: skip
    assert reference == set(), "no code reads the column"

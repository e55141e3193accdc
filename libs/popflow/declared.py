"""YAML as contracts are written: one plain mapping a file, each field declared, whatever is wrong said in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from popflow.errors import PopflowError

SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is built in: eight times as fast
LARGEST_CONTRACT = 1 << 20  # bytes
DEEPEST_CONTRACT = 20  # mappings and lists within each other


class Declared(BaseModel):
    """What all parts of a contract share: no field that the contract language does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def entries(path: Path) -> Iterable[tuple[str, Any]]:
    """Fields of one YAML file. Raises PopflowError, in one line, where it is not a plain mapping."""
    try:
        content = _loaded(_text(path))
    except FileNotFoundError:
        raise PopflowError(f"{path}: there is no such contract") from None
    except UnicodeDecodeError:
        raise PopflowError(f"{path}: is not UTF-8; save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise PopflowError(f"{path}: not valid YAML{f', line {mark.line + 1}' if mark else ''}") from None
    except _NoContract as ours:
        raise PopflowError(f"{path}: {ours}") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise PopflowError(f"{path}: a contract is a mapping of fields")
    return content.items()


class _NoContract(Exception):  # noqa: N818 - a verdict; its file is added
    """YAML that says more than a contract may."""


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise PopflowError(f"{path}: is not a regular file; a contract is one YAML file")
    if path.stat().st_size > LARGEST_CONTRACT:
        raise PopflowError(f"{path}: is larger than {LARGEST_CONTRACT:,} bytes; a contract is one YAML file")
    return path.read_text(encoding="utf-8-sig")


def _loaded(text: str) -> Any:
    """What a YAML says, written out: no aliases (a few of them make gigabytes), no tags, no key twice."""
    depth = 0
    for event in yaml.parse(text, Loader=SAFE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        where = f"line {getattr(event.start_mark, 'line', 0) + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise _NoContract(f"{where}: an alias (*); write out what it stands for")
        if getattr(event, "tag", None):
            raise _NoContract(f"{where}: a tag (!); a contract has none")
        if depth > DEEPEST_CONTRACT:
            raise _NoContract(f"{where}: more than {DEEPEST_CONTRACT} levels within each other")
    loader = SAFE(text)
    try:
        node = loader.get_single_node()
        _refuse_key_twice(node)
        return loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _refuse_key_twice(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.SequenceNode):
        for one in node.value:
            _refuse_key_twice(one)
    if isinstance(node, yaml.MappingNode):
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := [key for key, times in keys.items() if times > 1]:
            raise _NoContract(f"line {node.start_mark.line + 1}: '{twice[0]}' appears twice")
        for _, value in node.value:
            _refuse_key_twice(value)


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], body: Any, path: Path, name: str = "") -> Model:
    """What a body says, as a model. Raises PopflowError with file, field and reason of the first fault."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in (name, *first["loc"]) if part != "")
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise PopflowError(f"{path}: {field}: {reason}" if field else f"{path}: {reason}") from None


def read_folder(folder: Path, model: type[Model], name_field: str, *, or_none: bool = False) -> dict[str, Model]:
    """Every contract of a folder by its name, which is its file's.

    or_none: there may be no contract there. Raises PopflowError for the first that is none.
    """
    return read_each(folder, lambda path, body: validated(model, body, path), name_field, or_none=or_none)


def read_each(
    folder: Path, made: Callable[[Path, dict[str, Any]], Model], name_field: str, *, or_none: bool = False
) -> dict[str, Model]:
    """Every contract of a folder by its name, as a function makes it of its file and fields; see `read_folder`."""
    found: dict[str, Model] = {}
    for path in sorted(folder.glob("*.yaml")):
        contract = made(path, dict(entries(path)))
        name = getattr(contract, name_field)
        if name != path.stem:
            raise PopflowError(f"{path}: {name_field}: '{name}' must bear the file's name, {path.stem}")
        found[name] = contract
    if not found and not or_none:
        raise PopflowError(f"{folder}: no contracts there; each is a file <name>.yaml")
    return found

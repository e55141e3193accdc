"""Pages of the documentation that are made of the code: every command, the Python API, the methods, the threats.

A hook of mkdocs: the pages are made at each build and are in no folder, so that they cannot be out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
from mkdocs.structure.files import File

import popflow
from popflow import contracts, disclosure, lake, report, synthetic
from popflow.cli import app
from popflow.reading.reader import Reader

ROOT = Path(__file__).parents[1]
COPIED = {
    "explanation/methods.md": ROOT / "libs/popflow/movement/METHODS.md",
    "explanation/threats.md": ROOT / "THREATS.md",
}
API = {
    "Reading": [("popflow.read", popflow.read)]
    + [(f"Reader.{name}", getattr(Reader, name)) for name in ("ask", "dates", "polygons")],
    "Pages for people": [("popflow.report.briefing", report.briefing), ("popflow.report.packages", report.packages)],
    "Contracts and lake": [("popflow.contracts.load", contracts.load)]
    + [(f"Lake.{name}", getattr(lake.Lake, name)) for name in ("read", "read_pandas", "exists", "history", "snapshot")],
    "The gate": [("popflow.disclosure.protect_flows", disclosure.protect_flows)],
    "Synthetic nation": [(f"popflow.synthetic.{name}", getattr(synthetic, name)) for name in ("simulate", "counts")],
}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of the folder."""
    made = {"reference/commands.md": commands(), "reference/python.md": python_api()}
    made |= {name: path.read_text(encoding="utf-8") for name, path in COPIED.items()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Take out the one script that the plugin `offline` would fetch from elsewhere when a page is opened as a file."""
    return output.replace('<script src="https://unpkg.com/iframe-worker/shim"></script>', "")


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """The same for pages that are not files of the folder, such as 404."""
    return on_post_page(output, None, config)


def commands() -> str:
    """Every command with its options, as the program itself knows them."""
    program = typer.main.get_command(app)
    parts = ["# Commands\n", f"{program.help}\n"]
    for name, command in _leaves(program, "popflow"):
        parts += [f"## {name}\n", f"{_text(command.help)}\n", "| option | what | if not given |", "|---|---|---|"]
        parts += [_option(one) for one in command.params if getattr(one, "name", "") != "help"]
        parts.append("")
    return "\n".join(parts)


def python_api() -> str:
    """Signatures and docstrings of what is meant to be called."""
    parts = ["# Python\n"]
    for title, functions in API.items():
        parts.append(f"## {title}\n")
        for name, function in functions:
            parts += [
                f"### {name}\n",
                f"```text\n{_signature(name, function)}\n```\n",
                f"{_text(inspect.getdoc(function))}\n",
            ]
    return "\n".join(parts)


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for one in sorted(command.commands):
        yield from _leaves(command.commands[one], f"{name} {one}")


def _option(one: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
    default = "needed" if one.required else "" if one.default is None or one.default is False else f"`{one.default}`"
    named = one.envvar if isinstance(getattr(one, "envvar", None), str) else ""
    default = f"`${named}`" if named and not one.default else default
    return f"| {names} | {(getattr(one, 'help', None) or '').replace('|', '/')} | {default} |"


def _signature(name: str, function: Callable[..., object]) -> str:
    given = inspect.signature(function)
    kept = [one for one in given.parameters.values() if one.name != "self"]
    lines = ",\n    ".join(str(one).replace("'", "") for one in kept)
    result = (
        "" if given.return_annotation is inspect.Signature.empty else f" -> {given.return_annotation}".replace("'", "")
    )
    return f"{name}(\n    {lines},\n){result}"


def _text(doc: str | None) -> str:
    return re.sub(r"^Example: (.+)$", r"Example: `\1`", inspect.cleandoc(doc or ""), flags=re.MULTILINE)

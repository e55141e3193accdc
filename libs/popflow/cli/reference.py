"""popflow reference load: one's own counties, cells and subscribers; and the pages made of contracts and code."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from popflow import contracts
from popflow.cli.lakes import open_recorded
from popflow.cli.screen import LAKE, day, progress, say

reference = typer.Typer(help="Load reference data: counties, cells, subscribers.", no_args_is_help=True)


class Kind(StrEnum):
    """What can be loaded."""

    counties = "counties"
    cells = "cells"
    subscribers = "subscribers"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(reference, name="reference")
    app.command()(dictionary)


@reference.command()
def load(
    kind: Annotated[Kind, typer.Argument(help="counties, cells or subscribers")],
    file: Annotated[Path, typer.Argument(help="GeoPackage, GeoJSON or Shapefile; CSV or Parquet.")],
    lake: Annotated[str, LAKE],
    as_of: Annotated[str, typer.Option(help="subscribers: date from which this register holds.")] = "",
    encoding: Annotated[str, typer.Option(help="counties: encoding of a Shapefile's names, such as gb18030.")] = "",
    sample: Annotated[bool, typer.Option("--sample", help="subscribers: those of a simulated sample.")] = False,
    contracts_folder: Annotated[Path | None, typer.Option("--contracts", help="Folder with further feeds.")] = None,
) -> None:
    """Load a reference file into the lake; a register only where restricted tables are encrypted or signed for.

    Example: popflow reference load cells cells.csv --lake lake
    """
    from popflow.operations.at_rest import kept_from_others
    from popflow.operations.turns import one_at_a_time
    from popflow.reference import load_reference

    known = contracts.load()
    known = known.with_feeds(contracts_folder) if contracts_folder else known
    at, since = open_recorded(lake, known, new=True), day(as_of) if as_of else None
    kept = kept_from_others(at, sample=sample) if kind is Kind.subscribers else nullcontext()
    with progress(f"loading {kind}") as on_progress, one_at_a_time(at, f"loading of {kind}"), kept:
        said = load_reference(at, kind, file, since, on_progress, encoding or None)
    say(said)


def dictionary(out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path()) -> None:
    """Write the pages that are made of contracts and code: tables, variables, a feed's contract, the manifest.

    Example: popflow dictionary --out docs/reference
    """
    from popflow.delivery.pages import feed_page, manifest_page, manifest_schema
    from popflow.dictionary import data_dictionary, environment_page

    pages = {
        "data_dictionary.md": data_dictionary(contracts.load()),
        "environment.md": environment_page(),
        "feed.md": feed_page(),
        "manifest.md": manifest_page(),
        "manifest.schema.json": manifest_schema(),
    }
    for name, text in pages.items():
        (out / name).write_text(text, encoding="utf-8")
        say(f"written: {out / name}")

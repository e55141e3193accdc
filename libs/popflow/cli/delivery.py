"""popflow delivery: an MNO's own manifest and check, before anything is sent. No Spark, no lake."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from popflow import contracts
from popflow.cli.screen import DATE_HELP, day, progress, say
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.paths import local_path

delivery = typer.Typer(help="Write and check a delivery before it is sent; no Spark, no lake.", no_args_is_help=True)
SAMPLE_ROWS, MOST_ROWS = 100_000, 1_000_000_000

Folder = Annotated[str, typer.Argument(help="Folder with the delivery's files.")]
Contracted = Annotated[Path | None, typer.Option("--contracts", help="Folder with further feeds.")]
Workers = Annotated[int, typer.Option(min=1, max=256, help="Files read at once; as many as cores if not given.")]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Form(StrEnum):
    """How a check is told."""

    text = "text"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(delivery, name="delivery")


def known_contracts(folder: Path | None) -> Contracts:
    """The contracts that popflow ships, with the feeds of a folder."""
    known = contracts.load()
    return known.with_feeds(folder) if folder else known


def _place(given: str) -> Path:
    """The folder as it is named, no link followed: the night refuses a delivery that is one."""
    found = local_path(given)
    return found if "://" in given else Path(os.path.abspath(given))  # noqa: PTH100 - absolute() leaves dots in it


@delivery.command()
def manifest(
    folder: Folder,
    mno: Annotated[str, typer.Option(help="MNO, as its feed's contract names it.")],
    date: Annotated[str, typer.Option(help=f"Date that the delivery is of. {DATE_HELP}")],
    delivery_id: Annotated[str, typer.Option("--id", help="The delivery's id; the folder's name if not given.")] = "",
    area: Annotated[str, typer.Option(help="Area of the network that all files are of.")] = "",
    area_before: Annotated[str, typer.Option(help="A file's area is its name up to these characters, as '-'.")] = "",
    plain: Annotated[Path | None, typer.Option(help="Folder with the plain form of encrypted files.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write it anew where there is one.")] = False,
    contracts_folder: Contracted = None,
    workers: Workers = CORES,
) -> None:
    """Write manifest.json: size, SHA-256 and number of records of each file in a folder.

    Example: popflow delivery manifest out/20200122-1 --mno mobile --date 2020-01-22
    """
    from popflow.delivery.manifest import Told, write_manifest
    from popflow.delivery.told import counted
    from popflow.intake.deliveries import feed_of

    if area and area_before:
        raise PopflowError("--area and --area-before: give one of them")
    place = _place(folder)
    feed = feed_of(known_contracts(contracts_folder), mno)
    told = Told(day(date), delivery_id or place.name, area, area_before)
    with progress("reading") as on_progress:
        found = write_manifest(
            place, feed, told, replace=replace, plain=plain, workers=workers, on_progress=on_progress
        )
    files, rows = counted(len(found.files), "file"), counted(sum(file.rows for file in found.files), "record")
    say(f"written: {folder}/manifest.json: {files}, {rows}")
    more = f" --contracts {contracts_folder}" if contracts_folder else ""
    say(f"check it: popflow delivery check {folder} --cells CELLS.csv{more}")


@delivery.command()
def check(
    folder: Folder,
    cells: Annotated[Path | None, typer.Option(help="The MNO's cells, CSV or Parquet.")] = None,
    counties: Annotated[Path | None, typer.Option(help="Own polygons; those that popflow ships if not given.")] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=MOST_ROWS, help="Lines of a file that are classified, about.")
    ] = SAMPLE_ROWS,
    whole: Annotated[bool, typer.Option("--whole", help="Classify every line.")] = False,
    part: Annotated[bool, typer.Option("--part", help="The date has other deliveries: do not judge hours.")] = False,
    form: Annotated[Form, typer.Option("--format", help="text or json.")] = Form.text,
    contracts_folder: Contracted = None,
    workers: Workers = CORES,
) -> None:
    """Say what the night will say of a delivery; exit code 1 where something has to be mended before it is sent.

    Every byte is read, for the fingerprints; lines are classified by a sample, or all.

    Example: popflow delivery check out/20200122-1 --cells cells.csv --whole
    """
    from popflow.delivery.check import check_delivery
    from popflow.delivery.files import Look
    from popflow.delivery.known_cells import known_cells
    from popflow.delivery.told import as_json, check_lines, fitted

    place, known = _place(folder), known_contracts(contracts_folder)
    if counties and not cells:
        raise PopflowError("--counties: give the cells that lie in them too, by --cells")
    with progress("checking") as on_progress:
        cells_of = (lambda mno: known_cells(cells, known, mno, counties, on_progress)) if cells else None
        look = Look(None if whole else sample)
        found = check_delivery(place, known, cells_of, look, part=part, workers=workers, on_progress=on_progress)
    if form is Form.json:
        typer.echo(json.dumps(as_json(found), indent=1))
    else:
        for line in fitted(check_lines(found)):
            say(line)
    if found.stops:
        raise typer.Exit(1)

"""popflow keys: master keys of the restricted zone's files, and the key of the pseudonyms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from popflow import encryption
from popflow.cli.opened import unwatched
from popflow.cli.screen import LAKE, say

keys = typer.Typer(help="Keys of the restricted zone; none is ever shown.", no_args_is_help=True)
FILE = typer.Option("--file", envvar=encryption.VARIABLE, help="File of master keys, mode 0600.")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(keys, name="keys")


@keys.command()
def add(name: Annotated[str, typer.Argument(help="Of the new key.")], file: Annotated[Path, FILE]) -> None:
    """Add a master key, with which files are encrypted from now on; those of earlier keys stay readable.

    Example: popflow keys add 2020-02 --file /secure/master.keys
    """
    encryption.add_master_key(file, name)
    say(f"{file}: new files are encrypted with {name}")


@keys.command()
def drop(
    name: Annotated[str, typer.Argument(help="Of the key to forget.")],
    file: Annotated[Path, FILE],
    lake: Annotated[str, LAKE],
) -> None:
    """Forget a master key that no file needs any more: what a stolen copy holds is then unreadable.

    Example: popflow keys drop 2020-01 --file /secure/master.keys --lake lake
    """
    zone = encryption.folder_of(unwatched(lake).zone("restricted"))
    encryption.drop_master_key(file, name, encryption.keys_in_use(zone, encryption.key_names(file)))
    say(f"{file}: {name} is forgotten")


@keys.command()
def rotate(
    old: Annotated[Path, typer.Option(help="File of the key that the tables have.")],
    new: Annotated[Path, typer.Option(help="File of the key that they are to have; 32 random bytes, mode 0600.")],
    lake: Annotated[str, LAKE],
) -> None:
    """Put the person tables under a new key of the pseudonyms, between two nights.

    Example: popflow keys rotate --old /secure/person.key --new /secure/person-2.key --lake lake
    """
    import datetime as dt
    import uuid

    from popflow.operations.attended import attended
    from popflow.operations.rotation import rotate_person_key

    at = unwatched(lake)
    with attended(at, dt.date.today(), uuid.uuid4().hex[:12], "rotation of keys") as log:
        left = rotate_person_key(at, old, new)
        log.finish("done")
    for table, persons in left.items():
        say(f"{table}: {persons} persons keep their old key until they age out")
    say(f"from now on: POPFLOW_KEY_FILE={new}")

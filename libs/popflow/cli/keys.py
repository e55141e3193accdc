"""popflow keys: master keys of the restricted zone's files, and the key of the pseudonyms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from popflow import environment
from popflow.cli.lakes import open_unrecorded
from popflow.cli.screen import DATE_HELP, LAKE, day, plain_text, say
from popflow.encryption import folder_of
from popflow.encryption.files import keys_in_use
from popflow.encryption.key_file import add_master_key, drop_master_key
from popflow.errors import PopflowError
from popflow.paths import local_path

keys = typer.Typer(help="Keys of the restricted zone; none is ever printed.", no_args_is_help=True)
FILE = typer.Option("--file", envvar=environment.MASTER_KEYS.name, help="File of master keys, mode 0600.")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(keys, name="keys")


@keys.command()
def add(
    name: Annotated[str, typer.Argument(callback=plain_text, help="Name of the new key.")], file: Annotated[Path, FILE]
) -> None:
    """Add a master key that encrypts new files from now on; files under earlier keys stay readable.

    Example: popflow keys add 2020-02 --file /secure/master.keys
    """
    path = local_path(file)
    add_master_key(path, name)
    say(f"{path}: new files are encrypted with {name}")


@keys.command()
def drop(
    name: Annotated[str, typer.Argument(callback=plain_text, help="Name of the key to forget.")],
    file: Annotated[Path, FILE],
    lake: Annotated[str, LAKE],
) -> None:
    """Forget a master key that no file needs any more, which makes stolen copies unreadable.

    Example: popflow keys drop 2020-01 --file /secure/master.keys --lake lake
    """
    from popflow.operations.turns import one_at_a_time

    found, path = open_unrecorded(lake), local_path(file)
    zone = folder_of(found.zone("restricted"))
    if not zone.is_dir():
        raise PopflowError(f"{zone}: there is no restricted zone whose files could need the key; mend --lake")
    with one_at_a_time(found, f"dropping of the key {name}"):
        drop_master_key(path, name, sorted(keys_in_use(zone)))
    say(f"{path}: {name} is forgotten")


@keys.command()
def encrypt(lake: Annotated[str, LAKE]) -> None:
    """Rewrite the restricted tables under the newest master key, between two nights; those in clear too.

    Example: popflow keys encrypt --lake lake
    """
    from popflow.operations.rotation import encrypt_tables

    written = encrypt_tables(open_unrecorded(lake))
    say(f"encrypted: {', '.join(written) or 'no restricted tables there'}")


@keys.command()
def waive(
    lake: Annotated[str, LAKE],
    signed_by: Annotated[str, typer.Option(callback=plain_text, help="Name of who answers for it.")],
    until: Annotated[str, typer.Option(help=f"Last day on which it holds. {DATE_HELP}")],
    reason: Annotated[str, typer.Option(callback=plain_text, help="What protects the restricted tables instead.")],
) -> None:
    """Let nights run without master keys for a time, because the disk or bucket encrypts by itself.

    Example: popflow keys waive --lake lake --signed-by "Li Na" --until 2020-12-31 --reason "disk under LUKS"
    """
    from popflow.operations.at_rest import waive as run

    waiver = run(open_unrecorded(lake, new=True), signed_by, day(until), reason)
    say(f"nights run without master keys until {waiver.until}, signed for by {waiver.signed_by}; it is on the trail")


@keys.command()
def rotate(
    old: Annotated[Path, typer.Option(help="File of the current key.")],
    new: Annotated[Path, typer.Option(help="File of the new key; 32 random bytes, mode 0600.")],
    lake: Annotated[str, LAKE],
) -> None:
    """Put the person tables under a new key of the pseudonyms, between two nights.

    Example: popflow keys rotate --old /secure/person.key --new /secure/person-2.key --lake lake
    """
    import datetime as dt
    import uuid

    from popflow.operations.recorded_run import recorded_run
    from popflow.operations.rotation import rotate_person_key

    at = open_unrecorded(lake)
    with recorded_run(at, dt.date.today(), uuid.uuid4().hex[:12], "rotation of keys") as log:
        left = rotate_person_key(at, old, new)
        log.finish("done")
    for table, persons in left.items():
        say(f"{table}: {persons} persons keep their old key until they age out")
    say(f"from now on: POPFLOW_KEY_FILE={new}")

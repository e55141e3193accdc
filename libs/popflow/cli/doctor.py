"""popflow doctor: what is in order on this machine and in a lake, and how to mend what is not."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from popflow import environment
from popflow.cli.screen import FORM, form_of, say, wrapped
from popflow.errors import PopflowError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(doctor)


def doctor(
    lake: Annotated[str | None, typer.Option(envvar=environment.LAKE.name, help="A lake to check as well.")] = None,
    reading: Annotated[
        bool, typer.Option("--reading", help="Only what pull and report need: no Java, no keys.")
    ] = False,
    form: FORM = "text",
) -> None:
    """Check Java, packages, jars, disk, lake, permissions and keys; exit code 1 if anything is broken.

    Example: popflow doctor --lake lake
    """
    from popflow import contracts
    from popflow.cli.lake_state import lake_state
    from popflow.cli.machine import machine
    from popflow.lake import Lake

    told = form_of(form)
    findings = list(machine(reading))
    if lake:
        findings += lake_state(Lake(lake, contracts.load()), reading)
    for one in findings if told == "text" else ():
        for line in wrapped(f"{one.what}: {one.found}" + (f" -> {one.mend}" if one.mend else ""), f"{one.state:<7} "):
            say(line)
    if told == "json":
        typer.echo(json.dumps([dataclasses.asdict(one) for one in findings], ensure_ascii=False, indent=1))
    broken = [one.what for one in findings if one.state == "broken"]
    if broken:
        raise PopflowError(f"{len(broken)} broken: {', '.join(broken)}; the mend of each stands beside it")

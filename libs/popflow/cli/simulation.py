"""popflow simulate and demo: a nation with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from popflow.cli.screen import DATE_HELP, SEEDS, day, progress, say, show


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(simulate)
    app.command()(demo)


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for landing, reference and truth.")],
    first: Annotated[str, typer.Option("--from", help=DATE_HELP)],
    days: Annotated[int, typer.Option(min=1, max=400, help="Number of days.")] = 3,
    persons: Annotated[int, typer.Option(min=100, max=100_000_000, help="Persons to simulate.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="The same seed gives the same files.")] = 1,
    national: Annotated[bool, typer.Option("--national", help="Movers of all prefectures, not Hubei's alone.")] = False,
) -> None:
    """Write three MNOs' deliveries, their reference data and the truth.

    Example: popflow simulate --out sim --from 2020-01-20 --days 4 --persons 100000 --seed 1
    """
    from popflow.synthetic import simulate as run

    with progress("simulating") as on_progress:
        summary = run(out, day(first), days, persons, seed, on_progress=on_progress, national=national)
    for line in str(summary).splitlines():
        say(line)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the demo; an earlier demo there is replaced.")] = Path("demo"),
    days: Annotated[int, typer.Option(min=2, max=400, help="Days to simulate, up to 22 January 2020.")] = 2,
    persons: Annotated[int, typer.Option(min=1000, max=100_000_000, help="Persons to simulate.")] = 67_000,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="The same seed gives the same demo.")] = 1,
) -> None:
    """Simulate days up to 22 January 2020, run the nights, publish, and ask who left Wuhan.

    Example: popflow demo --out demo --days 3
    """
    from popflow.demo import run_demo

    with progress("demo") as on_progress:
        parts = run_demo(out, days, persons, seed, on_progress)
    for part in parts:
        show(part.frame, part.title) if part.frame is not None else say(part.title)

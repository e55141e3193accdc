"""popflow accuracy: unprotected figures beside the truth of simulated nations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from popflow import contracts
from popflow.cli.screen import SEEDS, progress, say, show
from popflow.errors import PopflowError

if TYPE_CHECKING:
    from popflow.accuracy.nights import Way


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(accuracy)


def accuracy(
    out: Annotated[Path, typer.Option(help="Folder for tables and chart; resumes a stopped run.")],
    persons: Annotated[int, typer.Option(min=1000, max=100_000_000, help="Persons of a nation.")] = 20_000,
    days: Annotated[int, typer.Option(min=2, max=400, help="Dates of a nation; flows from the second on.")] = 3,
    seeds: Annotated[str, typer.Option(help="One nation for each seed, to show the spread.")] = "1,2,3",
    trouble: Annotated[list[str] | None, typer.Option(help="A trouble by name, all, or none; repeatable.")] = None,
    way: Annotated[str, typer.Option(help="short, or night: the whole pipeline by Spark, the same figures.")] = "short",
) -> None:
    """Simulate nations with known truth, and measure how far the figures before protection are from it.

    Without --trouble: every trouble on, none, and each one alone.

    Example: popflow accuracy --persons 100000 --days 3 --seeds 1,2,3 --trouble all --out accuracy
    """
    from popflow.accuracy import report, runs

    chosen = {"troubles": tuple(trouble)} if trouble else {}
    asked = runs.Asked(out, persons, days, _numbers(seeds), way=_way(way), **chosen)
    with progress("accuracy") as on_progress:
        scores = runs.accuracy(asked, contracts.load(), on_progress)
    spreads = runs.spread(scores)
    files = report.write(asked, scores, spreads)
    kept = report.promises(spreads)
    if len(kept):
        show(kept, "Promised, with every trouble on")
    show(report.costs(spreads), "WMAPE: mean over the seeds, and their range")
    say("written: " + ", ".join(str(file) for file in files))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(number) for number in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 <= number <= SEEDS for number in found):
        raise PopflowError(f"--seeds {text[:40]}: write whole numbers with commas, as 1,2,3")
    return found


def _way(text: str) -> Way:
    from popflow.accuracy.nights import Way

    if text not in get_args(Way):
        raise PopflowError(f"--way {text}: short or night")
    return cast("Way", text)

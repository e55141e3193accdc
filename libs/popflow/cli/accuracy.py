"""popflow accuracy: unprotected figures beside the truth of simulated nations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from popflow import contracts
from popflow.cli.screen import SEEDS, progress, say, show
from popflow.errors import PopflowError, printable

if TYPE_CHECKING:
    from popflow.accuracy.nights import Way


MOST_RECORDS = 96  # a day: one in each slot


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(accuracy)


def accuracy(
    out: Annotated[Path, typer.Option(help="Folder for tables and chart; resumes a stopped run.")],
    persons: Annotated[int, typer.Option(min=1000, max=100_000_000, help="Persons of a nation.")] = 20_000,
    days: Annotated[int, typer.Option(min=2, max=400, help="Dates of a nation; flows from the second on.")] = 3,
    seeds: Annotated[str, typer.Option(help="One nation for each seed, to show the spread.")] = "1,2,3",
    trouble: Annotated[
        list[str] | None, typer.Option(help="A trouble by name, all, promised, or none; repeatable.")
    ] = None,
    records: Annotated[str | None, typer.Option(help="Records a day of all phones, as 24,8,7,2.4.")] = None,
    way: Annotated[str, typer.Option(help="short, or night: the whole pipeline by Spark, the same figures.")] = "short",
) -> None:
    """Simulate nations with known truth, and measure how far the figures before protection are from it.

    Without --trouble and --records: every trouble on, those of the promise, none, and each one alone.

    Example: popflow accuracy --persons 100000 --days 3 --seeds 1,2,3 --trouble all --out accuracy
    """
    from popflow.accuracy import report, runs

    names = (*(trouble or ()), *(f"{rate:g}{runs.THIN}" for rate in _rates(records)))
    chosen = {"troubles": names} if names else {}
    asked = runs.Asked(out, persons, days, _numbers(seeds), way=_way(way), **chosen)
    with progress("accuracy") as on_progress:
        scores = runs.accuracy(asked, contracts.load(), on_progress)
    spreads = runs.spread(scores)
    files = report.write(asked, scores, spreads)
    kept = report.promises(spreads)
    if len(kept):
        show(kept, "Promised")
    show(report.costs(spreads), "WMAPE: mean over the seeds, and their range")
    rates = report.by_rate(spreads)
    if len(rates):
        show(rates, "By records a day: mean over the seeds, and their range")
    say("written: " + ", ".join(str(file) for file in files))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(number) for number in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 <= number <= SEEDS for number in found):
        raise PopflowError(f"--seeds {text[:40]}: write whole numbers with commas, as 1,2,3")
    return found


def _rates(text: str | None) -> tuple[float, ...]:
    try:
        found = tuple(float(number) for number in text.split(",")) if text else ()
    except ValueError:
        found = (-1.0,)
    if not all(0 < rate <= MOST_RECORDS for rate in found):
        raise PopflowError(
            f"--records {printable(text)[:40]}: write numbers from 1 to {MOST_RECORDS} with commas, as 24,8"
        )
    return found


def _way(text: str) -> Way:
    from popflow.accuracy.nights import Way

    if text not in get_args(Way):
        raise PopflowError(f"--way {text}: short or night")
    return cast("Way", text)

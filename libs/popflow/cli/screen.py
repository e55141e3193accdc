"""What people see: tables and progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from popflow.errors import PopflowError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

Day = dt.date
WIDEST = 250  # letters of a line in a pipe or file: no cell of any table is cut


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """A line that says what is being done and for how long; silent where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(doing)
        yield lambda text: bar.update(task, description=f"{doing}: {text}")


def day(text: str) -> dt.date:
    """A date as typed, or a refusal that names the form."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise PopflowError(f"'{text}' is no date; write it as 2020-01-22") from None


def show(frame: pd.DataFrame, title: str = "", limit: int | None = None) -> None:
    """Print a frame as a table, numbers to the right."""
    import pandas as pd
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if numeric else "left")
    for row in frame.head(limit or len(frame)).itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    show_table(table)


def show_table(table: Table) -> None:
    """Print a table as wide as the terminal is, and into a pipe or file as wide as it needs to be.

    rich, a tenth of a second, is imported where something is drawn.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDEST
    console.print(table)


def _cell(value: object) -> str:
    import pandas as pd

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None or value is pd.NaT else str(value)


def say(text: str) -> None:
    """One line of output."""
    typer.echo(text)


DATE_HELP = "Date as 2020-01-22."
LAKE = typer.Option("--lake", envvar="POPFLOW_LAKE", help="Folder or object-storage address of the lake.")

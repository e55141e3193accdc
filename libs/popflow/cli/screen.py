"""What people see: tables and progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from popflow import environment
from popflow.dates import day as day
from popflow.errors import PopflowError, printable
from popflow.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

NO_TEXT = re.compile("[\ud800-\udfff]")  # how bytes that are not UTF-8 come from a command line
WIDEST = 250  # letters of a line in a pipe or file: no cell of any table is cut


@contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """A line that says what is being done and for how long; silent where standard error is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(doing)
        yield lambda text: bar.update(task, description=printable(f"{doing}: {text}"))


def show(frame: pd.DataFrame, title: str = "", limit: int | None = None) -> None:
    """Print a frame as a table, numbers to the right."""
    import pandas as pd

    from popflow.reading.tables_out import drawn

    columns = [(str(name), pd.api.types.is_numeric_dtype(frame[name])) for name in frame.columns]
    rows = frame.head(limit or len(frame)).itertuples(index=False, name=None)
    show_table(drawn(columns, [[_cell(value) for value in row] for row in rows], title))


def show_table(table: Table) -> None:
    """Print a table as wide as the terminal is, and into a pipe or file as wide as it needs to be.

    rich, a tenth of a second, is imported where something is drawn.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)  # names and reasons are text, whatever they hold
    if not console.is_terminal and not environment.COLUMNS.is_set():
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
    return "" if value is None or value is pd.NaT or value is pd.NA else str(value)


def say(text: str) -> None:
    """One line of output, whatever texts of people and files are in it."""
    typer.echo(printable(text))


def plain_text(value: str | None) -> str | None:
    """What somebody says of an act, which is kept for good. Raises PopflowError for bytes that are not text."""
    if value is not None and NO_TEXT.search(value):
        raise PopflowError(
            f"'{printable(value)}': is not written in UTF-8; type it again, or set the terminal to UTF-8"
        )
    return value


DATE_HELP = "Date as 2020-01-22."
SEEDS = 2**32 - 1  # the greatest
LAKE = typer.Option("--lake", envvar=environment.LAKE.name, help="Folder or object-storage address of the lake.")

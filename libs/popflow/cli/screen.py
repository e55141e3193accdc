"""What people see: tables and progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from popflow import environment
from popflow.dates import day as day
from popflow.errors import PopflowError, printable
from popflow.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

NO_TEXT = re.compile("[\ud800-\udfff]")  # how bytes that are not UTF-8 come from a command line
Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = ("text", "json")
PAGE_WIDTH = 80  # columns of a terminal that everybody has
FEW_COLUMNS = 10
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


def show_each(frame: pd.DataFrame, title: str, form: Form = "text", named: Sequence[str] = ()) -> None:
    """Print a frame row by row, a paragraph each, within 80 columns; or all of it as JSON, a list of objects.

    named: the columns whose values head a paragraph. In text, fields that are empty are left out, and so are counts of
    0 where there are more than ten columns. No number, date or word is cut.
    """
    if form == "json":
        typer.echo(frame.to_json(orient="records", date_format="iso", force_ascii=False, indent=1))
        return
    say(title)
    for row in frame.to_dict("records"):
        say("")
        say("  ".join(_cell(row[name]) for name in named if _cell(row[name])))
        told = {str(name): _cell(value) for name, value in row.items() if name not in named}
        told = {name: text for name, text in told.items() if text and (text != "0" or len(row) <= FEW_COLUMNS)}
        wide = max(map(len, told), default=0)
        for name, text in told.items():
            for line in wrapped(printable(text), f"  {name:<{wide}}  "):
                typer.echo(line)


def wrapped(text: str, head: str) -> list[str]:
    """A text in lines of 80 columns under each other; a longer word, such as a path, stays whole on its line."""
    lines = [""]
    for word in re.split(r"(?<= )|(?<=[\u3000-\u9fff\uff00-\uffef])", text):
        if lines[-1] and len(head) + _width(lines[-1]) + _width(word.rstrip()) > PAGE_WIDTH:
            lines.append("")
        lines[-1] += word
    return [f"{head if at == 0 else ' ' * len(head)}{line.rstrip()}" for at, line in enumerate(lines)]


def _width(text: str) -> int:
    """Columns that a text takes on a terminal; a Chinese letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def form_of(text: str) -> Form:
    """The form of output that a text names. Raises PopflowError where it is none."""
    for known in FORMS:
        if known == text:
            return known
    raise PopflowError(f"--format {printable(text)[:40]}: text or json")


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
FORM = Annotated[str, typer.Option("--format", help="text, or json: a list of objects, for programs.")]
LAKE = typer.Option("--lake", envvar=environment.LAKE.name, help="Folder or object-storage address of the lake.")

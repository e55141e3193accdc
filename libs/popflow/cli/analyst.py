"""popflow pull: published tables for people who know counties and Excel; needs no Java."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from popflow.cli.screen import LAKE, say, show_table
from popflow.dates import MOST_DATES
from popflow.errors import PopflowError

pull = typer.Typer(help="Read published tables; needs no Java.", no_args_is_help=True)

Area = Annotated[str, typer.Option(help="Area by name or code: wuhan, hubei, 武汉, 420100 ...")]
From = Annotated[str | None, typer.Option("--from", help="First date, as 2020-01-09.")]
To = Annotated[str | None, typer.Option("--to", help="Last date, inclusive.")]
Days = Annotated[int | None, typer.Option(min=1, max=MOST_DATES, help="Number of days before --before; 14 by default.")]
Before = Annotated[str | None, typer.Option(help="The day after the last date, as 2020-01-23.")]
Destination = Annotated[str | None, typer.Option(help="Only flows to this place: code or name.")]
Daily = Annotated[bool, typer.Option("--daily", help="One row for each date.")]
AsOf = Annotated[str | None, typer.Option(help="Answer as at that moment, as 2020-02-01T12:00.")]
Out = Annotated[Path | None, typer.Option(help="File .csv, .parquet, .xlsx or .geojson.")]
WHATEVER = {"allow_extra_args": True, "ignore_unknown_options": True}  # a refusal comes first, whatever is asked
Form = Annotated[str | None, typer.Option("--format", help="table, csv, parquet, xlsx or geojson.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(pull, name="pull")


@pull.command()
def outflow(
    area: Area,
    lake: Annotated[str, LAKE],
    date_from: From = None,
    date_to: To = None,
    days: Days = None,
    before: Before = None,
    level: Annotated[str, typer.Option(help="province, prefecture, county, or pair: county to county.")] = "county",
    destination: Destination = None,
    by_origin: Annotated[bool, typer.Option("--by-origin", help="One row for each origin prefecture.")] = False,
    daily: Daily = False,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = None,
) -> None:
    """Who left an area, and to where.

    Example: popflow pull outflow --area wuhan --days 14 --before 2020-01-23 --level county --out wuhan.xlsx --lake lake
    """
    from popflow.cli.opened import opened
    from popflow.reading.reader import Reader
    from popflow.reading.tables_out import as_text, format_of, save, screen_table

    kind = format_of(out, form)
    asked: dict[str, Any] = {"days": days, "before": before, "by_origin": by_origin, "daily": daily}
    frame = Reader(opened(lake)).outflow(
        area, date_from, date_to, level, destination, as_of, kind == "geojson", **asked
    )
    if out:
        save(frame, out, form)
        say(f"{len(frame):,} rows written to {out}")
    elif kind == "table":
        show_table(screen_table(frame))
    else:
        typer.echo(as_text(frame, kind), nl=False)
    if kind == "table" or out:
        for notice in frame.attrs["notices"]:
            say(f"- {notice['en']}")


@pull.command("blocks", context_settings=WHATEVER)
@pull.command("stock", context_settings=WHATEVER)
def not_published() -> None:
    """Say why this is no longer published, and what to ask instead.

    Example: popflow pull outflow --area wuhan --days 14 --before 2020-01-23 --lake lake
    """
    from popflow.reading.reader import NOT_PUBLISHED

    raise PopflowError(NOT_PUBLISHED)

"""popflow pull: published tables for people who know counties and Excel; needs no Java."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from popflow.cli.screen import LAKE, console, say

pull = typer.Typer(help="Read published tables; needs no Java.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(pull, name="pull")


@pull.command()
def outflow(
    area: Annotated[str, typer.Option(help="Area by name or code: wuhan, hubei, 武汉, 420100 ...")],
    lake: Annotated[str, LAKE],
    date_from: Annotated[str | None, typer.Option("--from", help="First date, as 2020-01-09.")] = None,
    date_to: Annotated[str | None, typer.Option("--to", help="Last date, itself included.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="So many days before --before.")] = None,
    before: Annotated[str | None, typer.Option(help="The date after the last one, as 2020-01-23.")] = None,
    level: Annotated[str, typer.Option(help="province, prefecture, county, or pair: county to county.")] = "county",
    destination: Annotated[str | None, typer.Option(help="Only what went there: code or name.")] = None,
    by_origin: Annotated[bool, typer.Option("--by-origin", help="One row for each origin prefecture.")] = False,
    daily: Annotated[bool, typer.Option("--daily", help="One row for each date.")] = False,
    as_of: Annotated[str | None, typer.Option(help="What was served at that moment, as 2020-02-01T12:00.")] = None,
    out: Annotated[Path | None, typer.Option(help="File .csv, .parquet, .xlsx or .geojson.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="table, csv, parquet, xlsx or geojson.")] = None,
) -> None:
    """Who left an area, and to where.

    Example: popflow pull outflow --area wuhan --days 14 --before 2020-01-23 --level county --out wuhan.xlsx --lake lake
    """
    from popflow.publish.reader import Reader
    from popflow.publish.tables_out import as_text, format_of, save, screen_table

    kind = format_of(out, form)
    frame = Reader(lake).outflow(
        area,
        date_from,
        date_to,
        level,
        destination,
        as_of,
        geometry=kind == "geojson",
        days=days,
        before=before,
        by_origin=by_origin,
        daily=daily,
    )
    if out:
        save(frame, out, form)
        say(f"{len(frame):,} rows written to {out}")
    elif kind == "table":
        console.print(screen_table(frame))
    else:
        typer.echo(as_text(frame, kind), nl=False)
    if kind == "table" or out:
        for notice in frame.attrs["notices"]:
            say(f"- {notice['en']}")

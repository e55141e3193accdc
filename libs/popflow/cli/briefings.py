"""popflow report, packages: the map briefing, and one package a place; needs no Java."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from popflow.cli.screen import LAKE, progress, say
from popflow.dates import MOST_DATES
from popflow.errors import PopflowError

Lang = Annotated[str, typer.Option(help="Language of pictures and PDF: zh or en; the page holds both.")]
Days = Annotated[int, typer.Option(min=1, max=MOST_DATES, help="Number of days.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(report)
    app.command()(packages)


def report(
    before: Annotated[str, typer.Option(help="The day after the last date, as 2020-01-23.")],
    lake: Annotated[str, LAKE],
    area: Annotated[
        str | None, typer.Option("--area", "--from-area", help="Who left this area: wuhan, hubei, 武汉, 420100 ...")
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(
            "--destination", "--to-area", help="Who came to this province, prefecture or county: of the area, or all."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The page, one HTML file that opens offline.")] = Path("briefing.html"),
    days: Days = 14,
    as_of: Annotated[str | None, typer.Option(help="Answer as at that moment, as 2020-02-01T12:00.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also a one-page PDF in A4; needs Chromium.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Also a PNG of each chart; needs Chromium.")] = False,
    lang: Lang = "zh",
) -> None:
    """Write the briefing on who left an area, on who arrived from there at a destination, or on who came to a place.

    Example: popflow report --area wuhan --before 2020-01-23 --days 14 --out wuhan.html --lake lake

    Example: popflow report --to-area changsha --before 2020-01-23 --days 14 --out changsha.html --lake lake
    """
    from popflow.cli.lakes import open_recorded
    from popflow.report import briefing, chromium

    _refuse_language(lang)
    if pdf or png:
        chromium.chromium()
    with progress("drawing the briefing") as on_progress:
        written = [briefing(open_recorded(lake), area, before, days, destination, out, as_of)]
        on_progress("by Chromium")
        written += chromium.pictures(written[0], out.parent, lang) if png else []
        written += [chromium.pdf(written[0], out.with_suffix(".pdf"), lang)] if pdf else []
    for path in written:
        say(f"written: {path}")


def packages(
    date: Annotated[str, typer.Option(help="The last date, inclusive, as 2020-01-22.")],
    out: Annotated[Path, typer.Option(help="Folder for the packages, one subfolder a place.")],
    lake: Annotated[str, LAKE],
    days: Days = 14,
    only: Annotated[
        list[str] | None, typer.Option(help="A place by name or code; repeatable; default every province.")
    ] = None,
    drawn: Annotated[bool, typer.Option("--pictures/--no-pictures", help="PNG of each chart and a PDF page.")] = True,
    lang: Lang = "zh",
) -> None:
    """Write one package for each place: who came and who left, as briefings, Excel, GeoPackage, pictures and PDF.

    Each call is on the audit trail.

    Example: popflow packages --date 2020-01-22 --out packages --only hunan --lake lake
    """
    from popflow import contracts
    from popflow.cli.lakes import open_recorded
    from popflow.operations.trail import Trail
    from popflow.report import chromium
    from popflow.report import packages as run

    _refuse_language(lang)
    if drawn:
        try:
            chromium.chromium()
        except PopflowError as error:
            raise PopflowError(f"{error}; or give --no-pictures") from None
    at = open_recorded(lake)
    about = f"packages for {', '.join(only or ['every province'])}: {days} days up to {date}"
    Trail.of(at).append("package", "flows", uuid.uuid4().hex[:12], contracts.stated(), about)
    with progress("packages") as on_progress:
        folders = run(at, date, out, days, only, on_progress, lang if drawn else None)
    say(f"{len(folders)} packages written to {out}")


def _refuse_language(lang: str) -> None:
    if lang not in ("zh", "en"):
        raise PopflowError(f"no language '{lang}'; there are zh and en")

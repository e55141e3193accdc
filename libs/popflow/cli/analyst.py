"""popflow pull: published tables for people who know counties and Excel; needs no Java."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from popflow import contracts
from popflow.cli.screen import LAKE, say, show_table
from popflow.dates import MOST_DATES

if TYPE_CHECKING:
    import pandas as pd

    from popflow.reading.reader import Reader

pull = typer.Typer(help="Read published tables; needs no Java.", no_args_is_help=True)

Area = Annotated[str, typer.Option("--area", "--from-area", help="Area by name or code: wuhan, 武汉, 420100 ...")]
Place = Annotated[str, typer.Option("--area", "--to-area", help="Place by name or code: hunan, changsha, 430102 ...")]
From = Annotated[str | None, typer.Option("--from", help="First date, as 2020-01-09.")]
To = Annotated[str | None, typer.Option("--to", help="Last date, inclusive.")]
Days = Annotated[int | None, typer.Option(min=1, max=MOST_DATES, help="Number of days before --before; 14 by default.")]
Before = Annotated[str | None, typer.Option(help="The day after the last date, as 2020-01-23.")]
Destination = Annotated[
    str | None, typer.Option("--destination", "--to-area", help="Only flows to this place: code or name.")
]
Daily = Annotated[bool, typer.Option("--daily", help="One row for each date.")]
AsOf = Annotated[str | None, typer.Option(help="Answer as at that moment, as 2020-02-01T12:00.")]
Out = Annotated[Path | None, typer.Option(help="File .csv, .parquet, .xlsx or .geojson.")]
WHATEVER = {"allow_extra_args": True, "ignore_unknown_options": True}  # a refusal comes first, whatever is asked
EXAMPLE = (
    "Example: popflow pull {name} --area wuhan --days 14 --before 2020-01-23 --level county --out a.xlsx --lake lake"
)
COUNTS_EXAMPLE = "Example: popflow pull {name} --area wuhan --from 2020-01-22 --to 2020-01-22 --out a.xlsx --lake lake"
Anywhere = Annotated[
    str | None, typer.Option("--area", help="Province, prefecture or county by name or code; all if not given.")
]
Hours = Annotated[str | None, typer.Option("--hour", help="Full hours, as 3 or 3,10; all if not given.")]
Index = Annotated[
    str | None, typer.Option("--index", help="work-night (10:00 against 03:00) or baseline, in percent with bounds.")
]
Baseline = Annotated[
    str | None, typer.Option("--baseline", help="First and last date whose workdays count, as 2019-12-02:2019-12-29.")
]
Form = Annotated[str | None, typer.Option("--format", help="table, csv, parquet, xlsx or geojson.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    known = contracts.load()
    for indicator in known.indicators.values():
        words = f"{indicator.meaning.en}.\n\n{EXAMPLE.format(name=indicator.indicator)}"
        pull.command(indicator.indicator, help=words)(_asking(_ask, indicator.indicator))
    for counted in known.hundreds.values():
        words = f"{counted.meaning.en}.\n\n{COUNTS_EXAMPLE.format(name=counted.indicator)}"
        pull.command(counted.indicator, help=words)(
            _asking(_count, counted.indicator, *([] if counted.hourly else ["hours"]))
        )
    pull.command("inflow")(_inflow)
    pull.command("net")(_net)
    pull.command("matrix")(_matrix)
    for gone in known.retired.values():
        words = "Say why this is no longer published."
        pull.command(gone.asked_as, context_settings=WHATEVER, help=words)(_refusing(gone.asked_as))
    app.add_typer(pull, name="pull")


def _asking(ask: Callable[..., None], indicator: str, *left_out: str) -> Callable[..., None]:
    """The command that asks for an indicator, with the words of a function but those that are left out."""

    @functools.wraps(ask)
    def asking(*args: Any, **given: Any) -> None:
        ask(*args, **given, indicator=indicator)

    words = inspect.signature(ask, eval_str=True)
    mine = [one for name, one in words.parameters.items() if name not in ("indicator", *left_out)]
    asking.__signature__ = words.replace(parameters=mine)  # type: ignore[attr-defined]
    return asking


def _count(
    lake: Annotated[str, LAKE],
    area: Anywhere = None,
    date_from: From = None,
    date_to: To = None,
    days: Days = None,
    before: Before = None,
    hours: Hours = None,
    index: Index = None,
    baseline: Baseline = None,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = None,
    *,
    indicator: str,
) -> None:
    asked: dict[str, Any] = {"days": days, "before": before, "index": index, "baseline": baseline}
    said = (indicator, area, date_from, date_to, hours, as_of)
    _tell(lake, lambda reader, polygons: reader.counts(*said, polygons, **asked), out, form)


def _refusing(asked_as: str) -> Callable[[], None]:
    """The command of an indicator that is gone."""

    def refusing() -> None:
        contracts.load().indicator(asked_as)

    return refusing


def _inflow(
    area: Place,
    lake: Annotated[str, LAKE],
    date_from: From = None,
    date_to: To = None,
    days: Days = None,
    before: Before = None,
    by: Annotated[str, typer.Option(help="Origins: prefecture or province.")] = "prefecture",
    daily: Daily = False,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = None,
) -> None:
    """Who came to a place, by origin: at least and at most.

    Example: popflow pull inflow --area changsha --days 14 --before 2020-01-23 --out changsha.xlsx --lake lake
    """
    window: dict[str, Any] = {"days": days, "before": before, "daily": daily}
    _tell(lake, lambda reader, _: reader.inflow(area, date_from, date_to, by, as_of, **window), out, form)


def _net(
    area: Place,
    lake: Annotated[str, LAKE],
    date_from: From = None,
    date_to: To = None,
    days: Days = None,
    before: Before = None,
    daily: Daily = False,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = None,
) -> None:
    """How many more came to a province or prefecture than left it: at least and at most.

    Example: popflow pull net --area wuhan --days 14 --before 2020-01-23 --daily --lake lake
    """
    window: dict[str, Any] = {"days": days, "before": before, "daily": daily}
    _tell(lake, lambda reader, _: reader.net(area, date_from, date_to, as_of, **window), out, form)


def _matrix(
    lake: Annotated[str, LAKE],
    level: Annotated[str, typer.Option(help="Destinations: province, prefecture or county.")] = "prefecture",
    date_from: From = None,
    date_to: To = None,
    days: Days = None,
    before: Before = None,
    daily: Daily = False,
    wide: Annotated[bool, typer.Option("--wide", help="Origins by destinations, one table of each bound.")] = False,
    as_of: AsOf = None,
    out: Out = None,
    form: Form = None,
) -> None:
    """Who went from where to where, the whole nation: at least and at most.

    Example: popflow pull matrix --level prefecture --from 2020-01-22 --to 2020-01-22 --out matrix.parquet --lake lake
    """
    window: dict[str, Any] = {"days": days, "before": before, "daily": daily, "wide": wide}
    _tell(lake, lambda reader, _: reader.matrix(level, date_from, date_to, as_of, **window), out, form)


def _tell(lake: str, ask: Callable[[Reader, bool], pd.DataFrame], out: Path | None, form: str | None) -> None:
    """Ask a lake, print the answer or write it to a file, and say what there is to know about it.

    ask: is given the lake's reader, and whether polygons are wanted. The words of a call are looked at before.
    """
    from popflow.cli.lakes import open_recorded
    from popflow.reading.reader import Reader
    from popflow.reading.tables_out import as_text, format_of, save, screen_table

    kind = format_of(out, form)
    frame = ask(Reader(open_recorded(lake)), kind == "geojson")
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


def _ask(
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
    *,
    indicator: str,
) -> None:
    asked: dict[str, Any] = {"days": days, "before": before, "by_origin": by_origin, "daily": daily}
    said = (indicator, area, date_from, date_to, level, destination, as_of)
    _tell(lake, lambda reader, polygons: reader.ask(*said, polygons, **asked), out, form)

"""popflow nightly, deliveries, status, audit, releases, withdraw, trail: for those who answer for the night."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from popflow import contracts
from popflow.cli.opened import opened
from popflow.cli.screen import DATE_HELP, LAKE, day, progress, say, show
from popflow.errors import AtWork, PopflowError
from popflow.lake import Lake
from popflow.publish.served import MOST_DATES

Engine = Literal["duckdb", "spark"]
Feeds = Annotated[Path | None, typer.Option("--contracts", help="Folder with further feeds.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (nightly, deliveries, audit, releases, withdraw, status):
        app.command()(command)
    app.add_typer(trail, name="trail")


def nightly(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    landing: Annotated[str, typer.Option(help="Folder or object-storage address of the deliveries.")],
    lake: Annotated[str, LAKE],
    mno: Annotated[list[str] | None, typer.Option(help="MNOs of the night; all that have a contract.")] = None,
    engine: Annotated[str, typer.Option(help="duckdb, or spark: slower, the oracle for the first.")] = "duckdb",
    allow_missing_mno: Annotated[list[str] | None, typer.Option(help="Go on without this MNO, for ever.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; stands in the release.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Deliveries of a sample of people: a simulation's.")] = False,
    keep_up: Annotated[bool, typer.Option("--upkeep/--no-upkeep", help="Then quality page, retention, leaks.")] = True,
    contracts_folder: Feeds = None,
) -> None:
    """Run one night: three deliveries in, a published table out.

    However it ends, quality page, retention and leak scan follow.

    Example: popflow nightly --date 2020-01-22 --landing sim/landing --lake lake
    """
    from popflow.pipeline import Night
    from popflow.pipeline import nightly as run

    known = contracts.load()
    known = known.with_feeds(contracts_folder) if contracts_folder else known
    missing = tuple(allow_missing_mno or ())
    mnos = tuple(name for name in _mnos(known, mno) if name not in missing)
    if missing and not yes:
        _ask(missing, day(date))
    opened = Lake(lake, known)
    night = Night(day(date), landing, mnos, missing, reason, _engine(engine), sample)
    with kept_up(opened, night.date, landing) if keep_up else nullcontext():
        with progress(f"night of {date}") as on_progress:
            figures = run(opened, dataclasses.replace(night, on_progress=on_progress))
        for stage, said in figures.items():
            say(f"{stage}: {said['said']}" if "said" in said else f"{stage}: done")
            for warning in said.get("warnings", ()):
                say(f"  warning: {warning}")


@contextmanager
def kept_up(lake: Lake, date: dt.date, landing: str) -> Iterator[None]:
    """Follow a night with its upkeep, however the night ends; of two failures both are said, and the night's counts."""
    from popflow.operations.events import reason_of
    from popflow.operations.upkeep import run_id_of, upkeep

    failed: Exception | None = None
    try:
        yield
    except AtWork:
        raise
    except Exception as failure:  # noqa: BLE001 - raised below, after the upkeep
        failed = failure
    try:
        kept = upkeep(lake, date, run_id_of(date), landing)
    except Exception as failure:
        if failed is None:
            raise
        typer.echo(f"popflow: upkeep: {reason_of(failure)}", err=True)
    else:
        for line in (kept.said, *kept.notes):
            say(f"upkeep: {line}")
    if failed is not None:
        raise failed


def _ask(missing: tuple[str, ...], date: dt.date) -> None:
    from popflow.quality.coverage import warning_of

    if not typer.confirm(warning_of(missing, date)):
        raise PopflowError(f"{date} was not run: it waits for {', '.join(missing)}")


def status(
    lake: Annotated[str, LAKE], nights: Annotated[int, typer.Option(min=1, max=MOST_DATES, help="So many.")] = 14
) -> None:
    """The last nights: what landed, what was held or released, and why.

    Example: popflow status --lake lake
    """
    from popflow.operations.status import status as run

    frame = run(opened(lake), nights)
    if frame.empty:
        raise PopflowError(f"{lake}: no night has been run there yet")
    show(frame, "The last nights")


trail = typer.Typer(help="The audit trail of restricted tables.", no_args_is_help=True)


@trail.command()
def verify(
    lake: Annotated[str, LAKE],
    anchor: Annotated[
        Path | None, typer.Option(envvar="POPFLOW_TRAIL_ANCHOR", help="File outside the lake with the newest entry.")
    ] = None,
) -> None:
    """Check that no entry of the audit trail was edited, dropped, reordered or cut off; exit code 1 if one was.

    Example: popflow trail verify --lake lake --anchor /mnt/elsewhere/anchor
    """
    from popflow.operations.trail import Trail
    from popflow.operations.trail import verify as run

    kept = Trail.of(Lake(lake, contracts.load()), anchor)
    verdict = run(kept.path, kept.anchor)
    if not verdict.ok:
        raise PopflowError(f"{kept.path}: {verdict.summary()}")
    say(verdict.summary())


def deliveries(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    lake: Annotated[str, LAKE],
    rows: Annotated[bool, typer.Option("--set-aside", help="name the rows that were set aside, by file")] = False,
) -> None:
    """What came in for a date: records, quarantine by reason, duplicates, reduction, by MNO.

    Example: popflow deliveries --date 2020-01-22 --lake lake
    """
    from popflow.intake.report import delivery_report, set_aside

    if rows:
        show(set_aside(opened(lake), day(date)), f"Set aside in the deliveries of {date}")
    else:
        show(delivery_report(opened(lake), day(date)), f"Deliveries of {date}")


def audit(
    lake: Annotated[str, LAKE],
    every: Annotated[bool, typer.Option("--all", help="All dates, whatever was stamped as good before.")] = False,
) -> None:
    """Attack the newest date and all that bears no stamp of the auditor; exit code 1 for any finding.

    Example: popflow audit --all --lake lake
    """
    from popflow.release import audited_history

    with progress("auditing"):
        verdict = audited_history(opened(lake), every)
    for line in verdict.text().splitlines():
        say(line)
    if not verdict.ok:
        raise PopflowError(f"the auditor found {verdict.summary()}")


def releases(lake: Annotated[str, LAKE]) -> None:
    """Every release and withdrawal: date, number, reason, run, inputs, MNOs.

    Example: popflow releases --lake lake
    """
    import pandas as pd

    from popflow.publish.releases import all_releases

    rows = all_releases(Lake(lake, contracts.load()))
    if not rows:
        raise PopflowError(f"{lake}: nothing has been released yet")
    frame = pd.DataFrame(rows).assign(mnos=lambda f: f["mnos"].map(", ".join))
    frame["input_fingerprint"] = frame["input_fingerprint"].str[:12]
    show(frame.drop(columns=["code_version", "definition"]), "Releases")


def withdraw(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    reason: Annotated[str, typer.Option(help="Stands in the notice, for good.")],
    signed_by: Annotated[str, typer.Option(help="Who answers for it, by name.")],
    lake: Annotated[str, LAKE],
    indicator: Annotated[str, typer.Option()] = "outflow",
) -> None:
    """Stop serving the newest release of a date. What was read is read.

    Example: popflow withdraw --date 2020-01-22 --reason "wrong cell table" --signed-by "Li Na" --lake lake
    """
    from popflow.publish.releases import withdraw as run

    number = run(Lake(lake, contracts.load()), indicator, day(date), reason, signed_by)
    say(f"{indicator} of {date}, release {number}: no longer served; the notice stays")


def _mnos(known: contracts.Contracts, asked: list[str] | None) -> tuple[str, ...]:
    there = tuple(known.mno_bits())
    for name in asked or ():
        if name not in there:
            raise PopflowError(f"no MNO '{name}'; the landing contracts name {', '.join(there)}")
    return tuple(asked) if asked else there


def _engine(name: str) -> Engine:
    for known in get_args(Engine):
        if name == known:
            return known
    raise PopflowError(f"no engine '{name}'; there are {' and '.join(get_args(Engine))}")

"""popflow nightly, deliveries, status, audit, releases, withdraw, trail: for those who answer for the night."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from popflow import contracts, environment
from popflow.cli.lakes import open_recorded, open_unrecorded
from popflow.cli.screen import DATE_HELP, FORM, LAKE, day, form_of, plain_text, progress, say, show_each
from popflow.dates import MOST_DATES
from popflow.errors import Amiss, AtWork, Held, PopflowError
from popflow.lake import Lake
from popflow.operations.trail import Trail
from popflow.reading.tables_out import at_once

if TYPE_CHECKING:
    import pandas as pd

Engine = Literal["kernel", "duckdb", "spark"]
Feeds = Annotated[Path | None, typer.Option("--contracts", help="Folder with further feeds.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (nightly, plan, deliveries, audit, releases, withdraw, status):
        app.command()(command)
    app.add_typer(trail, name="trail")


def nightly(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    landing: Annotated[str, typer.Option(help="Folder or object-storage address of the deliveries.")],
    lake: Annotated[str, LAKE],
    mno: Annotated[list[str] | None, typer.Option(help="An MNO of the night; default all with a contract.")] = None,
    engine: Annotated[str, typer.Option(help="kernel; duckdb or spark: slower, to compare with.")] = "kernel",
    allow_missing_mno: Annotated[list[str] | None, typer.Option(help="Release without this MNO, for good.")] = None,
    reason: Annotated[str | None, typer.Option(callback=plain_text, help="Reason, kept in the release.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="The deliveries hold a sample of people only.")] = False,
    keep_up: Annotated[bool, typer.Option("--upkeep/--no-upkeep", help="Upkeep after the night.")] = True,
    contracts_folder: Feeds = None,
) -> None:
    """Run one night: three deliveries in, a published table out.

    However it ends, quality page, retention and leak scan follow.

    Example: popflow nightly --date 2020-01-22 --landing sim/landing --lake lake
    """
    from popflow.pipeline import Night
    from popflow.pipeline import nightly as run

    known = _known(contracts_folder)
    missing = tuple(allow_missing_mno or ())
    mnos = tuple(name for name in _mnos(known, mno) if name not in missing)
    if missing and not yes:
        _ask(missing, day(date))
    at = open_unrecorded(lake, known, new=True)
    night = Night(day(date), landing, mnos, missing, reason, _engine(engine), sample)
    with _told_of(at, night.date), kept_up(at, night.date, landing) if keep_up else nullcontext():
        with progress(f"night of {date}") as on_progress:
            done = run(at, dataclasses.replace(night, on_progress=on_progress))
        for stage, what in done.items():
            say(f"{stage}: {what.said}")
            for warning in what.warnings:
                say(f"  warning: {warning}")


def plan(
    out: Annotated[Path, typer.Option(help="The file: airflow_dags/night.json.")],
    contracts_folder: Feeds = None,
) -> None:
    """Write the night as a scheduler runs it: its MNOs, its stages in order, the tables that each reads and writes.

    Example: popflow plan --contracts feeds --out airflow_dags/night.json
    """
    from popflow.pipeline import plan as made

    known = _known(contracts_folder)
    with at_once(out) as temporary:
        temporary.write_text(json.dumps(made(known), indent=1) + "\n", encoding="utf-8")
    say(f"written: {out}")


def _known(feeds: Path | None) -> contracts.Contracts:
    """The contracts, with the feeds of a further folder where one is given."""
    known = contracts.load()
    return known.with_feeds(feeds) if feeds else known


def _told_of(lake: Lake, date: dt.date) -> AbstractContextManager[None]:
    from popflow.operations.notices import told_of

    return told_of(lake, date, lambda text: typer.echo(f"popflow: {text}", err=True))


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
    lake: Annotated[str, LAKE],
    nights: Annotated[int, typer.Option(min=1, max=MOST_DATES, help="Nights.")] = 14,
    check: Annotated[bool, typer.Option("--check", help="One line on one night, and an exit code.")] = False,
    date: Annotated[str | None, typer.Option(help="With --check: the night; default the newest known.")] = None,
    form: FORM = "text",
) -> None:
    """The last nights: what landed, what was held or released, and why.

    With --check, for a monitor: exit code 0 for a night that is released, empty, or a lake's first; 3 for one that is
    held or was not run; 4 for one that failed or was withdrawn; 1 where the lake cannot be read.

    Example: popflow status --lake lake

    Example: popflow status --check --date 2020-01-22 --lake lake
    """
    from popflow.operations.status import status as run

    told = form_of(form)
    frame = run(open_recorded(lake), MOST_DATES if check and date else nights)
    if check:
        _check(frame, None if date is None else day(date))
        return
    if date is not None:
        raise PopflowError("--date: goes with --check; --nights says how many nights are listed")
    if frame.empty:
        raise PopflowError(f"{lake}: no night has been run there yet")
    show_each(frame, "The last nights", told, ("date", "state"))


def _check(nights: pd.DataFrame, date: dt.date | None) -> None:
    """Say of one night whether it is as it should be, and end with the exit code of its state."""
    from popflow.operations.status import GOOD

    of_date = nights if date is None else nights[nights["date"] == str(date)]
    if of_date.empty:
        raise Held(f"{date or 'no night'}: nothing is known of it; it was not run, and no delivery was taken in")
    night = of_date.iloc[0]
    line = f"{night['date']} {night['state']}" + (f": {night['why']}" if night["why"] else "")
    if night["state"] in GOOD:
        say(line)
    elif night["state"] in ("held", "landed", "refused"):
        raise Held(line)
    else:
        raise Amiss(line)


trail = typer.Typer(help="The audit trail of restricted tables.", no_args_is_help=True)


State = Annotated[Path | None, typer.Option("--state", help="The share's folder, for its trail.")]


@trail.command()
def verify(
    lake: Annotated[str | None, LAKE] = None,
    anchor: Annotated[
        Path | None, typer.Option(help=f"File with the newest entry; {environment.TRAIL_ANCHOR}.")
    ] = None,
    state: State = None,
) -> None:
    """Check that no entry of the audit trail was edited, dropped, reordered or cut off; exit code 1 if one was.

    Example: popflow trail verify --lake lake --anchor /mnt/elsewhere/anchor
    """
    from popflow.operations.trail import verify as run

    kept = _trail(lake, anchor, state)
    verdict = run(kept.path, kept.anchor)
    if not verdict.ok:
        raise PopflowError(f"{kept.path}: {verdict.summary()}")
    say(verdict.summary())


@trail.command()
def anchor(
    file: Annotated[Path, typer.Option("--anchor", help="File outside the lake, which must not exist yet.")],
    lake: Annotated[str | None, LAKE] = None,
    state: State = None,
) -> None:
    """Anchor a trail that has no anchor yet, after checking all of it.

    Example: popflow trail anchor --lake lake --anchor /mnt/elsewhere/anchor
    """
    _trail(lake, file, state).start_anchor(uuid.uuid4().hex[:12], contracts.stated())
    variable = environment.SHARE_ANCHOR if state else environment.TRAIL_ANCHOR
    say(f"{file}: holds the newest entry; set {variable} to it for good")


def _trail(lake: str | None, anchor: Path | None, state: Path | None) -> Trail:
    """The trail of a lake, or of a share."""
    from popflow.sharing.state import trail_of

    if state:
        known = contracts.load()
        contracts.refuse_unknown(known, contracts.stated())
        return trail_of(Lake(state.parent, known, zones={"share": str(state)}), anchor)
    if not lake:
        raise PopflowError("name a lake by --lake, or a share's folder by --state")
    return Trail.of(open_recorded(lake), anchor)


def deliveries(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    lake: Annotated[str, LAKE],
    rows: Annotated[bool, typer.Option("--set-aside", help="Name the rows that were set aside, by file.")] = False,
    form: FORM = "text",
) -> None:
    """What came in for a date: records, quarantine by reason, duplicates, reduction, by MNO.

    Example: popflow deliveries --date 2020-01-22 --lake lake
    """
    from popflow.intake.report import delivery_report, set_aside
    from popflow.quality.night import usual_sims

    at, told = open_recorded(lake), form_of(form)
    if rows:
        named = ("mno", "delivery_id", "file", "reason")
        show_each(set_aside(at, day(date)), f"Set aside in the deliveries of {date}", told, named)
    else:
        show_each(delivery_report(at, day(date), usual_sims(at, day(date))), f"Deliveries of {date}", told, ("mno",))


def audit(
    lake: Annotated[str, LAKE],
    every: Annotated[bool, typer.Option("--all", help="All dates, also those stamped as good before.")] = False,
) -> None:
    """Attack the newest date and all that the auditor has not stamped; exit code 1 for any finding.

    Example: popflow audit --all --lake lake
    """
    from popflow.release.candidates import audited_history

    with progress("auditing"):
        verdict = audited_history(open_recorded(lake), every)
    for line in verdict.text().splitlines():
        say(line)
    if not verdict.ok:
        raise PopflowError(f"the auditor found {verdict.summary()}")


def releases(lake: Annotated[str, LAKE], form: FORM = "text") -> None:
    """Every release and withdrawal: date, number, reason, run, inputs, MNOs.

    Example: popflow releases --lake lake
    """
    import pandas as pd

    from popflow.release.ledger import all_releases

    told = form_of(form)
    rows = all_releases(open_recorded(lake))
    if not rows:
        raise PopflowError(f"{lake}: nothing has been released yet")
    frame = pd.DataFrame(rows).assign(mnos=lambda f: f["mnos"].map(", ".join))
    if told == "text":
        frame["input_fingerprint"] = frame["input_fingerprint"].str[:12]  # enough to compare by eye
    show_each(frame, "Releases", told, ("date", "indicator", "release", "status"))


def withdraw(
    date: Annotated[str, typer.Option(help=DATE_HELP)],
    reason: Annotated[str, typer.Option(callback=plain_text, help="Reason, kept in the notice for good.")],
    signed_by: Annotated[str, typer.Option(callback=plain_text, help="Name of who answers for it.")],
    lake: Annotated[str, LAKE],
    indicator: Annotated[str | None, typer.Option(help="The indicator; the main one by default.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop serving the newest release of a date, for good; asks first. What was read cannot be called back.

    Example: popflow withdraw --date 2020-01-22 --reason "wrong cell table" --signed-by "Li Na" --lake lake
    """
    from popflow.operations.recorded_run import recorded_run
    from popflow.release.ledger import refuse_unsigned, served_release
    from popflow.release.ledger import withdraw as run

    at, run_id = open_unrecorded(lake), uuid.uuid4().hex[:12]
    refuse_unsigned(reason, signed_by)
    name = at.contracts.indicator(indicator).indicator if indicator else at.contracts.headline.indicator
    newest = served_release(at, name, day(date))
    if not yes and not typer.confirm(f"Withdraw release {newest['release']} of {name} for {date}, for good?"):
        raise PopflowError(f"{date}: nothing was withdrawn")
    with recorded_run(at, day(date), run_id, "withdrawal", when_busy="share") as log:
        about = f"{name} of {date}, release {newest['release']}, signed by {signed_by}: {reason}"
        Trail.of(at).append("withdraw", "flows", run_id, contracts.stated(), about)
        number = run(at, name, day(date), reason, signed_by)
        log.finish("withdrawn", reason)
    say(f"{name} of {date}, release {number}: no longer served; the notice stays")


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
    raise PopflowError(f"no engine '{name}'; there are {', '.join(get_args(Engine))}")

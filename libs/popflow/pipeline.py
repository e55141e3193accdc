"""The night, on one screen: its stages, each with the tables that it reads and writes, and the dates they run for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from popflow.contracts import Contracts
from popflow.dates import ONE_DAY
from popflow.disclosure import ProtectedTable
from popflow.errors import PopflowError
from popflow.exact import days_of, keep_counts, keep_exact, keep_presence_hourly
from popflow.intake.night import take_in as take_deliveries_in
from popflow.intake.summary import IntakeSummary
from popflow.lake import Lake
from popflow.movement.person_states import person_states
from popflow.operations.at_rest import kept_from_others
from popflow.operations.events import RunLog
from popflow.operations.recorded_run import WhenBusy, recorded_run
from popflow.progress import Progress, silent
from popflow.quality.checks import CheckVerdict
from popflow.quality.coverage import refuse_empty_word, without_text
from popflow.quality.night import after_flows, after_intake, refuse_unchecked
from popflow.reference import register_on
from popflow.release.candidates import bits_of
from popflow.release.commit import FIRST_RELEASE, rounded
from popflow.release.ledger import record_releases, released_through
from popflow.release.night import release_date

EXACT = "the indicators' exact tables"


@dataclass(frozen=True)
class Done:
    """What a stage did, in a line for people.

    figures: national ones, which a log may hold. warnings: a line each. summary: of the intake. persons: of the night's
    state; secret. tables: what was released, by indicator.
    """

    said: str
    figures: dict[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    summary: IntakeSummary | None = None
    persons: int | None = None
    tables: dict[str, ProtectedTable] = field(default_factory=dict)


@dataclass(frozen=True)
class Night:
    """What a night is asked to do: one date, with the deliveries that stand under `landing`.

    mnos: those that it goes on with. missing: those that it goes on without, by an operator's word and for a reason;
    this cannot be mended later. sample: the deliveries cover a sample of the people, such as a simulation, so that
    checks of the whole nation only warn.
    """

    date: dt.date
    landing: str
    mnos: tuple[str, ...]
    missing: tuple[str, ...] = ()
    reason: str | None = None
    engine: Literal["kernel", "duckdb", "spark"] = "kernel"
    sample: bool = False
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    on_progress: Progress = silent

    @property
    def yesterday(self) -> dt.date:
        """The date before."""
        return self.date - ONE_DAY

    @property
    def reason_of_release(self) -> str:
        """What the release says; of a night that went on without an MNO, which and why, for ever."""
        return without_text(self.missing, self.reason) if self.missing else FIRST_RELEASE


@dataclass(frozen=True)
class Stage:
    """A named part of the night, from tables to tables; it returns what it did.

    reads, writes: tables, EXACT for those of all indicators. each_mno: it may run for one MNO beside the others, each
    into partitions of its own.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    run: Callable[[Lake, Night], Done]
    each_mno: bool = False

    def reads_of(self, known: Contracts) -> tuple[str, ...]:
        """Tables that it reads under these contracts."""
        return _tables(self.reads, known)

    def writes_of(self, known: Contracts) -> tuple[str, ...]:
        """Tables that it writes under these contracts."""
        return _tables(self.writes, known)


def _tables(names: Sequence[str], known: Contracts) -> tuple[str, ...]:
    exact = sorted({*(one.exact for one in known.indicators.values()), *(one.exact for one in known.told.values())})
    return tuple(table for name in names for table in (exact if name == EXACT else [name]))


def nightly(lake: Lake, night: Night) -> dict[str, Done]:
    """Run the stages in order; what each did, by its name.

    Dates that were computed before and are not released are computed again where new records touch them, and all after
    them. A date that was released, or lies before one that was, is not: what was published of it, and all that followed
    from it, stands. Raises Held where the date has to wait, PopflowError where yesterday's night is missing.
    """
    refuse_empty_word((*night.mnos, *night.missing), night.missing, night.reason)
    with recorded_run(lake, night.date, night.run_id, "night") as log:
        record_releases(lake)  # what a night that died between its two commits has left undone
        done = {INTAKE.name: _attend(lake, night, INTAKE, log)}
        taken_in = done[INTAKE.name].summary
        dates = to_compute(lake, night.date, taken_in.newly_touched_dates if taken_in else ())
        for date in dates:
            of_date = dataclasses.replace(night, date=date)
            stages = {stage.name: _attend(lake, of_date, stage, log) for stage in NIGHT[1:]}
            done |= stages if date == night.date else {}
        if night.date not in dates:
            done[RELEASE.name] = _attend(lake, night, RELEASE, log)
        log.finish(_outcome(lake, done[RELEASE.name]))
    return done


def plan(known: Contracts) -> dict[str, Any]:
    """The night for a scheduler: its MNOs, and its stages in order with the tables that each reads and writes."""
    stages = [
        {"name": one.name, "reads": one.reads_of(known), "writes": one.writes_of(known), "each_mno": one.each_mno}
        for one in NIGHT
    ]
    return {"mnos": sorted(known.feeds), "stages": stages}


def run_stage(lake: Lake, night: Night, stage: Stage) -> Done:
    """One stage by itself, as a scheduler runs it."""
    when_busy: WhenBusy = "share" if stage.each_mno else "wait"
    with recorded_run(lake, night.date, night.run_id, stage.name, when_busy) as log:
        done = _attend(lake, night, stage, log)
        log.finish(_outcome(lake, done))
    return done


def to_compute(lake: Lake, date: dt.date, touched: Sequence[dt.date]) -> list[dt.date]:
    """The dates whose persons, flows and release a night computes, in order.

    Its own; those computed before that newly read records touch; and all computed ones after the first of these. None
    that is released, or lies before one that is.
    """
    computed, frozen = _computed(lake), released_through(lake) or dt.date.min
    open_dates = [one for one in sorted(computed | {date}) if one > frozen]
    first = min([date, *(one for one in touched if one in computed and one in open_dates)])
    return [one for one in open_dates if one >= first]


def take_in(lake: Lake, night: Night) -> Done:
    """Landing -> presence, tallies, quarantine, deliveries."""
    summary = take_deliveries_in(
        lake,
        night.landing,
        night.date,
        night.mnos,
        engine=night.engine,
        may_miss=night.missing,
        on_progress=lambda tasks: night.on_progress(f"intake, {tasks}"),
    )
    records = {mno: _national(lake, one.rows) for mno, one in summary.mnos.items()}
    said = "; ".join(
        f"{mno} {records[mno]:,} records, {100 * one.accepted / max(one.rows, 1):.0f} % accepted, "
        f"{100 * one.duplicate_share:.0f} % repeated"
        for mno, one in summary.mnos.items()
    )
    return Done(said, {"records": records}, summary.warnings(), summary=summary)


def check_coverage(lake: Lake, night: Night) -> Done:
    """Presence, deliveries, tallies and register of all MNOs -> activity; and whether the night may go on."""
    expected = (*night.mnos, *night.missing)
    register = register_on(lake, night.date)
    found, verdict = after_intake(
        lake, night.date, expected, night.run_id, night.missing, night.reason, register=register, sample=night.sample
    )
    return Done(f"{', '.join(found.mnos)}: data-quality check passed", {"mnos": list(found.mnos)}, _warnings([verdict]))


def find_persons(lake: Lake, night: Night) -> Done:
    """Presence -> person_day and person_state of the date."""
    refuse_unchecked(lake, night.date, night.mnos)
    yesterday = None if is_first(lake, night) else lake.read("person_state", as_of=night.yesterday)
    lake.replace("person_day", days_of(lake, night.date, night.mnos, yesterday), event_date=night.date)
    today = lake.read("person_day", event_date=night.date)
    states = person_states(yesterday, today, night.date)
    lake.replace("person_state", states, as_of=night.date)
    persons = lake.read("person_state", as_of=night.date).count()
    rounded_persons = _national(lake, persons)
    return Done(f"{rounded_persons:,} persons", {"persons": rounded_persons}, persons=persons)


def find_flows(lake: Lake, night: Night) -> Done:
    """person_day and person_state -> the indicators' exact tables, presence_hourly, and the data-quality checks."""
    days, states = lake.read("person_day", event_date=night.date), lake.read("person_state", as_of=night.date)
    bits = bits_of(lake, night.mnos)
    for indicator in lake.contracts.indicators.values():
        keep_exact(lake, indicator, night.date, states, bits)
    for counted in lake.contracts.told.values():
        keep_counts(lake, counted, night.date, days, states, bits)
    keep_presence_hourly(lake, night.date, days, bits)
    verdicts = after_flows(lake, night.date, night.run_id, sample=night.sample)
    return Done(f"{len(verdicts)} data-quality checks passed", warnings=_warnings(verdicts))


def release(lake: Lake, night: Night) -> Done:
    """Exact tables -> gate -> auditor -> flows, releases; nothing for the first date, which has no origins."""
    if night.yesterday not in _computed(lake):
        return Done("nothing: the first date of a lake has no origins")
    released = release_date(lake, night.date, night.mnos, night.run_id, night.reason_of_release)
    figures = {"audit_seconds": round(released.audit_seconds)}
    return Done(released.said, figures, released.warnings, tables=released.tables)


def is_first(lake: Lake, night: Night) -> bool:
    """Whether no night has run before this one. Raises PopflowError where one has, but not yesterday's."""
    before = {date for date in _computed(lake) if date < night.date}
    if before and night.yesterday not in before:
        raise PopflowError(
            f"the night of {night.yesterday} has not run, the last was {max(before)}: nights run in order, start with "
            f"popflow nightly --date {max(before) + ONE_DAY}"
        )
    return not before


def _computed(lake: Lake) -> set[dt.date]:
    return {dt.date.fromisoformat(one["as_of"]) for one in lake.partitions("person_state")}


def _attend(lake: Lake, night: Night, stage: Stage, log: RunLog) -> Done:
    night.on_progress(stage.name)
    reads, writes = stage.reads_of(lake.contracts), stage.writes_of(lake.contracts)
    name = stage.name if night.date == log.date else f"{stage.name} of {night.date}"
    with log.stage(name, reads, writes) as figures, kept_from_others(lake, sample=night.sample):
        done = stage.run(lake, night)
        figures |= done.figures
    return done


def _outcome(lake: Lake, done: Done) -> str:
    """How a run that ends with this stage ended: as the headline's release, where there is one."""
    table = done.tables.get(lake.contracts.headline.indicator)
    return table.status if table is not None else "done"


def _warnings(verdicts: Sequence[CheckVerdict]) -> list[str]:
    return [str(warning) for verdict in verdicts for warning in verdict.warnings]


def _national(lake: Lake, figure: int) -> int:
    return rounded(figure, lake.contracts.disclosure.figures_rounded_to)


INTAKE = Stage(
    "intake",
    ("cell_to_county", "deliveries", "tallies"),
    ("presence", "tallies", "quarantine", "deliveries"),
    take_in,
    each_mno=True,
)
COVERAGE = Stage(
    "coverage", ("presence", "deliveries", "tallies", "activity", "subscribers"), ("activity",), check_coverage
)
PERSONS = Stage(
    "persons",
    ("presence", "deliveries", "activity", "subscribers", "person_day", "person_state"),
    ("person_day", "person_state"),
    find_persons,
)
FLOWS = Stage(
    "flows",
    ("person_day", "person_state", "flows_exact", "presence_hourly", "counties"),
    (EXACT, "presence_hourly"),
    find_flows,
)
RELEASE = Stage(
    "release",
    ("person_state", EXACT, "cell_to_county", "base_cells", "flows", "counts", "releases", "deliveries"),
    ("released_persons", "base_cells", "flows", "counts", "releases"),
    release,
)
NIGHT = (INTAKE, COVERAGE, PERSONS, FLOWS, RELEASE)

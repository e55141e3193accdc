"""The night, on one screen: four stages, each with the tables that it reads and writes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from popflow.errors import PopflowError
from popflow.intake.keys import key_file
from popflow.intake.night import take_in as take_deliveries_in
from popflow.intake.presence import presence_of
from popflow.lake import Lake
from popflow.movement.flows import daily_flows
from popflow.movement.person_days import person_days
from popflow.movement.person_states import person_states
from popflow.movement.population import population
from popflow.movement.sims import sim_days
from popflow.movement.stock import stock
from popflow.publish.releases import record_releases
from popflow.reference import register_on
from popflow.release import OUTFLOW, release_date, released_through

ONE_DAY = dt.timedelta(days=1)
Figures = dict[str, Any]


@dataclass(frozen=True)
class Night:
    """What a night is asked to do: one date, with the deliveries that stand under `landing`."""

    date: dt.date
    landing: str
    mnos: tuple[str, ...]
    engine: Literal["duckdb", "spark"] = "duckdb"
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    on_progress: Callable[[str], None] = lambda _: None

    @property
    def eve(self) -> dt.date:
        """The date before."""
        return self.date - ONE_DAY


@dataclass(frozen=True)
class Stage:
    """A named step from tables to tables; what it returns are figures to report, national ones."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    run: Callable[[Lake, Night], Figures]


def nightly(lake: Lake, night: Night) -> dict[str, Figures]:
    """Run the stages in order; the figures of each, by its name.

    A date that was released before, or lies before one that was, is not computed again: what was published of it, and
    all that followed from it, stands. Raises PopflowError where yesterday's night is missing.
    """
    record_releases(lake)  # what a night that died between its two commits has left undone
    frozen = released_through(lake)
    figures: dict[str, Figures] = {}
    for stage in NIGHT if frozen is None or night.date > frozen else (INTAKE, RELEASE):
        night.on_progress(stage.name)
        figures[stage.name] = stage.run(lake, night)
    return figures


def take_in(lake: Lake, night: Night) -> Figures:
    """Landing -> presence, tallies, quarantine, deliveries."""
    return {"summary": take_deliveries_in(lake, night.landing, night.date, night.mnos, engine=night.engine)}


def find_persons(lake: Lake, night: Night) -> Figures:
    """Presence -> person_day and person_state of the date."""
    yesterday = None if is_first(lake, night) else lake.read("person_state", as_of=night.eve)
    register = register_on(lake, night.date)
    presence = presence_of(lake, night.date)
    sims = sim_days(presence, register, lake.contracts.mno_bits(), str(key_file(lake)))
    lake.replace("person_day", person_days(sims, yesterday, night.date), event_date=night.date)
    today = lake.read("person_day", event_date=night.date)
    states = person_states(yesterday, today, night.date, lake.contracts.areas)
    lake.replace("person_state", states, as_of=night.date)
    return {"persons": lake.read("person_state", as_of=night.date).count()}


def find_flows(lake: Lake, night: Night) -> Figures:
    """person_day and person_state -> flows_exact, population_exact, stock_exact of the date."""
    bits = lake.contracts.mno_bits()
    mnos = {mno: bits[mno] for mno in night.mnos}
    days, states = lake.read("person_day", event_date=night.date), lake.read("person_state", as_of=night.date)
    lake.replace("flows_exact", daily_flows(states, mnos), date=night.date)
    lake.replace("population_exact", population(days, mnos), date=night.date)
    lake.replace("stock_exact", stock(states, lake.contracts.areas, mnos), date=night.date)
    return {}


def release(lake: Lake, night: Night) -> Figures:
    """Exact tables -> gate -> auditor -> flows, releases; nothing for the first date, which has no origins.

    The last day of a block also releases the block and the stock. What was released before stays.
    """
    if lake.read("person_state", as_of=night.eve).isEmpty():
        return {"first_night": True}
    released = release_date(lake, night.date, night.mnos, night.run_id)
    figures: Figures = {"said": released.said, "tables": released.tables}
    return figures | ({"table": released.tables[OUTFLOW]} if OUTFLOW in released.tables else {})


def is_first(lake: Lake, night: Night) -> bool:
    """Whether no night has run before this one. Raises PopflowError where one has, but not yesterday's."""
    if not lake.exists("person_state"):
        return True
    known = {row.as_of for row in lake.read("person_state").select("as_of").distinct().collect()}
    before = {date for date in known if date < night.date}
    if before and night.eve not in before:
        raise PopflowError(
            f"the night of {night.eve} has not run, the last was {max(before)}: nights run in order, start with "
            f"popflow nightly --date {max(before) + ONE_DAY}"
        )
    return not before


REFERENCE = ("cell_to_county", "subscribers")
INTAKE = Stage("intake", ("cell_to_county", "deliveries"), ("presence", "tallies", "quarantine", "deliveries"), take_in)
PERSONS = Stage("persons", ("presence", "subscribers", "person_state"), ("person_day", "person_state"), find_persons)
FLOWS = Stage("flows", ("person_day", "person_state"), ("flows_exact", "population_exact", "stock_exact"), find_flows)
RELEASE = Stage(
    "release",
    ("person_state", "flows_exact", "stock_exact", "cell_to_county", "atoms", "flows", "releases", "deliveries"),
    ("released_persons", "atoms", "flows", "releases"),
    release,
)
NIGHT = (INTAKE, PERSONS, FLOWS, RELEASE)

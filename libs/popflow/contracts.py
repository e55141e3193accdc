"""Reads data_contracts/: tables, feeds, indicators, areas and the disclosure rules of a run, and whether they fit.

A contract that does not hold together is refused with file, field and reason.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from popflow import environment
from popflow.declared import Declared, entries, read_folder, validated
from popflow.errors import PopflowError
from popflow.feeds import Feed
from popflow.hundreds import Hundreds
from popflow.indicators import Indicator, Retired
from popflow.kinds import Published, of_kind, read_indicators, refuse_kinds_together
from popflow.tables import Table

K_MINIMUM = 20  # constants of the promise (docs/design, section 6): disclosure.yaml can only raise them
FLOOR_MINIMUM = 10
PURPOSE = "epidemic_prevention"
HEADCOUNTS = {"date", "persons", "persons_registered", "persons_without"}


class Area(Declared):
    """A named area that can be asked about. watched: every province's package tells of the arrivals from it."""

    level: Literal["prefecture", "province"]
    code: str = Field(pattern=r"^\d{4}00$")
    name_zh: str
    name_en: str
    watched: bool = False

    @property
    def province_code(self) -> str:
        """GB/T 2260 code of the province that the area is or lies in."""
        return self.code[:2] + "0000"


class Disclosure(Declared):
    """Every parameter of the disclosure rules (docs/design, section 6).

    corrections: whether dates can be corrected. A figure on movers and two releases of its date would tell single
    persons together, so a night tells such figures only where dates never are.
    """

    k: int = Field(ge=K_MINIMUM)
    floor: int = Field(ge=FLOOR_MINIMUM)
    rest_children: int = Field(ge=3)
    corrections: bool
    correction_days: int = Field(ge=1)
    audit_seconds: int = Field(ge=1)
    figures_rounded_to: int = Field(ge=1000)
    sensitive_counties: list[str] = Field(default_factory=list)


class Contracts(Declared):
    """All contracts of a run. indicators: those that are chains; hundreds: those that are told in hundreds."""

    folder: Path
    tables: dict[str, Table]
    feeds: dict[str, Feed]
    areas: dict[str, Area]
    disclosure: Disclosure
    indicators: dict[str, Indicator]
    hundreds: dict[str, Hundreds] = Field(default_factory=dict)
    retired: dict[str, Retired]

    @property
    def published(self) -> dict[str, Published]:
        """The indicators of every kind."""
        return {**self.indicators, **self.hundreds}

    @property
    def told(self) -> dict[str, Hundreds]:
        """The indicators in hundreds that a night tells."""
        return {name: one for name, one in self.hundreds.items() if not (one.movers and self.disclosure.corrections)}

    @property
    def headline(self) -> Indicator:
        """The indicator that is meant where none is named."""
        return next(one for one in self.indicators.values() if one.headline)

    @property
    def correctable(self) -> Indicator:
        """The indicator whose dates can be corrected: whom its releases counted is kept."""
        return next(one for one in self.indicators.values() if one.correctable)

    def indicator(self, name: str) -> Indicator:
        """The contract of an indicator; a name without one is refused, and one that is gone with the reason."""
        if name in self.indicators:
            return self.indicators[name]
        if name in self.hundreds:
            raise PopflowError(f"{name} is told in hundreds, by county; ask for it with popflow pull {name}")
        gone = {asked: one.why for key, one in self.retired.items() for asked in (key, one.asked_as)}
        raise PopflowError(gone.get(name) or f"no indicator '{name}'; there are {', '.join(self.indicators)}")

    def table(self, name: str) -> Table:
        """The contract of a table; a name without one is refused."""
        if name not in self.tables:
            raise PopflowError(f"no contract for a table '{name}'; there are {', '.join(sorted(self.tables))}")
        return self.tables[name]

    def mno_bits(self) -> dict[str, int]:
        """Bit of each MNO in mno_mask."""
        return {feed.mno: feed.mno_bit for feed in self.feeds.values()}

    def with_feeds(self, folder: Path, *, only: bool = False) -> Contracts:
        """Contracts with the feeds of another folder added, or with them alone."""
        feeds = read_folder(folder, Feed, "feed")
        merged = feeds if only else self.feeds | feeds
        _refuse_shared_bits(merged, folder)
        return self.model_copy(update={"feeds": merged})


def default_folder() -> Path:
    """data_contracts of an installed package, or of a checkout."""
    packaged = Path(__file__).parent / "data_contracts"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "data_contracts"


def load(folder: Path | None = None) -> Contracts:
    """Read all contracts of a folder, the shipped ones with those of POPFLOW_CONTRACTS where none is given.

    Raises PopflowError with file, field and reason for the first contract that does not hold together.
    """
    return _load(folder or default_folder(), None if folder else environment.CONTRACTS.path())


@functools.cache
def _load(folder: Path, more: Path | None) -> Contracts:
    folders = [folder] if more is None else [folder, more]
    for one in folders:
        if not one.is_dir():
            raise PopflowError(f"no contracts folder at {one}")
    tables: dict[str, Table] = {}
    for zone in ("reference", "restricted", "published"):
        tables |= read_folder(folder / zone, Table, "table")
    feeds = read_folder(folder / "landing", Feed, "feed")
    indicators, retired = read_indicators(folder), folder / "retired.yaml"
    if more is not None:
        tables |= _new(read_folder(more / "restricted", Table, "table", or_none=True), tables, more)
        feeds |= _new(read_folder(more / "landing", Feed, "feed", or_none=True), feeds, more)
        indicators |= _new(read_indicators(more, or_none=True), indicators, more)
    _refuse_shared_bits(feeds, folder / "landing")
    _refuse_unread(tables, folder / "restricted")
    areas = {name: validated(Area, body, folder / "areas.yaml", name) for name, body in entries(folder / "areas.yaml")}
    disclosure = validated(Disclosure, dict(entries(folder / "disclosure.yaml")), folder / "disclosure.yaml")
    chains(areas)
    _refuse_uncounted(indicators, tables, folder)
    refuse_kinds_together(indicators, areas, folder)
    as_chains, in_hundreds = of_kind(indicators)
    return Contracts(
        folder=folder,
        tables=tables,
        feeds=feeds,
        areas=areas,
        disclosure=disclosure,
        indicators=as_chains,
        hundreds=in_hundreds,
        retired={name: validated(Retired, body, retired, name) for name, body in entries(retired)},
    )


Contract = TypeVar("Contract")


def _new(found: dict[str, Contract], shipped: Mapping[str, Contract], folder: Path) -> dict[str, Contract]:
    """Contracts of another folder; what popflow ships is not replaced."""
    if both := sorted(set(found) & set(shipped)):
        raise PopflowError(f"{folder}: {both[0]}.yaml: popflow ships a contract of this name; give it another")
    return found


def chains(areas: Mapping[str, Area]) -> dict[str, Area]:
    """The areas that no other holds: each is a chain of published rows, whose origins are no other's.

    Prefectures of a province that is named are views of its chain. Raises PopflowError for two names of one place.
    """
    named: dict[tuple[str, str], str] = {}
    for name, area in areas.items():
        if (first := named.setdefault((area.level, area.code), name)) != name:
            raise PopflowError(f"areas.yaml: {name}: {area.code} is {first} already; a chain's origins are its own")
    provinces = {area.code for area in areas.values() if area.level == "province"}
    return {n: a for n, a in areas.items() if a.level == "province" or a.province_code not in provinces}


def _refuse_uncounted(indicators: Mapping[str, Published], tables: Mapping[str, Table], folder: Path) -> None:
    """Raise PopflowError where an indicator's exact table is none that can hold its counts."""
    for one in indicators.values():
        table = tables.get(one.exact)
        there = set(table.columns) if table is not None and table.zone == "restricted" else set()
        if missing := sorted(_exact_columns(one) - there):
            raise PopflowError(
                f"{folder}/indicators/{one.indicator}.yaml: exact: {one.exact} is not a restricted table with "
                f"{', '.join(missing)}"
            )


def _exact_columns(one: Published) -> set[str]:
    """Columns that the exact table of an indicator has to have."""
    if isinstance(one, Indicator):
        return HEADCOUNTS | {"origin_county", "destination_county"}
    return HEADCOUNTS | {"county_code", "part", "definition"} | ({"hour"} if one.hourly else set())


def stated(purpose: str | None = None) -> str:
    """The run's purpose: as given, else POPFLOW_PURPOSE, else the one that popflow is for."""
    return purpose or environment.PURPOSE.text() or PURPOSE


def refuse_unlisted(contract: Table, purpose: str) -> None:
    """Raise PopflowError unless the table's contract lists the purpose."""
    if purpose not in contract.purpose:
        listed = ", ".join(contract.purpose)
        raise PopflowError(f"{contract.table}: '{purpose}' is not a purpose of its contract; state one of {listed}")


def refuse_unknown(contracts: Contracts, purpose: str) -> None:
    """Raise PopflowError for a purpose that no table's contract lists."""
    listed = sorted({one for table in contracts.tables.values() for one in table.purpose})
    if purpose not in listed:
        raise PopflowError(f"{environment.PURPOSE}: '{purpose}' is not a purpose of any contract; state one of "
                           f"{', '.join(listed)}")  # fmt: skip


def _refuse_unread(tables: dict[str, Table], folder: Path) -> None:
    """Raise PopflowError where a restricted table ages and nobody reads it, or its rows age otherwise."""
    for table in (table for table in tables.values() if table.zone == "restricted" and table.retention_days):
        stored = [one.retention_days or 0 for one in tables.values() if one.stored_in == table.table]
        if stored and table.retention_days != max(stored):
            raise PopflowError(
                f"{folder}/{table.table}.yaml: retention_days: what it stores is kept {max(stored)} days"
            )
        if not stored and not table.readers:
            raise PopflowError(f"{folder}/{table.table}.yaml: readers: nothing reads it, so it must not be kept")


def _refuse_shared_bits(feeds: dict[str, Feed], folder: Path) -> None:
    owners: dict[int, str] = {}
    of_mno: dict[str, str] = {}
    for feed in feeds.values():
        if (first := of_mno.setdefault(feed.mno, feed.feed)) != feed.feed:
            raise PopflowError(f"{folder}: {feed.feed}.yaml: mno: {feed.mno} has the feed {first}; an MNO has one feed")
        if owners.setdefault(feed.mno_bit, feed.mno) != feed.mno:
            raise PopflowError(f"{folder}: mno_bit {feed.mno_bit} of {feed.mno} belongs to {owners[feed.mno_bit]}")

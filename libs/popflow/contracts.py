"""Reads data_contracts/: every table and feed, each column declared once, and derives from them what others need.

From a table's YAML come its Arrow and Spark types and its Delta properties and constraints; from a feed's YAML
how its files are read. A contract that does not hold together is refused with file, field and reason.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import AfterValidator, Field, field_validator, model_validator

from popflow import environment
from popflow.declared import Declared, entries, read_folder, validated
from popflow.errors import PopflowError
from popflow.indicators import Indicator, Retired, read_indicators, refuse_together

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

K_MINIMUM = 20  # constants of the promise (docs/design, section 6): disclosure.yaml can only raise them
FLOOR_MINIMUM = 10
PURPOSE = "epidemic_prevention"
EXACT_COLUMNS = {"date", "origin_county", "destination_county", "persons", "persons_registered", "persons_without"}
LOG_DAYS = 2  # in object storage retention looks for the version of a day ago
Zone = Literal["reference", "restricted", "published"]

PRIMITIVES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_type(text: str) -> pa.DataType:
    """Arrow type of a contract's type: a primitive, array<type> or map<type,type>."""
    if inner := re.fullmatch(r"array<(.+)>", text):
        return pa.list_(arrow_type(inner[1]))
    if inner := re.fullmatch(r"map<(\w+),(.+)>", text):
        return pa.map_(arrow_type(inner[1]), arrow_type(inner[2]))
    if text not in PRIMITIVES:
        raise ValueError(f"unknown type '{text}', one of {', '.join(PRIMITIVES)}, array<type>, map<type,type>")
    return PRIMITIVES[text]


class Column(Declared):
    """One column of a table, declared once."""

    type: str
    meaning: str = Field(min_length=1)
    unit: str | None = None
    sensitivity: Literal["secret"] | None = None
    pattern: str | None = None
    form: str | None = None  # of what is given: a pattern that others have too (digests), so no sign of a leak
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        arrow_type(value)
        return value

    @field_validator("pattern", "form")
    @classmethod
    def _valid_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"'{value}' is no regular expression ({error})") from None
        if "\\" in re.sub(r"\\[d.]", "", value or ""):
            raise ValueError(f"'{value}': of what begins with a backslash only \\d and \\. are known to all engines")
        return value

    def constraint(self, name: str) -> str | None:
        """SQL that holds for every row, or None where the type says all."""
        column = f"`{name}`"
        # regexp_like is the function that Spark and delta-rs both know; of a backslash they think differently.
        plain = (self.pattern or "").replace(r"\d", "[0-9]").replace(r"\.", "[.]")
        parts = [] if self.pattern is None else [f"regexp_like({column}, '{plain}')"]
        parts += [] if self.minimum is None else [f"{column} >= {self.minimum:g}"]
        parts += [] if self.maximum is None else [f"{column} <= {self.maximum:g}"]
        if not parts:
            return None
        rule = " AND ".join(parts)
        return f"{column} IS NULL OR ({rule})" if self.nullable else rule


class Need(Declared):
    """For how long a reader needs a row: days from the row's date to the newest night."""

    days: int = Field(ge=0)
    why: str = Field(min_length=1)


class Decision(Declared):
    """Who decided something, when, and where it is written down."""

    who: str = Field(min_length=1)
    when: dt.date
    reference: str = Field(min_length=1)


class Table(Declared):
    """A Delta table: its columns, key, zone, who may read it for what, and which code reads it for how long.

    readers: by dotted name; the longest need is the table's retention. opened_by: the decision by which a table is
    public; without one none is.
    """

    table: str
    version: int = Field(ge=1)
    zone: Zone
    grain: str
    classification: Literal["public", "internal", "confidential", "secret"]
    purpose: list[str] = Field(min_length=1)
    recipients: list[str] = Field(min_length=1)
    opened_by: Decision | None = None
    readers: dict[str, Need] = Field(default_factory=dict)
    retention_days: int | None = Field(default=None, ge=1)
    partition_by: list[str] = Field(default_factory=list)
    stored_in: str | None = None
    append_only: bool = False
    columns: dict[str, Column] = Field(min_length=1)
    key: list[str]
    # bounds: what a file of such rows may hold and a night may lack, by name
    bounds: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_exist(self) -> Table:
        for field in ("key", "partition_by"):
            for name in getattr(self, field):
                if name not in self.columns:
                    raise ValueError(f"{field}: column '{name}' is not declared under columns")
        return self

    @model_validator(mode="after")
    def _kept_as_long_as_it_is_read(self) -> Table:
        longest = max(self.readers, key=lambda name: self.readers[name].days, default=None)
        if self.retention_days and longest and self.retention_days != self.readers[longest].days:
            needed = f"the longest need of its readers is {self.readers[longest].days} ({longest})"
            raise ValueError(f"retention_days: {self.retention_days}, and {needed}")
        return self

    @model_validator(mode="after")
    def _opened_by_a_decision(self) -> Table:
        if self.classification == "public" and self.opened_by is None:
            raise ValueError("classification: public, and no decision opens it; name one in opened_by, or say internal")
        return self

    def arrow_schema(self) -> pa.Schema:
        """Arrow schema, in the order of the contract."""
        return pa.schema([pa.field(n, arrow_type(c.type), nullable=c.nullable) for n, c in self.columns.items()])

    def spark_schema(self) -> StructType:
        """Spark schema, in the order of the contract; needs no session."""
        from pyspark.sql.pandas.types import from_arrow_schema

        return from_arrow_schema(self.arrow_schema())

    def constraints(self) -> dict[str, str]:
        """Delta CHECK constraints by name; none on secret columns, since a violation's message prints the value."""
        rules = {n: c.constraint(n) for n, c in self.columns.items() if c.sensitivity is None}
        return {f"{name}_in_range": rule for name, rule in rules.items() if rule}

    def delta_properties(self) -> dict[str, str]:
        """Delta table properties: no token in the log's statistics, retention of log and files as the contract says."""
        without = ("boolean", "binary", "array", "map")  # types of which Delta keeps none
        plain = [
            name
            for name, column in self.columns.items()
            if column.sensitivity is None and not column.type.startswith(without) and name not in self.partition_by
        ]
        # The log keeps each file's least and greatest value of every column that this does not leave out.
        properties = {
            "delta.dataSkippingStatsColumns": ",".join(plain),
            "popflow.contractVersion": str(self.version),
        }
        if self.append_only:
            return properties | {
                "delta.appendOnly": "true",
                "delta.logRetentionDuration": "interval 36500 days",
                "delta.enableExpiredLogCleanup": "false",
            }
        if self.retention_days:
            interval = f"interval {max(self.retention_days, LOG_DAYS)} days"
            return properties | {
                "delta.logRetentionDuration": interval,
                "delta.deletedFileRetentionDuration": interval,
            }
        return properties


# What a token's pattern may hold: characters, classes and counts, in one row or in several to choose from. Of this all
# engines think alike, and with one open count at most none of them tries a token in more ways than it is long.
_ONE = r"(?:\[\^?(?:\\[d.-]|[^\[\]\\&^])+\]|\\[d.]|[^][\\(){}*+?|^$])"
_TIMES = r"(?:\{\d{1,3}(?:,\d{0,3})?\}|[*+?])"
_ROW = rf"(?:{_ONE}{_TIMES}?)+"
TOKEN_PATTERN = re.compile(rf"\^?(?:{_ROW}|\((?:\?:)?{_ROW}(?:\|{_ROW})*\))\$?")
DIRECTIVES = "YmdHMSfz"  # those of a time's format that all engines know


def _printable(text: str) -> str:
    if any(not (char.isprintable() or char in "\t\x01\x02\x1c\x1d\x1e\x1f") for char in text):
        raise ValueError("holds a character that is no text")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError("no such time zone; write a name as Asia/Shanghai or UTC") from None
    return name


Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
EventKind = Literal["attach", "detach", "location_update", "call", "sms", "data"]


class TimeField(Declared):
    """How a feed writes the time of a record."""

    from_column: Name = Field(alias="from")
    kind: Literal[
        "local_text", "epoch_s", "epoch_ms", "epoch_us", "timestamp_ms", "timestamp_us", "timestamp_ns", "zoned_text"
    ]
    format: Text | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _text_has_a_format(self) -> TimeField:
        if self.kind.endswith("_text") and not self.format:
            raise ValueError(f"kind {self.kind} needs a format")
        found = re.findall("%(.?)", self.format or "", re.DOTALL)
        if unknown := [one for one in found if one not in DIRECTIVES or not one]:
            raise ValueError(f"format: %{unknown[0]} is not one of %{', %'.join(DIRECTIVES)}")
        if "'" in (self.format or ""):
            raise ValueError("format: a single quote is read differently by the engines; leave it out")
        if len(set(found)) < len(found):
            raise ValueError("format: each part of a time stands there once")
        if self.format and ("z" in found) != (self.kind == "zoned_text"):
            raise ValueError("format: %z is of kind zoned_text, and of no other")
        return self


class TokenField(Declared):
    """Which column holds the SIM's pseudonym, and its form."""

    from_column: Name = Field(alias="from")
    pattern: Name

    @field_validator("pattern")
    @classmethod
    def _same_for_all_engines(cls, value: str) -> str:
        open_counts = [row for row in value.split("|") if len(re.findall(r"(?<!\\)[*+?]|,\d*\}", row)) > 1]
        if not TOKEN_PATTERN.fullmatch(value) or open_counts:
            raise ValueError("write characters, [classes] and {counts}, as ^[0-9a-f]{32}$; one open count at most")
        try:
            re.compile(value)
        except (re.error, OverflowError):
            raise ValueError("is no regular expression; write it as ^[0-9a-f]{32}$") from None
        return value


class CellField(Declared):
    """How the global cell id is made: the columns' numbers in decimal, behind a prefix, joined by a separator."""

    from_columns: list[Name] = Field(alias="from", min_length=1, max_length=8)
    base: Literal["decimal", "hex", "text"] = "text"
    prefix: Text = ""
    separator: Text = "-"


class EventField(Declared):
    """Which column holds the event kind and what its values mean; a value that is not listed is no error."""

    from_column: Name = Field(alias="from")
    kinds: dict[Text, EventKind] = Field(max_length=200)


class FeedFields(Declared):
    """What popflow needs of a record."""

    sim_token: TokenField
    time: TimeField
    cell_id: CellField
    event: EventField | None = None

    def needed_columns(self) -> list[str]:
        """Columns of the file that must be there, each once."""
        event = [self.event.from_column] if self.event else []
        names = [self.sim_token.from_column, self.time.from_column, *self.cell_id.from_columns, *event]
        return list(dict.fromkeys(names))


class LandingLimits(Declared):
    """What a delivery may be at most; what is more is refused by name, and the other deliveries go on."""

    manifest_bytes: int = Field(default=32 << 20, ge=1, le=1 << 30)
    files: int = Field(default=100_000, ge=1, le=2_000_000)  # of a delivery, listed or lying there
    name_bytes: int = Field(default=255, ge=1, le=255)  # of a name in a manifest, as UTF-8
    bytes_a_file: int = Field(default=1 << 40, ge=1, le=1 << 50)
    rows_a_file: int = Field(default=1_000_000_000, ge=1, le=1 << 50)
    line_bytes: int = Field(default=16 << 20, ge=1 << 20, le=256 << 20)  # a longer line is unparseable


class Feed(Declared):
    """One MNO's files: format, columns and how a record is made of them."""

    feed: Name
    mno: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)
    mno_bit: int = Field(ge=0, le=30)
    meaning: Text
    format: Literal["csv", "parquet", "jsonl"]
    compression: Literal["none", "gzip"] = "none"
    file_pattern: Text
    retention_days: int = Field(ge=1)
    delimiter: Annotated[str, Field(max_length=16), AfterValidator(_printable)] | None = None
    header: bool = False
    columns: list[Name] = Field(min_length=1, max_length=10_000)
    constants: dict[Name, Text] = Field(default_factory=dict)
    fields: FeedFields
    limits: LandingLimits = LandingLimits()

    @model_validator(mode="after")
    def _columns_exist(self) -> Feed:
        for name in self.fields.needed_columns():
            if name not in self.columns and name not in self.constants:
                raise ValueError(f"fields: column '{name}' is neither under columns nor under constants")
        if self.format == "csv" and not self.delimiter:
            raise ValueError("delimiter: a csv feed needs one")
        if twice := [name for name, times in Counter(self.columns).items() if times > 1]:
            raise ValueError(f"columns: '{twice[0]}' stands there twice")
        return self


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
    """Every parameter of the disclosure rules (docs/design, section 6)."""

    k: int = Field(ge=K_MINIMUM)
    floor: int = Field(ge=FLOOR_MINIMUM)
    rest_children: int = Field(ge=3)
    correction_days: int = Field(ge=1)
    audit_seconds: int = Field(ge=1)
    figures_rounded_to: int = Field(ge=1000)
    sensitive_counties: list[str] = Field(default_factory=list)


class Contracts(Declared):
    """All contracts of a run."""

    folder: Path
    tables: dict[str, Table]
    feeds: dict[str, Feed]
    areas: dict[str, Area]
    disclosure: Disclosure
    indicators: dict[str, Indicator]
    retired: dict[str, Retired]

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
        """The same with the feeds of another folder added, or with them alone."""
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
    refuse_together(indicators, areas, folder)
    return Contracts(
        folder=folder,
        tables=tables,
        feeds=feeds,
        areas=areas,
        disclosure=disclosure,
        indicators=indicators,
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


def _refuse_uncounted(indicators: Mapping[str, Indicator], tables: Mapping[str, Table], folder: Path) -> None:
    """Raise PopflowError where an indicator's exact table is none that can hold its counts."""
    for one in indicators.values():
        table = tables.get(one.exact)
        there = set(table.columns) if table is not None and table.zone == "restricted" else set()
        if missing := sorted(EXACT_COLUMNS - there):
            raise PopflowError(
                f"{folder}/indicators/{one.indicator}.yaml: exact: {one.exact} is no restricted table with "
                f"{', '.join(missing)}"
            )


def stated(purpose: str | None = None) -> str:
    """The run's purpose: as given, else POPFLOW_PURPOSE, else the one that popflow is for."""
    return purpose or environment.PURPOSE.text() or PURPOSE


def refuse_unlisted(contract: Table, purpose: str) -> None:
    """Raise PopflowError unless the table's contract lists the purpose."""
    if purpose not in contract.purpose:
        listed = ", ".join(contract.purpose)
        raise PopflowError(f"{contract.table}: '{purpose}' is no purpose of its contract; state one of {listed}")


def refuse_unknown(contracts: Contracts, purpose: str) -> None:
    """Raise PopflowError for a purpose that no table's contract lists."""
    listed = sorted({one for table in contracts.tables.values() for one in table.purpose})
    if purpose not in listed:
        raise PopflowError(f"{environment.PURPOSE}: '{purpose}' is no purpose of any contract; state one of "
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
    for feed in feeds.values():
        if owners.setdefault(feed.mno_bit, feed.mno) != feed.mno:
            raise PopflowError(f"{folder}: mno_bit {feed.mno_bit} of {feed.mno} belongs to {owners[feed.mno_bit]}")

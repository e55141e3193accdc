"""Reads data_contracts/: every table and feed, each column declared once, and derives from them what others need.

From a table's YAML come its Arrow and Spark types and its Delta properties and constraints; from a feed's YAML
how its files are read. A contract that does not hold together is refused with file, field and reason.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from popflow import environment
from popflow.errors import PopflowError

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

K_MINIMUM = 20  # constants of the promise (docs/design, section 6): disclosure.yaml can only raise them
FLOOR_MINIMUM = 10
PURPOSE = "epidemic_prevention"
LOG_DAYS = 2  # in object storage retention looks for the version of a day ago
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is built in: eight times as fast
LARGEST_CONTRACT = 1 << 20  # bytes
DEEPEST_CONTRACT = 20  # mappings and lists within each other
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


class Declared(BaseModel):
    """What all parts of a contract share: no field that the contract language does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class ChainStep(Declared):
    """One step of a published chain: its level and code pair, and what its rest row differs in."""

    origin: tuple[str, str]
    destination: tuple[str, str]
    rest: dict[Literal["origin_code", "destination_code"], str] | None = None


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
    readers: dict[str, Need] = {}
    retention_days: int | None = Field(default=None, ge=1)
    partition_by: list[str] = []
    stored_in: str | None = None
    append_only: bool = False
    columns: dict[str, Column] = Field(min_length=1)
    key: list[str]
    bounds: dict[str, float] = {}  # what a file of such rows may hold and a night may lack, by name
    chain: dict[str, ChainStep] = {}

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
    constants: dict[Name, Text] = {}
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
    """A named area whose outflow can be asked for."""

    level: Literal["prefecture", "province"]
    code: str = Field(pattern=r"^\d{4}00$")
    name_zh: str
    name_en: str

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
    sensitive_counties: list[str] = []


class Contracts(Declared):
    """All contracts of a run."""

    folder: Path
    tables: dict[str, Table]
    feeds: dict[str, Feed]
    areas: dict[str, Area]
    disclosure: Disclosure

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
        feeds = _read_folder(folder, Feed, "feed")
        merged = feeds if only else self.feeds | feeds
        _refuse_shared_bits(merged, folder)
        return self.model_copy(update={"feeds": merged})


def default_folder() -> Path:
    """data_contracts of an installed package, or of a checkout."""
    packaged = Path(__file__).parent / "data_contracts"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "data_contracts"


@functools.cache
def load(folder: Path | None = None) -> Contracts:
    """Read all contracts of a folder.

    Raises PopflowError with file, field and reason for the first contract that does not hold together.
    """
    folder = folder or default_folder()
    if not folder.is_dir():
        raise PopflowError(f"no contracts folder at {folder}")
    tables: dict[str, Table] = {}
    for zone in ("reference", "restricted", "published"):
        tables |= _read_folder(folder / zone, Table, "table")
    feeds = _read_folder(folder / "landing", Feed, "feed")
    _refuse_shared_bits(feeds, folder / "landing")
    _refuse_unread(tables, folder / "restricted")
    areas = {name: _validated(Area, body, folder / "areas.yaml", name) for name, body in _read(folder / "areas.yaml")}
    disclosure = _validated(Disclosure, dict(_read(folder / "disclosure.yaml")), folder / "disclosure.yaml")
    return Contracts(folder=folder, tables=tables, feeds=feeds, areas=areas, disclosure=disclosure)


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


def _read(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        content = _loaded(_text(path))
    except FileNotFoundError:
        raise PopflowError(f"{path}: there is no such contract") from None
    except UnicodeDecodeError:
        raise PopflowError(f"{path}: is not UTF-8; save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise PopflowError(f"{path}: not valid YAML{f', line {mark.line + 1}' if mark else ''}") from None
    except _NoContract as ours:
        raise PopflowError(f"{path}: {ours}") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise PopflowError(f"{path}: a contract is a mapping of fields")
    return content.items()


class _NoContract(Exception):  # noqa: N818 - a verdict; its file is added
    """YAML that says more than a contract may."""


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise PopflowError(f"{path}: is no regular file; a contract is one YAML file")
    if path.stat().st_size > LARGEST_CONTRACT:
        raise PopflowError(f"{path}: is larger than {LARGEST_CONTRACT:,} bytes; a contract is one YAML file")
    return path.read_text(encoding="utf-8-sig")


def _loaded(text: str) -> Any:
    """What a YAML says, written out: no aliases (a few of them make gigabytes), no tags, no key twice."""
    depth = 0
    for event in yaml.parse(text, Loader=SAFE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        where = f"line {getattr(event.start_mark, 'line', 0) + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise _NoContract(f"{where}: an alias (*); write out what it stands for")
        if getattr(event, "tag", None):
            raise _NoContract(f"{where}: a tag (!); a contract has none")
        if depth > DEEPEST_CONTRACT:
            raise _NoContract(f"{where}: more than {DEEPEST_CONTRACT} levels within each other")
    loader = SAFE(text)
    try:
        node = loader.get_single_node()
        _refuse_key_twice(node)
        return loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _refuse_key_twice(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.SequenceNode):
        for one in node.value:
            _refuse_key_twice(one)
    if isinstance(node, yaml.MappingNode):
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := [key for key, times in keys.items() if times > 1]:
            raise _NoContract(f"line {node.start_mark.line + 1}: '{twice[0]}' stands there twice")
        for _, value in node.value:
            _refuse_key_twice(value)


Model = TypeVar("Model", bound=BaseModel)


def _validated(model: type[Model], body: Any, path: Path, name: str = "") -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in (name, *first["loc"]) if part != "")
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise PopflowError(f"{path}: {field}: {reason}" if field else f"{path}: {reason}") from None


def _read_folder(folder: Path, model: type[Model], name_field: str) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for path in sorted(folder.glob("*.yaml")):
        contract = _validated(model, dict(_read(path)), path)
        name = getattr(contract, name_field)
        if name != path.stem:
            raise PopflowError(f"{path}: {name_field}: '{name}' must bear the file's name, {path.stem}")
        found[name] = contract
    if not found:
        raise PopflowError(f"{folder}: no contracts there; each is a file <name>.yaml")
    return found


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

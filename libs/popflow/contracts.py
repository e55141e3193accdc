"""Reads data_contracts/: every table and feed, each column declared once, and derives from them what others need.

From a table's YAML come its Arrow, Spark and DuckDB types and its Delta properties and constraints; from a feed's YAML
how its files are read. A contract that does not hold together is refused with file, field and reason.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from popflow.errors import PopflowError

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

K_MINIMUM = 20  # constants of the promise (docs/design, section 6): disclosure.yaml can only raise them
FLOOR_MINIMUM = 10
PURPOSE = "epidemic_prevention"
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is built in: eight times as fast
Zone = Literal["reference", "restricted", "published"]

PRIMITIVES: dict[str, tuple[pa.DataType, str]] = {
    "string": (pa.string(), "VARCHAR"),
    "binary": (pa.binary(), "BLOB"),
    "boolean": (pa.bool_(), "BOOLEAN"),
    "int": (pa.int32(), "INTEGER"),
    "long": (pa.int64(), "BIGINT"),
    "bigint": (pa.int64(), "BIGINT"),
    "double": (pa.float64(), "DOUBLE"),
    "date": (pa.date32(), "DATE"),
    "timestamp": (pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ"),
}


def arrow_type(text: str) -> pa.DataType:
    """Arrow type of a contract's type: a primitive, array<type> or map<type,type>."""
    if inner := re.fullmatch(r"array<(.+)>", text):
        return pa.list_(arrow_type(inner[1]))
    if inner := re.fullmatch(r"map<(\w+),(.+)>", text):
        return pa.map_(arrow_type(inner[1]), arrow_type(inner[2]))
    if text not in PRIMITIVES:
        raise ValueError(f"unknown type '{text}', one of {', '.join(PRIMITIVES)}, array<type>, map<type,type>")
    return PRIMITIVES[text][0]


def duckdb_type(text: str) -> str:
    """DuckDB type of a contract's type."""
    if inner := re.fullmatch(r"array<(.+)>", text):
        return f"{duckdb_type(inner[1])}[]"
    if inner := re.fullmatch(r"map<(\w+),(.+)>", text):
        return f"MAP({duckdb_type(inner[1])}, {duckdb_type(inner[2])})"
    return PRIMITIVES[text][1]


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


class Table(Declared):
    """A Delta table: its columns, key, zone, and who may read it for what."""

    table: str
    version: int = Field(ge=1)
    zone: Zone
    grain: str
    classification: Literal["public", "internal", "confidential", "secret"]
    purpose: list[str] = Field(min_length=1)
    recipients: list[str] = Field(min_length=1)
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

    def arrow_schema(self) -> pa.Schema:
        """Arrow schema, in the order of the contract."""
        return pa.schema([pa.field(n, arrow_type(c.type), nullable=c.nullable) for n, c in self.columns.items()])

    def spark_schema(self) -> StructType:
        """Spark schema, in the order of the contract; needs no session."""
        from pyspark.sql.pandas.types import from_arrow_schema

        return from_arrow_schema(self.arrow_schema())

    def duckdb_columns(self) -> dict[str, str]:
        """DuckDB type of each column, in the order of the contract."""
        return {name: duckdb_type(column.type) for name, column in self.columns.items()}

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
            interval = f"interval {self.retention_days} days"
            return properties | {
                "delta.logRetentionDuration": interval,
                "delta.deletedFileRetentionDuration": interval,
            }
        return properties


class TimeField(Declared):
    """How a feed writes the time of a record."""

    from_column: str = Field(alias="from")
    kind: Literal[
        "local_text", "epoch_s", "epoch_ms", "epoch_us", "timestamp_ms", "timestamp_us", "timestamp_ns", "zoned_text"
    ]
    format: str | None = None
    zone: str = "UTC"

    @model_validator(mode="after")
    def _text_has_a_format(self) -> TimeField:
        if self.kind.endswith("_text") and not self.format:
            raise ValueError(f"kind {self.kind} needs a format")
        return self


class TokenField(Declared):
    """Which column holds the SIM's pseudonym, and its form."""

    from_column: str = Field(alias="from")
    pattern: str


class CellField(Declared):
    """How the global cell id is made: the columns' numbers in decimal, behind a prefix, joined by a separator."""

    from_columns: list[str] = Field(alias="from", min_length=1)
    base: Literal["decimal", "hex", "text"] = "text"
    prefix: str = ""
    separator: str = "-"


class EventField(Declared):
    """Which column holds the event kind and what its values mean; a value that is not listed is no error."""

    from_column: str = Field(alias="from")
    kinds: dict[str, str]


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


class Feed(Declared):
    """One MNO's files: format, columns and how a record is made of them."""

    feed: str
    mno: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    mno_bit: int = Field(ge=0, le=30)
    meaning: str
    format: Literal["csv", "parquet", "jsonl"]
    compression: Literal["none", "gzip"] = "none"
    file_pattern: str
    delimiter: str | None = None
    header: bool = False
    columns: list[str] = Field(min_length=1)
    constants: dict[str, str] = {}
    fields: FeedFields

    @model_validator(mode="after")
    def _columns_exist(self) -> Feed:
        for name in self.fields.needed_columns():
            if name not in self.columns and name not in self.constants:
                raise ValueError(f"fields: column '{name}' is neither under columns nor under constants")
        if self.format == "csv" and not self.delimiter:
            raise ValueError("delimiter: a csv feed needs one")
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


Mechanism = Literal["laplace", "gaussian"]


class Noise(Declared):
    """What an indicator with noise may cost: epsilon of laplace, rho of gaussian."""

    mechanism: Mechanism
    a_day: float = Field(gt=0)
    in_total: float = Field(gt=0)


class Disclosure(Declared):
    """Every parameter of the disclosure rules (docs/design, section 6)."""

    k: int = Field(ge=K_MINIMUM)
    floor: int = Field(ge=FLOOR_MINIMUM)
    rest_children: int = Field(ge=3)
    release_deadline_hours: int = Field(ge=1)
    correction_days: int = Field(ge=1)
    figures_rounded_to: int = Field(ge=1000)
    sensitive_counties: list[str] = []
    noise: Noise


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
    areas = {name: _validated(Area, body, folder / "areas.yaml", name) for name, body in _read(folder / "areas.yaml")}
    disclosure = _validated(Disclosure, dict(_read(folder / "disclosure.yaml")), folder / "disclosure.yaml")
    return Contracts(folder=folder, tables=tables, feeds=feeds, areas=areas, disclosure=disclosure)


def _read(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE)
    except FileNotFoundError:
        raise PopflowError(f"{path}: there is no such contract") from None
    except yaml.YAMLError as error:
        raise PopflowError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise PopflowError(f"{path}: a contract is a mapping of fields")
    return content.items()


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


def _refuse_shared_bits(feeds: dict[str, Feed], folder: Path) -> None:
    owners: dict[int, str] = {}
    for feed in feeds.values():
        if owners.setdefault(feed.mno_bit, feed.mno) != feed.mno:
            raise PopflowError(f"{folder}: mno_bit {feed.mno_bit} of {feed.mno} belongs to {owners[feed.mno_bit]}")

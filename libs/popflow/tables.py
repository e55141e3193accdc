"""A table's contract: its columns, each declared once, and what Arrow, Spark and Delta make of them."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from popflow.declared import Declared

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

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
            raise ValueError(f"'{value}' is not a regular expression ({error})") from None
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

    readers: by dotted name; the longest need is the table's retention. sorted_by: how rows lie in a data file that is
    appended, so that a question reads those parts of it alone that can hold its rows. stored_in: another table that
    holds its rows. folder: where it lies below its zone, if not in a folder of its name. opened_by: the decision by
    which a table is public; without one none is.
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
    sorted_by: list[str] = Field(default_factory=list)
    stored_in: str | None = None
    folder: str | None = None
    append_only: bool = False
    columns: dict[str, Column] = Field(min_length=1)
    key: list[str]
    # bounds: what a file of such rows may hold and a night may lack, by name
    bounds: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _columns_exist(self) -> Table:
        for field in ("key", "partition_by", "sorted_by"):
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

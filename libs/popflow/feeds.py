"""A feed's contract: how an MNO's files are read, and how large they may be."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from popflow.declared import Declared

# What a token's pattern may hold: characters, classes and counts, in one row or in several to choose from. Of this all
# engines think alike, and with one open count at most none of them tries a token in more ways than it is long.
_ONE = r"(?:\[\^?(?:\\[d.-]|[^\[\]\\&^])+\]|\\[d.]|[^][\\(){}*+?|^$])"
_TIMES = r"(?:\{\d{1,3}(?:,\d{0,3})?\}|[*+?])"
_ROW = rf"(?:{_ONE}{_TIMES}?)+"
TOKEN_PATTERN = re.compile(rf"\^?(?:{_ROW}|\((?:\?:)?{_ROW}(?:\|{_ROW})*\))\$?")
DIRECTIVES = "YmdHMSfz"  # those of a time's format that all engines know


def _printable(text: str) -> str:
    if any(not (char.isprintable() or char in "\t\x01\x02\x1c\x1d\x1e\x1f") for char in text):
        raise ValueError("holds a character that is not text")
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


TimeKind = Literal[
    "local_text", "epoch_s", "epoch_ms", "epoch_us", "timestamp_ms", "timestamp_us", "timestamp_ns", "zoned_text"
]


class TimeField(Declared):
    """How a feed writes the time of a record."""

    from_column: Name = Field(alias="from", description="the column")
    kind: TimeKind = Field(description="how the column writes a time")
    format: Text | None = Field(
        default=None, description="of a time in text: its parts by %Y %m %d %H %M %S %f %z, all else as it stands"
    )
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="zone of the clocks, of a time without one of its own: local_text, timestamp_*"
    )

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
            raise ValueError("format: each part of a time appears once")
        if self.format and ("z" in found) != (self.kind == "zoned_text"):
            raise ValueError("format: %z is of kind zoned_text, and of no other")
        return self


class TokenField(Declared):
    """Which column holds the SIM's pseudonym, and its form."""

    from_column: Name = Field(alias="from", description="the column")
    pattern: Name = Field(
        description="form of a pseudonym: characters, [classes] and {counts}; all else is not a token"
    )

    @field_validator("pattern")
    @classmethod
    def _same_for_all_engines(cls, value: str) -> str:
        open_counts = [row for row in value.split("|") if len(re.findall(r"(?<!\\)[*+?]|,\d*\}", row)) > 1]
        if not TOKEN_PATTERN.fullmatch(value) or open_counts:
            raise ValueError("write characters, [classes] and {counts}, as ^[0-9a-f]{32}$; one open count at most")
        try:
            re.compile(value)
        except (re.error, OverflowError):
            raise ValueError("is not a regular expression; write it as ^[0-9a-f]{32}$") from None
        return value


class CellField(Declared):
    """How the global cell id is made: the columns' numbers in decimal, behind a prefix, joined by a separator."""

    from_columns: list[Name] = Field(
        alias="from", min_length=1, max_length=8, description="the columns in their order, as area (LAC, TAC) and cell"
    )
    base: Literal["decimal", "hex", "text"] = Field(
        default="text", description="how the columns write: numbers in decimal or hexadecimal, or an id as it is"
    )
    prefix: Text = Field(default="", description="what stands before the columns in the id, as the network 460-00")
    separator: Text = Field(default="-", description="what joins prefix and columns to the id of cells.csv")


class EventField(Declared):
    """Which column holds the event kind and what its values mean; a value that is not listed is not an error."""

    from_column: Name = Field(alias="from", description="the column")
    kinds: dict[Text, EventKind] = Field(
        max_length=200,
        description="what each of its values means, in quotes if it is a number; any other is not an error",
    )


class FeedFields(Declared):
    """What popflow needs of a record."""

    sim_token: TokenField = Field(description="the SIM's pseudonym")
    time: TimeField = Field(description="when the record was made")
    cell_id: CellField = Field(description="the cell that the SIM was at")
    event: EventField | None = Field(default=None, description="what happened; duplicates are measured by it alone")

    def needed_columns(self) -> list[str]:
        """Columns of the file that must be there, each once."""
        event = [self.event.from_column] if self.event else []
        names = [self.sim_token.from_column, self.time.from_column, *self.cell_id.from_columns, *event]
        return list(dict.fromkeys(names))


class LandingLimits(Declared):
    """What a delivery may be at most; what is more is refused by name, and the other deliveries go on."""

    manifest_bytes: int = Field(default=32 << 20, ge=1, le=1 << 30, description="bytes of manifest.json")
    files: int = Field(default=100_000, ge=1, le=2_000_000, description="files of a delivery, listed or lying there")
    name_bytes: int = Field(default=255, ge=1, le=255, description="bytes of a file's name, as UTF-8")
    bytes_a_file: int = Field(default=1 << 40, ge=1, le=1 << 50, description="bytes of a file, by the manifest")
    rows_a_file: int = Field(default=1_000_000_000, ge=1, le=1 << 50, description="records of a file, by the manifest")
    line_bytes: int = Field(default=16 << 20, ge=1 << 20, le=256 << 20, description="of a line; longer: unparseable")


class Feed(Declared):
    """One MNO's files: format, columns and how a record is made of them."""

    feed: Name = Field(description="the feed's name, which is its file's")
    mno: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64, description="the MNO, by its folder in landing")
    mno_bit: int = Field(ge=0, le=30, description="the MNO's own number in every person's mno_mask, for ever")
    meaning: Text = Field(description="what the feed holds, in a sentence")
    format: Literal["csv", "parquet", "jsonl"] = Field(description="fields by a delimiter, Parquet, or JSON lines")
    compression: Literal["none", "gzip"] = Field(default="none", description="of csv and jsonl; Parquet has its own")
    file_pattern: Text = Field(description="names of its files, with * and ?; a manifest is written of such alone")
    retention_days: int = Field(ge=1, description="days after its date on which a delivery is deleted from landing")
    delimiter: Annotated[str, Field(max_length=16), AfterValidator(_printable)] | None = Field(
        default=None, description="of csv, needed there: what stands between fields, which know no quotes"
    )
    header: bool = Field(default=False, description="of csv: the first line names the columns, in any order")
    columns: list[Name] = Field(
        min_length=1, max_length=10_000, description="the columns, in the order of the file where no header tells it"
    )
    constants: dict[Name, Text] = Field(
        default_factory=dict, description="columns that are not in the file, each with the value it always has"
    )
    fields: FeedFields = Field(description="how a record is made of the columns")
    limits: LandingLimits = Field(default=LandingLimits(), description="what a delivery may be at most")

    @model_validator(mode="after")
    def _columns_exist(self) -> Feed:
        for name in self.fields.needed_columns():
            if name not in self.columns and name not in self.constants:
                raise ValueError(f"fields: column '{name}' is neither under columns nor under constants")
        if self.format == "csv" and not self.delimiter:
            raise ValueError("delimiter: a csv feed needs one")
        if twice := [name for name, times in Counter(self.columns).items() if times > 1]:
            raise ValueError(f"columns: '{twice[0]}' appears twice")
        return self

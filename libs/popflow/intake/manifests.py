"""manifest.json of a delivery: read within the contract's limits, and refused with file, field and mend.

What a manifest holds is repeated by no message, but for a name, a date, or where in it a fault stands.
"""

from __future__ import annotations

import codecs
import datetime as dt
import json
import re
from collections import Counter
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StrictStr,
    ValidationError,
    WithJsonSchema,
)

from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake.regular_files import read_whole

MANIFEST = "manifest.json"
NOT_PLAIN = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
QUOTES = re.compile("['`]")  # of a delivery_id, which becomes part of a condition
DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # a partition of this name is read as null, and makes its table unreadable
LONGEST_TEXT = 255
FIELDS = {
    "mno": "the MNO, as its landing contract names it",
    "event_date": 'a date in quotes, as "2020-01-22"',
    "delivery_id": "a plain name: no slash, quote, backslash or control character",
    "created_at_utc": 'a time in quotes, as "2020-01-22T20:00:00Z", or left out',
    "files": "a list of one object for each file",
    "name": "a plain name: no slash, backslash or control character",
    "area": "the area of the network that the file covers, a text in quotes, or left out",
    "bytes": "the file's size, a whole number",
    "sha256": "the file's SHA-256, 64 hexadecimal digits in quotes",
    "rows": "the file's number of records, a whole number",
}


def _name(text: str) -> str:
    if NOT_PLAIN.search(text) or text in ("", ".", "..") or len(text.encode()) > LONGEST_TEXT:
        raise ValueError
    return text


def _id(text: str) -> str:
    if QUOTES.search(text) or text == NO_VALUE:
        raise ValueError
    return _name(text)


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError
    return text


def _whole(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError


def _date(value: Any) -> dt.date:
    parts = DATE.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError
    return dt.date(*(int(part) for part in parts.groups()))


# What other programs check before they send: as the validators, but for what a pattern cannot tell.
A_NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
NAME_SCHEMA = A_NAME | {"not": {"pattern": r"[/\\\x00-\x1f\x7f-\x9f]"}}
ID_SCHEMA = A_NAME | {"not": {"pattern": r"[/\\'`\x00-\x1f\x7f-\x9f]"}}
HASH_SCHEMA = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$", "maxLength": 64}
DATE_SCHEMA = {"type": "string", "pattern": f"^{DATE.pattern}$"}
WHOLE_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]}

PlainName = Annotated[StrictStr, AfterValidator(_name), WithJsonSchema(NAME_SCHEMA)]
DeliveryId = Annotated[StrictStr, AfterValidator(_id), WithJsonSchema(ID_SCHEMA)]
Text = Annotated[StrictStr, AfterValidator(_text), WithJsonSchema({"type": "string", "maxLength": LONGEST_TEXT})]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0), WithJsonSchema(WHOLE_SCHEMA)]
Sha256 = Annotated[
    StrictStr, AfterValidator(str.lower), Field(pattern="^[0-9a-fA-F]{64}$"), WithJsonSchema(HASH_SCHEMA)
]
Date = Annotated[dt.date, BeforeValidator(_date), WithJsonSchema(DATE_SCHEMA)]


class ManifestFile(BaseModel):
    """One file as its manifest describes it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: PlainName = Field(description=FIELDS["name"])
    area: Text = Field(default="", description=FIELDS["area"])
    bytes: Whole = Field(description=FIELDS["bytes"])
    sha256: Sha256 = Field(description=FIELDS["sha256"])
    rows: Whole = Field(description=FIELDS["rows"])


class Manifest(BaseModel):
    """manifest.json: written last, it says that a delivery is complete and what is in it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    mno: PlainName = Field(description=FIELDS["mno"])
    event_date: Date = Field(description=FIELDS["event_date"])
    delivery_id: DeliveryId = Field(description=FIELDS["delivery_id"])
    created_at_utc: Text = Field(default="", description=FIELDS["created_at_utc"])
    # One fault is told, not a million.
    files: Annotated[list[ManifestFile], FailFast()] = Field(min_length=1, description=FIELDS["files"])


def read_manifest(address: str, feed: Feed, date: dt.date, delivery_id: str) -> Manifest:
    """The manifest of a delivery that lies in the folder of an MNO, a date and a delivery.

    As other systems write it, too: with a byte order mark, in UTF-16, with CRLF, capital hexadecimal digits, a date as
    20200122. Raises PopflowError, one line with file, field and mend, for what does not hold or is beyond the limits.
    """
    where = f"{address}/{MANIFEST}"
    try:
        manifest = parsed(read_whole(where, feed.limits.manifest_bytes))
        _refuse_other_folder(manifest, feed.mno, date, delivery_id)
        refuse_beyond(manifest, feed)
    except PopflowError as refusal:
        raise PopflowError(f"{printable(where)}: {refusal}") from None
    return manifest


def parsed(content: bytes) -> Manifest:
    """What a manifest says, wherever it lies. Raises PopflowError, without its path, for what does not hold."""
    try:
        return Manifest.model_validate(json.loads(_decoded(content), object_pairs_hook=_each_key_once))
    except ValidationError as error:
        raise PopflowError(_in_our_words(error)) from None
    except RecursionError:
        raise PopflowError("lists within lists without end; the delivery must be sent again") from None
    except ValueError:  # not JSON, or a number of thousands of digits
        raise PopflowError("not valid JSON; the delivery must be sent again") from None


def _decoded(content: bytes) -> str:
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise PopflowError("is not UTF-8; write it as UTF-8 and send the delivery again") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        known = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1 and key in FIELDS]
        raise PopflowError(f"{known[0] if known else 'a field'}: appears twice in one object; leave one")
    return found


def _in_our_words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = [str(part) for part in first["loc"]]
    named = [part for part in place if part in FIELDS]
    if not named:
        return "manifest: must be one JSON object with mno, event_date, delivery_id and files"
    field, what = ".".join(place), FIELDS[named[-1]]
    if first["type"] == "missing":
        return f"{field}: is not there; it is {what}"
    return f"{field}: must be {what if place[-1] == named[-1] else 'an object with name, bytes, sha256 and rows'}"


def _refuse_other_folder(manifest: Manifest, mno: str, date: dt.date, delivery_id: str) -> None:
    for field, told, stands in (("mno", manifest.mno, mno), ("event_date", manifest.event_date, date),
                                ("delivery_id", manifest.delivery_id, delivery_id)):  # fmt: skip
        if told != stands:
            raise PopflowError(
                f"{field}: says {printable(str(told))} and lies in the folder of {printable(str(stands))}"
            )


def refuse_beyond(manifest: Manifest, feed: Feed) -> None:
    """Raise PopflowError where a manifest is beyond its feed's limits, or names a file twice."""
    limits = feed.limits
    if len(manifest.files) > limits.files:
        raise PopflowError(f"files: lists more than {limits.files:,}, the contract's limit; send it in several")
    for place, file in enumerate(manifest.files):
        for field, value, most in (("name", len(file.name.encode()), limits.name_bytes),
                                   ("bytes", file.bytes, limits.bytes_a_file),
                                   ("rows", file.rows, limits.rows_a_file)):  # fmt: skip
            if value > most:
                unit = " bytes" if field == "name" else ""
                raise PopflowError(f"files.{place}.{field}: is more than {most:,}{unit}, the contract's limit")
    if twice := [name for name, times in Counter(file.name for file in manifest.files).items() if times > 1]:
        raise PopflowError(f"files: {printable(twice[0])} is listed twice")

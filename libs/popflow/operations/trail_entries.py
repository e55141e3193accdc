"""What an entry of the audit trail is: one line of JSON in one form, chained to the line before by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

GENESIS = "0" * 64
LONGEST = 16_384  # bytes of a line; no entry of popflow's comes near
FIELDS = ("at_utc", "who", "verb", "table", "run_id", "purpose", "previous", "hash")
ABOUT = "about"  # which date, reader or recipient, where the table alone does not say it
NUMBERS = ("number", "uid")
GREATEST = 2**53


@dataclass(frozen=True)
class Line:
    """A line of a trail: its number from 1, the entry in it or None, and what is wrong with it or nothing."""

    number: int
    entry: dict[str, Any] | None
    fault: str = ""


def with_hash(body: dict[str, Any]) -> dict[str, Any]:
    """An entry with its hash."""
    return body | {"hash": hashed(body)}


def hashed(entry: dict[str, Any]) -> str:
    """SHA-256 of all of an entry but its hash."""
    body = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def written(entry: dict[str, Any]) -> str:
    """The one form in which an entry stands in a trail, its line's end included."""
    return json.dumps(entry) + "\n"


def parsed(line: bytes) -> dict[str, Any] | None:
    """The entry that a line is; None for any other bytes, those that mean the same to a JSON reader included."""
    try:
        entry = json.loads(line.decode("ascii"))
        if not isinstance(entry, dict) or written(entry).encode() != line or not _typed(entry):
            return None
    except (ValueError, RecursionError):
        return None
    return entry


def chained(file: BinaryIO, end: int, number: int = 0, previous: str = GENESIS) -> Iterator[Line]:
    """The lines from here to an offset of the file, each held against the one before.

    number, previous: those that the first is to have. A line that is not an entry takes no number.
    """
    at = 0
    while line := _line(file, end):
        at += 1
        entry = parsed(line)
        if entry is None:
            yield Line(at, None, _no_entry(line))
            continue
        yield Line(at, entry, _fault(entry, number, previous))
        number, previous = entry["number"] + 1, entry["hash"]


def _line(file: BinaryIO, end: int) -> bytes:
    """The next line, of a longer one its first bytes; the rest of it is passed over."""
    line = file.readline(min(LONGEST, end - file.tell()))
    part = line
    while part and not part.endswith(b"\n") and file.tell() < end:
        part = file.readline(min(1 << 20, end - file.tell()))
    return line


def _no_entry(line: bytes) -> str:
    if line.endswith(b"\n"):
        return "is not an entry"
    return "is longer than any entry" if len(line) >= LONGEST else "has no end: a process died while it wrote it"


def _typed(entry: dict[str, Any]) -> bool:
    """Whether an entry has the fields of one, each a text or a number as it should be, and none of another name."""
    names = {"number", *FIELDS}
    numbers = [entry[name] for name in NUMBERS if name in entry]
    texts = [value for name, value in entry.items() if name not in NUMBERS]
    return (
        names <= set(entry) <= names | {"uid", ABOUT}
        and all(type(value) is int and 0 <= value < GREATEST for value in numbers)
        and all(isinstance(value, str) for value in texts)
    )


def _fault(entry: dict[str, Any], number: int, previous: str) -> str:
    if entry["number"] != number:
        return f"entry {entry['number']} stands where {number} belongs: dropped, inserted or reordered"
    if entry["hash"] != hashed(entry):
        return f"entry {number} was edited"
    if entry["previous"] != previous:
        return f"entry {number} does not follow the one before it"
    return ""

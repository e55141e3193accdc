"""The anchor of an audit trail: number, hash and place of its newest entry, in a file outside the lake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from popflow.errors import PopflowError
from popflow.operations.owner_only import write_private

FORM = re.compile(rb"([0-9]{1,15}) ([0-9a-f]{64})(?: ([0-9]{1,15}))?\n?")
LONGEST = 256


@dataclass(frozen=True)
class Anchored:
    """The newest entry as anchored. offset: bytes of the trail before its line; None in an anchor of before 0.2."""

    number: int
    hash: str
    offset: int | None


def read_anchor(anchor: Path | None) -> Anchored | None:
    """What is anchored; None where no anchor is named or its file is not there.

    Raises PopflowError for a file that is not an anchor, or cannot be read.
    """
    try:
        if anchor is None or not anchor.exists():
            return None
        found = FORM.fullmatch(_head(anchor))
    except OSError as error:
        raise PopflowError(f"{anchor}: the anchor cannot be read ({error.strerror or type(error).__name__})") from None
    if found is None:
        raise PopflowError(f"{anchor}: an anchor holds a number and a hash, this does not; restore its copy")
    return Anchored(int(found[1]), found[2].decode(), int(found[3]) if found[3] else None)


def _head(anchor: Path) -> bytes:
    if not anchor.is_file():  # a pipe would be waited for
        return b""
    with anchor.open("rb") as file:
        return file.read(LONGEST)


def write_anchor(anchor: Path, newest: Anchored) -> None:
    """Anchor an entry. Raises PopflowError where that cannot be written whole."""
    write_private(anchor, f"{newest.number} {newest.hash} {newest.offset}\n")

"""A check of an audit trail from its first entry to its anchor, line by line: of any size, and whatever is in it."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from popflow.errors import PopflowError
from popflow.operations.trail_anchor import Anchored, read_anchor
from popflow.operations.trail_entries import LONGEST, chained, hashed, parsed

SAID = 20  # findings; of more than so many only the number is told


@dataclass(frozen=True)
class TrailVerdict:
    """What a check of the trail found; ok where nothing was. more: findings beyond those that are told."""

    entries: int
    anchored: bool
    findings: tuple[str, ...] = ()
    more: int = 0

    @property
    def ok(self) -> bool:
        """Whether no entry was edited, dropped, reordered or cut off."""
        return not self.findings

    def summary(self) -> str:
        """One line for people."""
        anchor = "its head is anchored" if self.anchored else "no anchor: a cut end would not show"
        more = (f"{self.more} more findings",) if self.more else ()
        return f"{self.entries} entries, {anchor}; " + ("unbroken" if self.ok else "; ".join(self.findings + more))


def verify(trail: Path, anchor: Path | None = None) -> TrailVerdict:
    """Check the chain from its first entry to its anchor.

    Finds edited, dropped, inserted and reordered entries, and with an anchor a cut end and a chain built anew. Raises
    PopflowError where there is neither trail nor anchor to check, or where one cannot be read.
    """
    anchored = read_anchor(anchor)  # first: what is appended meanwhile lies behind it
    if not os.path.lexists(trail):
        if anchored is None:
            raise PopflowError(f"{trail}: there is no trail; nothing was ever on it, or it is gone")
        return TrailVerdict(0, True, (_cut(anchored, 0),))
    if not trail.is_file():
        raise PopflowError(f"{trail}: is not a file, and so no trail")
    findings: list[str] = []
    entries, more, at_anchor = 0, 0, ""
    try:
        with trail.open("rb") as file:
            for line in chained(file, _whole_lines(file)):
                if line.fault and len(findings) < SAID:
                    findings.append(f"line {line.number}: {line.fault}")
                elif line.fault:
                    more += 1
                if line.entry is not None:
                    entries += 1
                    if anchored and line.entry["number"] == anchored.number:
                        at_anchor = line.entry["hash"]
    except OSError as error:
        raise PopflowError(f"{trail}: cannot be read ({error.strerror or type(error).__name__})") from None
    if anchored is not None:
        findings += _against_anchor(anchored, at_anchor, entries)
    if anchored is None and anchor is not None:
        findings.append(f"its anchor {anchor} is gone: a cut end would not show")
    return TrailVerdict(entries, anchored is not None, tuple(findings), more)


def entry_at(file: BinaryIO, anchored: Anchored) -> dict[str, Any] | None:
    """The anchored entry, where the trail holds it in its place; the file stands behind it then. None otherwise.

    Its place is part of the anchor, so that this costs the same for a trail of years; an anchor of before that is
    looked for from the beginning, once.
    """
    if anchored.offset is not None:
        file.seek(anchored.offset)
        entry = parsed(file.readline(LONGEST))
        return entry if entry and _is(entry, anchored) else None
    while line := file.readline(LONGEST):
        entry = parsed(line)
        if entry and _is(entry, anchored):
            return entry
    return None


def _is(entry: dict[str, Any], anchored: Anchored) -> bool:
    return (entry["number"], entry["hash"], hashed(entry)) == (anchored.number, anchored.hash, anchored.hash)


def _whole_lines(file: BinaryIO) -> int:
    """Size of the trail at a moment at which nobody is in the middle of a line."""
    fcntl.flock(file, fcntl.LOCK_SH)
    try:
        return os.fstat(file.fileno()).st_size
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _against_anchor(anchored: Anchored, at_anchor: str, entries: int) -> list[str]:
    if not at_anchor:
        return [_cut(anchored, entries)]
    if at_anchor != anchored.hash:
        return [f"entry {anchored.number} is not the one that was anchored: the chain was built anew"]
    return []


def _cut(anchored: Anchored, entries: int) -> str:
    return f"the end was cut off: the anchor knows {anchored.number + 1} entries, the trail has {entries}"

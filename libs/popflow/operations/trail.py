"""The audit trail: who read or wrote which restricted table, when, in which run and for what purpose.

JSON lines in the ops folder, each with the hash of the line before (SHA-256), so that an edited, dropped or reordered
line breaks the chain. Whoever can write the file could still build the whole chain anew or cut its end, so the newest
hash is anchored in a file outside the lake, best on a machine of somebody else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow.errors import PopflowError
from popflow.operations.owner_only import append_private, ops_folder, write_private

if TYPE_CHECKING:
    from popflow.lake import Lake

ANCHOR_VARIABLE = "POPFLOW_TRAIL_ANCHOR"
GENESIS = "0" * 64


@dataclass(frozen=True)
class TrailVerdict:
    """What a check of the trail found; ok where nothing was."""

    entries: int
    anchored: bool
    findings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no entry was edited, dropped, reordered or cut off."""
        return not self.findings

    def summary(self) -> str:
        """One line for people."""
        anchor = "its head is anchored" if self.anchored else f"no anchor ({ANCHOR_VARIABLE}): a cut end would not show"
        return f"{self.entries} entries, {anchor}; " + ("unbroken" if self.ok else "; ".join(self.findings))


class Trail:
    """The trail of one lake; any number of processes may append to it at once.

    anchor: file outside the lake that holds the newest entry's number and hash; POPFLOW_TRAIL_ANCHOR where None.
    """

    def __init__(self, path: Path, anchor: Path | None = None) -> None:
        named = os.environ.get(ANCHOR_VARIABLE)
        self.path = path
        self.anchor = anchor or (Path(named) if named else None)

    @classmethod
    def of(cls, lake: Lake, anchor: Path | None = None) -> Trail:
        """The trail of a lake: trail.jsonl in its ops folder."""
        return cls(ops_folder(lake) / "trail.jsonl", anchor)

    def append(self, verb: str, table: str, run_id: str, purpose: str) -> None:
        """Add one entry, on disk before this returns.

        Raises PopflowError where the end of the trail is not the one that was anchored: going on would hide it.
        """
        with self._locked():
            self._drop_torn_line()
            last = self._last()
            self._refuse_cut_end(last)
            entry = _sealed(_body(last, verb, table, run_id, purpose))
            append_private(self.path, json.dumps(entry) + "\n")
            self._set_anchor(entry)

    def entries(self) -> list[dict[str, Any]]:
        """All entries, the oldest first."""
        return [json.loads(line) for line in _lines(self.path)]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _drop_torn_line(self) -> None:
        """A process that died in mid-write left a line without its end; nobody was told that it was written."""
        text = self._tail()
        if text and not text.endswith(b"\n"):
            os.truncate(self.path, self.path.stat().st_size - len(text) + text.rfind(b"\n") + 1)

    def _last(self) -> dict[str, Any] | None:
        lines = self._tail().splitlines()
        return json.loads(lines[-1]) if lines else None

    def _tail(self) -> bytes:
        """More than the longest entry."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 8192))
            return file.read()

    def _refuse_cut_end(self, last: dict[str, Any] | None) -> None:
        anchored = read_anchor(self.anchor)
        if anchored is None:
            return
        known = last is not None and last["number"] >= anchored[0]
        if not known or (last and last["number"] == anchored[0] and last["hash"] != anchored[1]):
            raise PopflowError(f"{self.path}: it does not end as its anchor {self.anchor} says; 'popflow trail verify' "
                               "says what is missing, and nothing runs until somebody has looked")  # fmt: skip

    def _set_anchor(self, entry: dict[str, Any]) -> None:
        if self.anchor:
            write_private(self.anchor, f"{entry['number']} {entry['hash']}\n")


def verify(trail: Path, anchor: Path | None = None) -> TrailVerdict:
    """Check the chain from its first entry to its anchor.

    Finds edited, dropped, inserted and reordered entries, and with an anchor a cut end and a chain built anew.
    """
    findings: list[str] = []
    previous, number, hashes = GENESIS, 0, []
    for line_number, line in enumerate(_lines(trail), start=1):
        entry = _parsed(line)
        said = _fault(entry, number, previous)
        if said:
            findings.append(f"line {line_number}: {said}")
        hashes.append(entry.get("hash", ""))
        previous, number = entry.get("hash", ""), int(entry.get("number", number)) + 1
    anchored = read_anchor(anchor)
    if anchored is not None:
        findings += _against_anchor(hashes, *anchored)
    return TrailVerdict(len(hashes), anchored is not None, tuple(findings))


def read_anchor(anchor: Path | None) -> tuple[int, str] | None:
    """Number and hash of the newest entry as anchored; None where there is no anchor yet."""
    if anchor is None or not anchor.exists():
        return None
    parts = anchor.read_text(encoding="utf-8").split()
    if len(parts) != 2 or not parts[0].isdigit():
        raise PopflowError(f"{anchor}: an anchor holds a number and a hash, this does not; restore its copy")
    return int(parts[0]), parts[1]


def _against_anchor(hashes: list[str], number: int, head: str) -> list[str]:
    if number >= len(hashes):
        return [f"the end was cut off: the anchor knows {number + 1} entries, the trail has {len(hashes)}"]
    if hashes[number] != head:
        return [f"entry {number} is not the one that was anchored: the chain was built anew"]
    return []


def _fault(entry: dict[str, Any], number: int, previous: str) -> str | None:
    if "hash" not in entry or "number" not in entry:
        return "is no entry"
    if entry["number"] != number:
        return f"entry {entry['number']} stands where {number} belongs: dropped, inserted or reordered"
    if entry["hash"] != _hash(entry):
        return f"entry {number} was edited"
    if entry["previous"] != previous:
        return f"entry {number} does not follow the one before it"
    return None


def _parsed(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _body(last: dict[str, Any] | None, verb: str, table: str, run_id: str, purpose: str) -> dict[str, Any]:
    return {
        "number": last["number"] + 1 if last else 0,
        "at_utc": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds"),
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "verb": verb,
        "table": table,
        "run_id": run_id,
        "purpose": purpose,
        "previous": last["hash"] if last else GENESIS,
    }


def _sealed(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"hash": _hash(body)}


def _hash(entry: dict[str, Any]) -> str:
    body = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _lines(trail: Path) -> list[str]:
    return trail.read_text(encoding="utf-8", errors="replace").splitlines() if trail.exists() else []

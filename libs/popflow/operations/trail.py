"""The audit trail: who read or wrote which restricted table, gave what to whom, when, in which run, for what purpose.

JSON lines in the ops folder, each with the hash of the line before (SHA-256), so that an edited, dropped or reordered
line breaks the chain. Whoever can write the file could still build the whole chain anew or cut its end, so the newest
entry is anchored in a file outside the lake, best on a machine of somebody else; nothing is appended before that entry
was found in its place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow.environment import TRAIL_ANCHOR
from popflow.errors import PopflowError
from popflow.operations.owner_only import append_private, private_folder, refusing
from popflow.operations.trail_anchor import Anchored, read_anchor, write_anchor
from popflow.operations.trail_check import TrailVerdict, entry_at, verify
from popflow.operations.trail_entries import ABOUT, GENESIS, LONGEST, chained, parsed, with_hash, written

if TYPE_CHECKING:
    from popflow.lake import Lake

ABOUT_AT_MOST = 500
LOOK = "'popflow trail verify' says what is wrong, and nothing runs until somebody has looked"


class Trail:
    """One trail; any number of processes may append to it at once. Its folder is made by the first entry.

    anchor: file outside the lake that holds the newest entry's number, hash and place; none where None.
    """

    def __init__(self, path: Path, anchor: Path | None = None) -> None:
        self.path = path
        self.anchor = anchor

    @classmethod
    def of(cls, lake: Lake, anchor: Path | None = None) -> Trail:
        """The trail of a lake: trail.jsonl in its ops folder, anchored where POPFLOW_TRAIL_ANCHOR says or as given."""
        return cls(lake.local_zone("ops") / "trail.jsonl", anchor or TRAIL_ANCHOR.path())

    def append(self, verb: str, table: str, run_id: str, purpose: str, about: str = "") -> None:
        """Add one entry, on disk before this returns. about: what the table alone does not say.

        Raises PopflowError where it cannot be written whole, where the anchored entry is not in its place, what follows
        it does not hold together, or the anchor is gone: going on would hide it.
        """
        with self._locked():
            self._drop_torn_line()
            last, place = self._last(), self._size()
            entry = with_hash(_body(last, verb, table, run_id, purpose) | _about(about))
            line = written(entry)
            if len(line) > LONGEST:
                raise PopflowError(f"{self.path}: an entry of {len(line)} bytes; {LONGEST} at most: say it shorter")
            append_private(self.path, line)
            if self.anchor:
                write_anchor(self.anchor, Anchored(entry["number"], entry["hash"], place))

    def start_anchor(self, run_id: str, purpose: str) -> TrailVerdict:
        """Anchor a trail that has none yet, after a check of all of it; the entry that says so is the anchored one.

        Raises PopflowError where there is an anchor, or where the trail is broken.
        """
        if self.anchor is None or self.anchor.exists():
            raise PopflowError(f"{self.anchor}: there is an anchor; it moves by itself with each entry")
        found = verify(self.path)
        if not found.ok:
            raise PopflowError(f"{self.path}: not anchored: {found.summary()}")
        anchored = Trail(self.path)
        anchored.append("anchor", "", run_id, purpose)
        with self._locked():
            last = anchored._last()
            assert last is not None
            place = self._size() - len(written(last))
            write_anchor(self.anchor, Anchored(last["number"], last["hash"], place))
        return found

    def entries(self) -> list[dict[str, Any]]:
        """All entries, the oldest first; empty where there is no trail yet."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()] if self.path.exists() else []

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with refusing(self.path):
            private_folder(self.path.parent)
            if os.path.lexists(self.path) and not self.path.is_file():
                raise PopflowError(f"{self.path}: is not a file, and so no trail")
            handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _drop_torn_line(self) -> None:
        """A process that died in mid-write left a line without its end; nobody was told that it was written."""
        text = self._tail()
        if text and not text.endswith(b"\n"):
            if b"\n" not in text and len(text) > LONGEST:
                raise PopflowError(f"{self.path}: it does not end with an entry; {LOOK}")
            os.truncate(self.path, self._size() - len(text) + text.rfind(b"\n") + 1)

    def _last(self) -> dict[str, Any] | None:
        """The entry that the next one follows; all from the anchored one on was looked at."""
        anchored = read_anchor(self.anchor)
        if anchored is not None:
            return self._since(anchored)
        if self.anchor and self._size():
            raise PopflowError(f"{self.path}: its anchor {self.anchor} is gone, nothing runs until it is back from "
                               "its copy; one that never was is made by 'popflow trail anchor'")  # fmt: skip
        lines = self._tail().splitlines(keepends=True)
        last = parsed(lines[-1]) if lines else None
        if lines and last is None:
            raise PopflowError(f"{self.path}: it does not end with an entry; {LOOK}")
        return last

    def _since(self, anchored: Anchored) -> dict[str, Any]:
        found = None
        if self._size():
            with self.path.open("rb") as file:
                found = entry_at(file, anchored)
                last = found
                following = chained(file, self._size(), found["number"] + 1, found["hash"]) if found else iter(())
                for line in following:
                    if line.fault:
                        raise PopflowError(f"{self.path}: after the anchored entry, {line.fault}; {LOOK}")
                    last = line.entry
        if found is None:
            raise PopflowError(f"{self.path}: it does not hold the entry that its anchor {self.anchor} names; {LOOK}")
        assert last is not None
        return last

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _tail(self) -> bytes:
        """More than the longest entry."""
        if not self.path.exists():
            return b""
        with self.path.open("rb") as file:
            file.seek(max(0, self._size() - 2 * LONGEST))
            return file.read()


def _body(last: dict[str, Any] | None, verb: str, table: str, run_id: str, purpose: str) -> dict[str, Any]:
    uid = os.geteuid()
    return {
        "number": last["number"] + 1 if last else 0,
        "at_utc": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds"),
        "who": f"{_account(uid)}@{socket.gethostname()}",
        "uid": uid,
        "verb": verb,
        "table": table,
        "run_id": run_id,
        "purpose": purpose,
        "previous": last["hash"] if last else GENESIS,
    }


def _account(uid: int) -> str:
    """The account's name as the machine knows it: what the environment says, its owner can change."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "unnamed"


def _about(text: str) -> dict[str, str]:
    text = " ".join(text.split())
    return {ABOUT: text[:ABOUT_AT_MOST]} if text else {}

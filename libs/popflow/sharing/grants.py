"""Who may read the share, for what purpose, until when. Tokens are kept as hashes alone, a profile file holds one.

A token is 256 random bits, so that a plain SHA-256 of it tells nothing; it is written once, into the reader's profile.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow.contracts import refuse_unlisted
from popflow.errors import PopflowError
from popflow.operations.owner_only import private_folder, refusing, write_private
from popflow.sharing.state import state_folder, trail_of

if TYPE_CHECKING:
    from popflow.lake import Lake

TABLES = ("flows", "counts", "releases")  # what is shared of the published zone
READER = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
DAYS_AT_MOST = 366


@dataclass(frozen=True)
class Grant:
    """One reader's access: to all shared tables, for one purpose, until a moment. Holds the token's hash alone."""

    id: str
    reader: str
    purpose: str
    token_sha256: str
    granted_at_utc: str
    expires_at_utc: str
    revoked_at_utc: str = ""

    def state(self, now: dt.datetime | None = None) -> str:
        """valid, expired or revoked."""
        if self.revoked_at_utc:
            return "revoked"
        return "valid" if (now or _now()) < dt.datetime.fromisoformat(self.expires_at_utc) else "expired"


class Grants:
    """The grants of one share: grants.json in its folder, its owner's alone. A file that has changed is read anew.

    Grants and their ends are on the share's trail before they hold.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._path = state_folder(lake) / "grants.json"
        self._trail = trail_of(lake)
        self._read: tuple[Any, list[Grant]] = (None, [])

    def all(self) -> list[Grant]:
        """Every grant ever made, the oldest first. Raises PopflowError where the file is damaged."""
        try:
            about = self._path.stat()
            as_it_is = (about.st_ino, about.st_mtime_ns, about.st_size)
            if not stat.S_ISREG(about.st_mode):
                raise ValueError("a pipe would be waited for, with all that ask meanwhile")
            if as_it_is != self._read[0]:
                self._read = (as_it_is, _grants(self._path.read_bytes()))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise PopflowError(f"{self._path}: cannot be read ({type(error).__name__}): put it back from its copy, or "
                               "remove it and grant again") from None  # fmt: skip
        return self._read[1]

    def add(self, reader: str, purpose: str, days: int) -> tuple[Grant, str]:
        """A new grant and its token, which is not kept. Raises PopflowError for a reader, purpose or time that is off.

        A reader's earlier grants stay until they expire or are revoked, so that a token can be changed without a gap.
        """
        refuse_reader(reader)
        if not 1 <= days <= DAYS_AT_MOST:
            raise PopflowError(f"--days {days}: 1 to {DAYS_AT_MOST}")
        for table in TABLES:
            refuse_unlisted(self._lake.contracts.table(table), purpose)
        token, now = secrets.token_urlsafe(32), _now()
        until = now + dt.timedelta(days=days)
        grant = Grant(secrets.token_hex(6), reader, purpose, hashed(token), now.isoformat(), until.isoformat())
        with self._locked():
            known = self.all()
            self._record("grant", grant, f"until {grant.expires_at_utc}")
            self._write([*known, grant])
        return grant, token

    def revoke(self, reader: str) -> int:
        """End all valid grants of a reader; how many there were. Raises PopflowError where there are none."""
        with self._locked():
            known = self.all()
            ended = [one.id for one in known if one.reader == reader and one.state() == "valid"]
            if not ended:
                readers = sorted({one.reader for one in known if one.state() == "valid"})
                raise PopflowError(
                    f"no valid grant of '{reader}'; there are grants of {', '.join(readers) or 'nobody'}"
                )
            self._end(ended)
        return len(ended)

    def take_back(self, given: Grant) -> None:
        """End one grant whose token nobody got."""
        with self._locked():
            self._end([given.id])

    def _end(self, ids: list[str]) -> None:
        known, now = self.all(), _now().isoformat()
        for one in known:
            if one.id in ids:
                self._record("revoke", one)
        self._write([replace(one, revoked_at_utc=now) if one.id in ids else one for one in known])

    def of_token(self, token: str) -> Grant | None:
        """The grant of a token, whatever its state; None for a token that was never given."""
        wanted = hashed(token).encode()
        found = [one for one in self.all() if secrets.compare_digest(one.token_sha256.encode(), wanted)]
        return found[0] if found else None

    def of_id(self, grant_id: str) -> Grant | None:
        """The grant of an id, whatever its state."""
        return next((one for one in self.all() if one.id == grant_id), None)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with refusing(self._path):
            private_folder(self._path.parent)
            handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _record(self, verb: str, grant: Grant, about: str = "") -> None:
        self._trail.append(verb, ", ".join(TABLES), f"share/{grant.reader}/{grant.id}", grant.purpose, about)

    def _write(self, grants: list[Grant]) -> None:
        write_private(self._path, json.dumps([asdict(one) for one in grants], indent=1))


def refuse_reader(reader: str) -> None:
    """Raise PopflowError for a name that no reader can have."""
    if not READER.fullmatch(reader):
        raise PopflowError(f"--reader {reader}: a name of 2 to 64 small letters, digits, dots and dashes")


def write_profile(path: Path, grant: Grant, token: str, endpoint: str) -> Path:
    """The reader's profile file, for any Delta Sharing client; whoever has it can read as that reader."""
    profile = {
        "shareCredentialsVersion": 1,
        "endpoint": endpoint,
        "bearerToken": token,
        "expirationTime": dt.datetime.fromisoformat(grant.expires_at_utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }
    return write_private(path, json.dumps(profile, indent=1) + "\n")


def hashed(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _grants(text: bytes) -> list[Grant]:
    """The grants of a file. Raises ValueError or TypeError for one that popflow did not write."""
    found = [Grant(**one) for one in json.loads(text)]
    for one in found:
        if not all(isinstance(value, str) for value in asdict(one).values()):
            raise TypeError("a grant holds texts alone")
        if dt.datetime.fromisoformat(one.expires_at_utc).tzinfo is None:
            raise ValueError("a moment without its zone")
    return found


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)

"""The key of the restricted zone, and the keyed pseudonyms of persons and SIMs made with it.

This is the only code that reads the key. Keys are computed when the register loads, and in tasks for SIMs without an
entry; never in a Spark expression, since the plan would print the key.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.environment import KEY_FILE
from popflow.errors import PopflowError
from popflow.modes import refuse_open
from popflow.paths import local_path

if TYPE_CHECKING:
    from popflow.lake import Lake

KEY_BYTES = 32
KEY_HEX = 32  # 128 bits of the HMAC, in hex digits
KEYED_TABLES = ("subscribers", "person_day", "person_state")  # what a new key could no longer be joined to


def key_file(lake: Lake) -> Path:
    """Where the key lies: POPFLOW_KEY_FILE, else <restricted zone>/_keys/person.key, made there at first use.

    Raises PopflowError where the key cannot be had: a key is never made anew beside tables that an earlier one keyed.
    """
    if named := KEY_FILE.text():
        return _checked(local_path(named))
    zone = lake.make_zone("restricted")
    if zone is None:
        raise PopflowError(f"{KEY_FILE} is not set: with the restricted zone at {lake.zone('restricted')}, name a key "
                           "file that every worker can read")  # fmt: skip
    path = zone / "_keys" / "person.key"
    if not path.exists():
        _make(path, lake)
    return _checked(path)


def read_secret(path: str | Path) -> bytes:
    """The key itself; call it in the task that needs it, and let it go no further."""
    return _checked(local_path(path)).read_bytes()


def person_key(secret: bytes, person_token: str) -> str:
    """Keyed pseudonym of a person: 128 bits of HMAC-SHA-256 over the person token, in hex."""
    return _keyed(secret, f"person\0{person_token}")


def sim_key(secret: bytes, mno: str, sim_token: str) -> str:
    """Keyed pseudonym of a SIM: 128 bits of HMAC-SHA-256 over MNO and SIM token, in hex."""
    return _keyed(secret, f"sim\0{mno}\0{sim_token}")


def write_new_key(path: Path) -> None:
    """Write a file of random bytes that its owner alone can read; one that already exists stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    with contextlib.suppress(FileExistsError):  # another process was first: its key holds
        os.link(draft, path)
    draft.unlink()


def _keyed(secret: bytes, message: str) -> str:
    return hmac.digest(secret, message.encode(), "sha256").hex()[:KEY_HEX]


def _make(path: Path, lake: Lake) -> None:
    for table in KEYED_TABLES:
        if lake.exists(table):
            raise PopflowError(f"{path}: the key is gone, and '{table}' was made with it; put it back, or remove the "
                               "restricted zone and start afresh")  # fmt: skip
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    write_new_key(path)


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise PopflowError(f"{path}: no key file there; it holds {KEY_BYTES} random bytes, mode 0600")
    refuse_open(path, "the key")
    if path.stat().st_size != KEY_BYTES:
        raise PopflowError(f"{path}: a key is {KEY_BYTES} bytes, and this file has {path.stat().st_size}")
    return path

"""The file of master keys: a name and 32 random bytes in base64 a line, the newest last, its owner's alone."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from popflow.environment import MASTER_KEYS
from popflow.errors import PopflowError
from popflow.modes import refuse_open
from popflow.paths import local_path

BYTES = 32
NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def keys_file(keys: Path | None = None) -> Path:
    """The file of master keys. Raises PopflowError where it is missing, open to others, malformed, or holds no key."""
    named = keys or MASTER_KEYS.text()
    path = local_path(named) if named else None
    if path is None or not path.is_file():
        raise PopflowError(f"{MASTER_KEYS}: no file of master keys at {path}; 'popflow keys add' makes one")
    if not master_keys(path):
        raise PopflowError(f"{path}: holds no master key; 'popflow keys add' adds one")
    return path


def master_keys(path: Path) -> dict[str, bytes]:
    """The keys by name, the newest last. Raises PopflowError with the line's number for what is not a key."""
    refuse_open(path, "the master keys")
    found: dict[str, bytes] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            name, key = _parsed(line, f"{path}: line {number}")
            if name in found:
                raise PopflowError(f"{path}: line {number}: a key of this name already exists; remove the wrong one")
            found[name] = key
    return found


def add_master_key(path: Path, name: str) -> None:
    """Add a master key, with which new files are encrypted from now on; files of earlier keys stay readable."""
    known = master_keys(path) if path.exists() else {}
    if name in known or not NAME.fullmatch(name):
        raise PopflowError(f"{path}: '{name}' already exists or is not a name of letters, digits, '.', '_' and '-'")
    _write(path, known | {name: secrets.token_bytes(BYTES)})


def drop_master_key(path: Path, name: str, still_used: Sequence[str]) -> None:
    """Forget a master key: what was encrypted with it can never be read again, which is how its tables end.

    still_used: keys of files on disk (`keys_in_use`). Raises PopflowError for the newest key, or one that is in use.
    """
    known = master_keys(path)
    if name not in known or name == list(known)[-1]:
        raise PopflowError(f"{path}: '{name}' is the newest key or not there; there are {', '.join(known)}")
    if name in still_used:
        raise PopflowError(f"{path}: files on disk still need '{name}'; wait until retention has deleted them, or "
                           "'popflow keys encrypt' rewrites them")  # fmt: skip
    _write(path, {one: key for one, key in known.items() if one != name})


def _parsed(line: bytes, where: str) -> tuple[str, bytes]:
    """What is wrong is said, never what stands there: it may be a key."""
    parts = line.decode("ascii", errors="replace").split()
    if len(parts) != 2 or not NAME.fullmatch(parts[0]):
        raise PopflowError(f"{where}: a line holds a name, a blank and a key in base64; mend it, or take it out")
    try:
        key = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        raise PopflowError(f"{where}: what follows the name is not base64; put the key back from its copy") from None
    if len(key) != BYTES:
        raise PopflowError(f"{where}: the key has {len(key)} bytes, not {BYTES}; put it back from its copy")
    return parts[0], key


def _write(path: Path, keys: Mapping[str, bytes]) -> None:
    """All keys or none: written beside the file, down to the disk, then put in its place."""
    draft = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise PopflowError(f"{draft}: somebody else is changing the keys; if nobody is, remove this file") from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.writelines(f"{name} {base64.b64encode(key).decode()}\n" for name, key in keys.items())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

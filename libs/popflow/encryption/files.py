"""Parquet files of the restricted zone on disk: which are encrypted, with which master key, and which are not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from popflow.errors import PopflowError

MAGIC = b"PARE"  # of a Parquet file whose footer is encrypted, at both its ends
TAIL = 8  # bytes after the footer: its length (4, little-endian) and the magic
MASTER_KEY = re.compile(rb'\\?"masterKeyID\\?"\s*:\s*\\?"([A-Za-z0-9_.-]+)\\?"')


def data_files(zone: Path) -> Iterator[Path]:
    """Parquet files of a zone's tables. Delta's checkpoints are none, nor is `_scratch`, where cell tables lie."""
    for parent, folders, names in os.walk(zone, onerror=_refuse):
        depth = len(Path(parent).relative_to(zone).parts)
        folders[:] = [one for one in folders if not (depth == 1 and one == "_delta_log")]
        folders[:] = [one for one in folders if not (depth == 0 and one == "_scratch")]
        yield from (Path(parent, name) for name in names if name.endswith(".parquet"))


def plain_files(zone: Path, since_ns: int = 0) -> list[Path]:
    """Data files of the restricted zone that lie there unencrypted.

    since_ns: only those are opened that were made, changed or renamed at this time (st_ctime_ns) or later.
    """
    found = []
    for file in data_files(zone):
        try:
            if file.lstat().st_ctime_ns >= since_ns and not is_encrypted(file):
                found.append(file)
        except FileNotFoundError:  # vacuumed meanwhile
            continue
    return sorted(found)


def is_encrypted(file: Path) -> bool:
    """Whether a Parquet file is encrypted, its footer included; one that is just being begun holds nothing plain."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) in (MAGIC, b"")


def keys_in_use(zone: Path) -> set[str]:
    """Names of the master keys that the zone's files need. Raises PopflowError for a file that does not say."""
    return {name for file in data_files(zone) for name in keys_of(file)}


def keys_of(file: Path) -> set[str]:
    """Names of the master keys that a file needs, as its footer says in clear; none for a plain file.

    Raises PopflowError for an encrypted file that is cut off, or whose footer names no key.
    """
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            return set()
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(size - TAIL, 0))
        tail = opened.read(TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or length > size - TAIL - len(MAGIC):
            raise PopflowError(f"{file}: the end of this encrypted file is missing or damaged, so its key is unknown")
        opened.seek(size - TAIL - length)
        footer = opened.read(length)
    if not (names := {name.decode() for name in MASTER_KEY.findall(footer)}):
        raise PopflowError(f"{file}: names no master key; who wrote it?")
    return names


def _refuse(error: OSError) -> None:
    raise PopflowError(f"{error.filename}: cannot be looked into ({error.strerror})") from None

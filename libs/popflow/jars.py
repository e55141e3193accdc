"""The jars that popflow fetches, each with its digest: jars.lock, a line a jar as sha256sum writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

LOCK = Path(__file__).parent / "jars.lock"
DELTA = "io."  # how the names of Delta's own jars begin; the others are those of S3A


def locked(lock: Path = LOCK) -> dict[str, str]:
    """SHA-256 of each jar, by file name."""
    lines = [line.split() for line in lock.read_text(encoding="utf-8").splitlines()]
    return {name: digest for digest, name in lines}


def digest_of(jar: Path) -> str:
    """SHA-256 of a file, in hex."""
    with jar.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def not_as_locked(jars: Iterable[Path], lock: Path = LOCK) -> list[str]:
    """Names of the jars that the lock does not hold, or holds with another digest."""
    known = locked(lock)
    return [jar.name for jar in jars if known.get(jar.name) != digest_of(jar)]

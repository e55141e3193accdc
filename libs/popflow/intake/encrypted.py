"""Deliveries that arrive encrypted with age, and are decrypted in the stream: the plain file never touches a disk.

A file `x.csv.gz.age` holds `x.csv.gz`; its fingerprint in the manifest is that of the encrypted file. The identity
(AGE-SECRET-KEY-1...) lies in a file of the restricted zone's owner; while keys are rotated it holds two, one a line.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Any, BinaryIO

import pyrage

from popflow.environment import AGE_IDENTITY
from popflow.errors import PopflowError
from popflow.modes import refuse_open
from popflow.paths import local_path

SUFFIX = ".age"
BLOCK = 1 << 20


def is_encrypted(name: str) -> bool:
    """Whether a delivery's file is encrypted with age, by its name."""
    return name.endswith(SUFFIX)


class Undecryptable(PopflowError):  # noqa: N818 - a verdict on a file, as WholeFile is
    """An encrypted file that was changed, or that none of the identities opens."""


def decrypted(source: BinaryIO, name: str, keys: Path | None = None) -> IO[bytes]:
    """The plain bytes of an encrypted file as a stream, decrypted while they are read, in memory of a few blocks.

    keys: the file of identities, by default the one that POPFLOW_AGE_IDENTITY names. A change in the file raises
    Undecryptable from a read or at the end, so use nothing before the stream has ended. Close it before the source is
    used otherwise.
    """
    return io.BufferedReader(_Decrypting(source, identities(keys), name), BLOCK)


class _Decrypting(io.RawIOBase):
    """pyrage writes and we want to read: a pipe between them, the writer in a thread."""

    def __init__(self, source: BinaryIO, keys: list[pyrage.x25519.Identity], name: str) -> None:
        import threading

        read, write = os.pipe()
        self._name, self._failed = name, False
        self._pipe = io.BufferedReader(io.FileIO(read, "rb"), BLOCK)
        self._thread = threading.Thread(target=self._write, args=(source, keys, write), daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next plain bytes; 0 at the end of a file that was whole."""
        count = self._pipe.readinto(buffer)
        if not count:
            self._thread.join()
            if self._failed:
                raise Undecryptable(f"{self._name}: cannot be decrypted; it was changed, or is for another key than "
                                   f"those of {AGE_IDENTITY}")  # fmt: skip
        return count

    def close(self) -> None:
        """Let the writer end, too: it finds its pipe closed."""
        self._pipe.close()
        self._thread.join()
        super().close()

    def _write(self, source: BinaryIO, keys: list[pyrage.x25519.Identity], handle: int) -> None:
        try:
            with os.fdopen(handle, "wb", BLOCK) as plain:
                pyrage.decrypt_io(source, plain, keys)
        except Exception:  # noqa: BLE001 said by the reader; the message may hold what was read
            self._failed = True


def identities(path: Path | None = None) -> list[pyrage.x25519.Identity]:
    """What opens encrypted files. Raises PopflowError where there is no such file, or others can read it."""
    given = path or AGE_IDENTITY.text()
    named = local_path(given) if given else None
    if named is None or not named.is_file():
        raise PopflowError(f"{AGE_IDENTITY}: no file of age identities at {named}; 'age-keygen -o FILE' makes one")
    refuse_open(named, "the age identities")
    lines = [line.strip() for line in named.read_text(encoding="ascii").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    try:
        return [pyrage.x25519.Identity.from_str(line) for line in found]
    except pyrage.IdentityError:
        raise PopflowError(f"{named}: holds a line that is not an age identity (AGE-SECRET-KEY-1...)") from None

"""Deliveries that arrive encrypted with age, and are decrypted in the stream: the plain file never touches a disk.

A file `x.csv.gz.age` holds `x.csv.gz`; its fingerprint in the manifest is that of the encrypted file. The identity
(AGE-SECRET-KEY-1...) lies in a file of the restricted zone's owner; while keys are rotated it holds two, one a line.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pyrage

from popflow.errors import PopflowError

VARIABLE = "POPFLOW_AGE_IDENTITY"
SUFFIX = ".age"
BLOCK = 1 << 20


def is_sealed(name: str) -> bool:
    """Whether a delivery's file is encrypted with age, by its name."""
    return name.endswith(SUFFIX)


def unsealed_reader(
    open_sealed: Callable[[], IO[bytes]], identities: Path | None = None, *, name: str = "file"
) -> IO[bytes]:
    """The plain bytes of a sealed file as a stream, decrypted while they are read, in memory of a few blocks.

    A change in the file raises PopflowError from a read or at the end, so use nothing before the stream has ended.
    """
    return io.BufferedReader(_Unsealing(open_sealed, _identities(identities), name), BLOCK)


class _Unsealing(io.RawIOBase):
    """pyrage writes and we want to read: a pipe between them, the writer in a thread."""

    def __init__(
        self, open_sealed: Callable[[], IO[bytes]], identities: list[pyrage.x25519.Identity], name: str
    ) -> None:
        import threading

        read, write = os.pipe()
        self._name, self._failed = name, False
        self._pipe = io.BufferedReader(io.FileIO(read, "rb"), BLOCK)
        self._thread = threading.Thread(target=self._write, args=(open_sealed, identities, write), daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next plain bytes; 0 at the end of a file that was whole."""
        count = self._pipe.readinto(buffer)
        if not count:
            self._thread.join()
            if self._failed:
                raise PopflowError(f"{self._name}: cannot be decrypted; it was changed, or is for another key than "
                                   f"those of {VARIABLE}")  # fmt: skip
        return count

    def close(self) -> None:
        """Let the writer go, too."""
        self._pipe.close()
        super().close()

    def _write(
        self, open_sealed: Callable[[], IO[bytes]], identities: list[pyrage.x25519.Identity], handle: int
    ) -> None:
        try:
            with os.fdopen(handle, "wb", BLOCK) as plain, open_sealed() as sealed:
                pyrage.decrypt_io(sealed, plain, identities)
        except Exception:  # noqa: BLE001 said by the reader; the message may hold what was read
            self._failed = True


def _identities(path: Path | None) -> list[pyrage.x25519.Identity]:
    named = path or (Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None)
    if named is None or not named.is_file():
        raise PopflowError(f"{VARIABLE}: no file of age identities at {named}; 'age-keygen -o FILE' makes one")
    if named.stat().st_mode & 0o077:
        raise PopflowError(f"{named}: others than its owner can read the age identities; chmod 600 it")
    lines = [line.strip() for line in named.read_text(encoding="ascii").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    try:
        return [pyrage.x25519.Identity.from_str(line) for line in found]
    except pyrage.IdentityError:
        raise PopflowError(f"{named}: holds a line that is no age identity (AGE-SECRET-KEY-1...)") from None

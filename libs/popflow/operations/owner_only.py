"""Files and folders of the lake's ops folder: none that others than the owner can read."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.errors import PopflowError
from popflow.modes import OWNER_ALONE, is_open, make_folder

if TYPE_CHECKING:
    from popflow.lake import Lake


def ops_folder(lake: Lake, *parts: str) -> Path:
    """A folder below the ops zone, made with mode 0700. Raises PopflowError where the zone is not a folder."""
    folder = private_folder(lake.local_zone("ops"))
    for part in parts:
        folder = folder / part
        private_folder(folder)
    return folder


def private_folder(folder: Path) -> Path:
    """The folder, made where it is missing, and closed to all but its owner.

    Raises PopflowError for one that others use too: --state / would close the machine to everybody.
    """
    make_folder(folder, OWNER_ALONE)
    if is_open(folder.stat()):
        if _is_others_too(folder):
            raise PopflowError(f"{folder}: others use this folder too, and it would be closed to them; name one apart")
        folder.chmod(0o700)
    return folder


def _is_others_too(folder: Path) -> bool:
    """Whether a folder is open beyond its mode: shared, mounted, or with open folders in it, as none of popflow's."""
    inside = (one for one in os.scandir(folder) if one.is_dir(follow_symlinks=False))
    shared = folder.stat().st_mode & stat.S_ISVTX or folder.is_mount()
    return bool(shared or any(is_open(one.stat(follow_symlinks=False)) for one in inside))


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read; readers see the old text or the new, never half of it.

    Raises PopflowError, and leaves the old text, where the new one cannot be written whole.
    """
    with refusing(path):
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            _write_whole(handle, text.encode())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink()
            raise
        finally:
            os.close(handle)
        _sync_folder(path.parent)
    return path


def read_own(path: Path) -> bytes:
    """All of a small file. Raises OSError for what is not a regular file: a pipe would be waited for."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - a handle
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        return file.read()


def append_private(path: Path, line: str) -> None:
    """Append one line to a file that only its owner can read, down to the disk, whole or not at all.

    Raises PopflowError where it cannot be written whole, as on a full disk. Any number of processes may append at once.
    """
    with refusing(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # what is cut off after a failure is then no other process's line
            before = os.fstat(handle).st_size
            try:
                _write_whole(handle, line.encode())
            except BaseException:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)


def _write_whole(handle: int, rest: bytes) -> None:
    while rest:
        written = os.write(handle, rest)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Raise PopflowError, in one line, where the operating system does not let a file be written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise PopflowError(f"{path}: could not be written ({why}); make room or give access, then try again") from None

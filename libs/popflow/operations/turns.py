"""One night at a time: two that are started at once would each write half of what the other reads."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from popflow.errors import AtWork
from popflow.operations.owner_only import ops_folder

if TYPE_CHECKING:
    from popflow.lake import Lake


@contextlib.contextmanager
def one_at_a_time(lake: Lake, doing: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lake's lock while something is done; the operating system lets go of it when a process dies.

    Raises AtWork, naming what runs, where another process holds it; wait: wait for that one instead.
    """
    path = ops_folder(lake) / "night.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, str(path), wait)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{doing}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: str, wait: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        running = os.pread(handle, 200, 0).decode(errors="replace")
        raise AtWork(f"{path}: another run is at work ({running}); start this one when it is through") from None

"""Who may read what popflow writes: restricted tables and scratch their owner alone, published ones everybody.

A process that handles restricted data closes itself: what it and its children leave anywhere is theirs alone, unless it
is opened here. Published and reference tables are opened on purpose, each time they are written; who may reach them is
for the mode of their zone's folder to say, which popflow leaves as it finds it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from popflow.errors import PopflowError

OWNER_ALONE = 0o700
OPEN = 0o755
OPEN_ZONES = ("reference", "published")


def close_process() -> None:
    """From now on new files and folders of this process, and of those that it starts, are their owner's alone."""
    os.umask(0o077)


def is_open(found: os.stat_result) -> bool:
    """Whether others than its owner can do anything with a file or folder."""
    return bool(found.st_mode & 0o077)


def refuse_open(path: Path, what: str) -> None:
    """Raise PopflowError where others than its owner can read a file of secrets; what: what it holds."""
    if is_open(path.stat()):
        raise PopflowError(f"{path}: others than its owner can read {what}; chmod 600 it")


def make_folder(folder: Path, mode: int) -> Path:
    """The folder, made with a mode where it is missing; a missing folder above it can be passed by everybody."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was first
            one.mkdir(mode=OWNER_ALONE)
            one.chmod(mode if one == folder else OPEN)
    return folder


def open_to_readers(place: Path) -> None:
    """Let everybody read a file, or a folder with all that lies below it, where it belongs to this user; no link."""
    with contextlib.suppress(FileNotFoundError):  # vacuumed or replaced meanwhile
        found = place.lstat()
        is_folder = stat.S_ISDIR(found.st_mode)
        wanted = OPEN if is_folder else OPEN & ~0o111
        is_own = found.st_uid == os.getuid() and (is_folder or stat.S_ISREG(found.st_mode))
        if is_own and found.st_mode & wanted != wanted:
            place.chmod(stat.S_IMODE(found.st_mode) | wanted)
        for below in place.iterdir() if is_folder else ():
            open_to_readers(below)

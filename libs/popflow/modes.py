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

OWNER_ALONE = 0o700
OPEN = 0o755
OPEN_ZONES = ("reference", "published")


def close_process() -> None:
    """From now on new files and folders of this process, and of those that it starts, are their owner's alone."""
    os.umask(0o077)


def make_folder(folder: Path, mode: int) -> Path:
    """The folder, made with a mode where it is missing; a missing folder above it can be passed by everybody."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was first
            one.mkdir(mode=OWNER_ALONE)
            one.chmod(mode if one == folder else OPEN)
    return folder


def open_to_readers(folder: Path) -> None:
    """Let everybody read the files and folders below a folder that belong to this user, and the folder itself."""
    with contextlib.suppress(FileNotFoundError):
        _open(folder, folder.lstat())
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):  # vacuumed or replaced meanwhile
                if entry.is_dir(follow_symlinks=False):
                    open_to_readers(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    _open(Path(entry.path), entry.stat(follow_symlinks=False))


def _open(path: Path, found: os.stat_result) -> None:
    wanted = OPEN if stat.S_ISDIR(found.st_mode) else OPEN & ~0o111
    if found.st_uid == os.getuid() and found.st_mode & wanted != wanted:
        path.chmod(stat.S_IMODE(found.st_mode) | wanted)

"""Files and folders of the lake's ops folder: none that others than the owner can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.modes import OWNER_ALONE, make_folder

if TYPE_CHECKING:
    from popflow.lake import Lake


def ops_folder(lake: Lake, *parts: str) -> Path:
    """A folder below the ops zone, made with mode 0700. Raises PopflowError where the zone is no folder."""
    folder = private_folder(lake.local_zone("ops"))
    for part in parts:
        folder = folder / part
        private_folder(folder)
    return folder


def private_folder(folder: Path) -> Path:
    """The folder, made where it is missing, and closed to all but its owner."""
    make_folder(folder, OWNER_ALONE)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def close_tree(folder: Path) -> None:
    """Take from group and others what a library left readable below a folder."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read; readers see the old text or the new, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return path


def append_private(path: Path, line: str) -> None:
    """Append one line to a file that only its owner can read, in one write, down to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)

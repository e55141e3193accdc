"""Landing files by address, a folder or object storage, through pyarrow's file systems; and a task's own scratch."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyarrow import fs

from popflow import paths, scratch


class Found(NamedTuple):
    """A file that lies below a place: its path, size in bytes, and when it was last changed (UTC)."""

    path: str
    size: int
    mtime: dt.datetime


def open_address(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path within it."""
    return paths.file_system(address)


def files_under(address: str) -> list[Found]:
    """Every file below an address; empty where nothing lies there. Names that are not UTF-8 come with surrogates."""
    system, path = open_address(address)
    if isinstance(system, fs.LocalFileSystem):
        return list(_local_files(path))
    selected = system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return [Found(info.path, info.size, info.mtime) for info in selected if info.type == fs.FileType.File]


def _local_files(folder: str) -> Iterator[Found]:
    # Not pyarrow's listing: one name that is not UTF-8 ends it for all.
    for parent, _, names in os.walk(folder, onerror=_not_there_alone):
        for name in names:
            path = os.path.join(parent, name)  # noqa: PTH118 - as text, also with bytes that are not letters
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile, or a link to nothing
                found = os.stat(path)  # noqa: PTH116
                if stat.S_ISREG(found.st_mode):
                    yield Found(path, found.st_size, dt.datetime.fromtimestamp(found.st_mtime, dt.UTC))


def _not_there_alone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def is_local(address: str) -> bool:
    """Whether a library that knows folders only can open the address."""
    return paths.is_local(paths.normal(address))


@contextlib.contextmanager
def task_scratch() -> Iterator[Path]:
    """A folder of this attempt alone, for spills and copies, gone when the attempt ends."""
    folder = scratch.new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

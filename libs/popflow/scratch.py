"""Scratch: folders that are this user's alone, under names that nobody can foresee, gone when their process ends.

They lie below POPFLOW_SCRATCH, else below the machine's folder for temporary files. A folder bears its process's
number, so that what a killed process left behind is found and removed by the next.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from popflow import environment
from popflow.errors import PopflowError
from popflow.paths import local_path

OWN = re.compile(r"popflow-(\d+)-")
_of_process: dict[int, Path] = {}


def new_folder() -> Path:
    """A new folder with mode 0700 below the place for scratch; what killed processes left there is removed first."""
    place = checked_place()
    _remove_orphans(place)
    return Path(tempfile.mkdtemp(prefix=f"popflow-{os.getpid()}-", dir=place))


def of_process() -> Path:
    """The one folder of this process, which is removed when it ends."""
    number = os.getpid()
    if number not in _of_process:
        _of_process[number] = new_folder()
        atexit.register(_remove, number)
    return _of_process[number]


def keep() -> None:
    """Leave this process's folder behind for somebody to look into; the next process removes it."""
    _of_process.pop(os.getpid(), None)


@contextlib.contextmanager
def children_in(folder: Path) -> Iterator[None]:
    """Processes that are started inside take the folder for temporary files, and so do those that they start.

    They take names of files as UTF-8 too, which Java does by the locale alone.
    """
    locale = next((named for variable in environment.LOCALES if (named := variable.text())), "")
    utf8 = {} if re.search("utf-?8", locale, re.IGNORECASE) else {environment.LOCALES[0]: "C.UTF-8"}
    with environment.changed({environment.TEMPORARY: str(folder)} | utf8):
        yield


def checked_place() -> Path:
    """The folder below which scratch lies. Raises PopflowError where somebody else could replace what lies there."""
    named = environment.SCRATCH.text()
    place = local_path(named or tempfile.gettempdir())
    mend = f"name a folder of your own by {environment.SCRATCH}"
    if not place.is_dir():
        raise PopflowError(f"{place}: no such folder for scratch; make it, or {mend}")
    if not str(place).isprintable() or re.search(r'[,"\\]', str(place)):
        raise PopflowError(f"{str(place)!r}: Spark's scratch cannot lie in a folder of this name; {mend}")
    found = place.stat()
    if found.st_uid not in (0, os.getuid()):
        raise PopflowError(f"{place}: scratch would lie in a folder of another user; {mend}")
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise PopflowError(f"{place}: others can replace what lies there; chmod go-w or +t, or {mend}")
    return place


def _remove(number: int) -> None:
    if number == os.getpid() and number in _of_process:
        shutil.rmtree(_of_process.pop(number), ignore_errors=True)


def _remove_orphans(place: Path) -> None:
    for entry in os.scandir(place):
        named = OWN.match(entry.name)
        if named and not _runs(int(named[1])) and _is_own_folder(entry):
            shutil.rmtree(entry.path, ignore_errors=True)


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(FileNotFoundError):  # another process was first
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # anybody may leave a folder there, with a number that none can have
        return False
    except PermissionError:
        return True
    return True

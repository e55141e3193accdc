"""Where compiled functions are kept: compiled once a machine and user, since a first compile takes some ten seconds.

What lies there is loaded as code. So the folder must be the user's own and closed to others, as must be the way to it;
else each process compiles for itself, in memory. The folder lies in the user's cache (`popflow.geography.cache`) and is
named by all that the code is made from.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_name

from popflow.geography.cache import cache_folder, fingerprint
from popflow.modes import is_open

settings: Any = numba.config
logger = logging.getLogger(__name__)
COMPILERS = ("numba", "llvmlite", "numpy")


def compiled(function: Callable) -> Any:
    """The function, compiled by numba on its first call, or loaded from the folder."""
    # Without the interpreter's lock; without checks of bounds, as numba's own default is.
    folder = kept_in()
    if folder is None:
        return numba.njit(nogil=True)(function)
    before = settings.CACHE_DIR, settings.CACHE_LOCATOR_CLASSES
    settings.CACHE_DIR, settings.CACHE_LOCATOR_CLASSES = str(folder), "UserProvidedCacheLocator"
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba cannot write there after all
        return numba.njit(nogil=True)(function)
    finally:
        settings.CACHE_DIR, settings.CACHE_LOCATOR_CLASSES = before


@functools.cache
def kept_in() -> Path | None:
    """The folder, made if it is not there; None where there is none that others cannot write to."""
    try:
        folder = cache_folder().resolve() / f"kernel-{_made_from()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fault = _fault(folder)
    except (OSError, RuntimeError) as error:
        fault = str(error.strerror if isinstance(error, OSError) else error)
    if fault:
        logger.warning("the compiled reduction is not kept: %s", fault)
        return None
    return folder


def _made_from() -> str:
    code = sorted(Path(__file__).parent.glob("kernel*.py"))
    return fingerprint([f"{name} {version(name)}" for name in COMPILERS], code)


def _fault(folder: Path) -> str:
    """Why others could write to a folder, or put another in its place; nothing where they cannot."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or is_open(found):
        return f"{folder} is not a folder of the user's own that is closed to others (chmod 700)"
    for above in folder.parents:
        state = above.stat()
        open_to_others = state.st_mode & 0o022 and not state.st_mode & stat.S_ISVTX
        if state.st_uid not in (0, os.getuid()) or open_to_others:
            return f"others can replace {folder} by way of {above}"
    return ""


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Processes that begin together compile one after the other: the first one, and the others load what it kept."""
    folder = kept_in()
    done = folder / f"done-{get_host_cpu_name()}-{sys.implementation.cache_tag}" if folder else None
    if done is None or done.exists():
        yield
        return
    with done.with_name("lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        done.touch()

"""Landing files by address, a folder or object storage, through pyarrow's file systems; and a task's own scratch."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

from popflow.errors import PopflowError

SCRATCH = "POPFLOW_SCRATCH"  # where tasks may spill; by default the machine's folder for temporary files


def open_address(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path within it; s3a:// is Spark's name for s3://."""
    if "://" not in address:
        return fs.LocalFileSystem(), os.path.abspath(address)  # noqa: PTH100 - an address is text, also on a cluster
    try:
        return fs.FileSystem.from_uri(address.replace("s3a://", "s3://", 1))
    except (ValueError, OSError) as error:
        raise PopflowError(f"{address}: no such address ({' '.join(str(error).split())[:200]})") from None


def files_under(address: str) -> list[fs.FileInfo]:
    """Every file below an address; empty where nothing lies there."""
    system, path = open_address(address)
    selected = system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return [info for info in selected if info.type == fs.FileType.File]


def read_bytes(address: str) -> bytes:
    """All of a small file."""
    system, path = open_address(address)
    with system.open_input_stream(path) as stream:
        return stream.read()


def is_local(address: str) -> bool:
    """Whether a library that knows folders only can open the address."""
    return isinstance(open_address(address)[0], fs.LocalFileSystem)


@contextlib.contextmanager
def task_scratch() -> Iterator[Path]:
    """A folder of this attempt alone, for spills and copies, gone when the attempt ends.

    What attempts that were killed left behind is removed first: a folder bears its process's number.
    """
    root = Path(os.environ.get(SCRATCH, tempfile.gettempdir())) / f"popflow-{os.getuid()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    _remove_orphans(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))  # mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans(root: Path) -> None:
    for folder in root.iterdir():
        process = folder.name.partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

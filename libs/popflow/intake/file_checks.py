"""What is checked of a whole file before its rows count: kind, size, fingerprint, damage."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from popflow.intake import regular_files
from popflow.intake.encrypted import Undecryptable, decrypted, is_encrypted
from popflow.intake.packing import PackFile
from popflow.intake.storage import is_local
from popflow.intake.text_lines import CHUNK, HashedFile

FILE_REASONS = {
    "file_missing": "the manifest lists it and it is not there",
    "file_unlisted": "it is there and the manifest does not list it",
    "file_irregular": "it is a link, a folder, a pipe or a device, and no regular file",
    "file_unreadable": "popflow may not read it",
    "file_bytes": "it has another number of bytes than the manifest says",
    "file_hash": "its fingerprint is not the manifest's",
    "file_rows": "it has another number of rows than the manifest says",
    "file_sealed": "none of the age identities opens it",
    "file_damaged": "it cannot be read to its end",
    "file_empty": "it has no rows",
    "file_columns": "it lacks a column that its contract needs, or has it in another type",
    "file_misfit": "most of its rows do not fit its contract",
    "file_memory": "what it holds does not fit the memory of a task",
    "file_failed": "the reduction failed on it, and on no other",
}
# What is not the file's fault: it may come back, its mode be changed, its identity be added.
PASSING = ["file_missing", "file_unreadable", "file_sealed"]
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL)


class WholeFile(Exception):  # noqa: N818 - a verdict, not an error
    """A file is set aside whole, for one of FILE_REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextlib.contextmanager
def open_landed(file: PackFile) -> Iterator[BinaryIO]:
    """A landing file, opened once, of the kind and size that its manifest says.

    Raises WholeFile for what is gone, is no regular file, may not be read, or has another size.
    """
    try:
        stream, size = regular_files.open_regular(file.address)
    except regular_files.Irregular:
        raise WholeFile("file_irregular") from None
    except PermissionError:
        raise WholeFile("file_unreadable") from None
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno in GONE:
            raise WholeFile("file_missing") from None
        raise
    with stream:
        if size != file.bytes:
            raise WholeFile("file_bytes")
        yield stream


@contextlib.contextmanager
def checked(file: PackFile, scratch: Path) -> Iterator[BinaryIO]:
    """A file with the manifest's fingerprint, to be read at any place: what was opened, never its name again.

    From object storage it is a copy without a name in scratch; of an encrypted file what it holds, in memory alone. One
    that is changed in its place while it is read raises WholeFile at the end: let nothing out before.
    """
    with open_landed(file) as source:
        if is_encrypted(file.name):
            with os.fdopen(os.memfd_create("landing-file"), "r+b") as memory:
                _unseal(source, file, memory)
                yield memory
        elif not is_local(file.address):
            with tempfile.TemporaryFile(dir=scratch) as copy:
                _copy(source, file, copy)
                yield copy
        else:
            refuse_changed(_sha256(source, file), file)
            before = _state(source)
            source.seek(0)
            yield source
            if _state(source) != before:
                raise WholeFile("file_hash")
            source.seek(0)
            refuse_changed(_sha256(source, file), file)


def refuse_changed(sha256: str, file: PackFile) -> None:
    """Raise WholeFile where a fingerprint is not the manifest's."""
    if sha256 != file.sha256:
        raise WholeFile("file_hash")


def _sha256(source: BinaryIO, file: PackFile) -> str:
    return HashedFile(source, file.bytes).sha256()


def _state(source: BinaryIO) -> tuple[int, int, int]:
    # A change that is undone before the second reading shows in the times alone.
    found = os.fstat(source.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _copy(source: BinaryIO, file: PackFile, target: BinaryIO) -> None:
    hashed = HashedFile(source, file.bytes)
    shutil.copyfileobj(hashed, target, CHUNK)
    refuse_changed(hashed.sha256(), file)
    target.seek(0)


def _unseal(source: BinaryIO, file: PackFile, target: BinaryIO) -> None:
    hashed = HashedFile(source, file.bytes)
    try:
        with contextlib.closing(decrypted(io.BufferedReader(hashed), file.name)) as plain:
            shutil.copyfileobj(plain, target, CHUNK)
    except Undecryptable:
        refuse_changed(hashed.sha256(), file)
        raise WholeFile("file_sealed") from None
    refuse_changed(hashed.sha256(), file)
    target.seek(0)

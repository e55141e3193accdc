"""What lies in landing, listed and opened without trust: regular files alone, each opened once.

Whoever writes to landing may leave links, pipes, devices and folders under any name. A name is never followed, and
never read twice: what was opened is what is hashed and read.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO, NamedTuple
from unicodedata import category

from popflow.errors import PopflowError, printable
from popflow.intake.storage import files_under, open_address
from popflow.paths import is_local

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY  # a pipe without a writer never ends
IRREGULAR = (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR)  # what opening a link, a socket, a device says


class Irregular(Exception):  # noqa: N818 - a verdict, not an error
    """A link, a folder, a pipe or a device, where a regular file was expected."""


class Opened(NamedTuple):
    """A file that is open, and its bytes at that moment."""

    stream: BinaryIO
    bytes: int


class Listing(NamedTuple):
    """Names below a delivery's folder, deeper ones by their path; fault: why it cannot be taken in, or nothing."""

    names: frozenset[str]
    fault: str = ""


def open_regular(address: str) -> Opened:
    """Open a regular file of landing, at its start; address: a normal landing folder's, and names below it.

    Raises Irregular for what is none, FileNotFoundError, and other OSErrors where the storage fails.
    """
    if not is_local(address):
        system, path = open_address(address)
        remote = system.open_input_file(path)
        return Opened(remote, remote.size())
    try:
        handle = os.open(address, FLAGS)  # as it is: made normal, it would be what a link points to
    except OSError as error:
        if error.errno in IRREGULAR:
            raise Irregular from None
        raise
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise Irregular
    return Opened(open(handle, "rb", buffering=0), found.st_size)  # noqa: PTH123 - a handle; the caller closes


def read_whole(address: str, most: int) -> bytes:
    """All of a small regular file. Raises PopflowError, without its path, where it is none or has more bytes."""
    try:
        stream, size = open_regular(address)
    except Irregular:
        raise PopflowError("is not a regular file; the delivery must be sent again with the file itself") from None
    except OSError as error:
        raise PopflowError(f"cannot be read ({os.strerror(error.errno or errno.EIO)})") from None
    with stream:
        content = b"" if size > most else read_up_to(stream, most + 1)
    if size > most or len(content) > most:
        raise PopflowError(f"has more than {most:,} bytes, the contract's limit")
    return content


def read_up_to(stream: BinaryIO, most: int) -> bytes:
    """The next bytes of a stream, fewer at its end."""
    parts: list[bytes] = []
    while most > 0 and (part := stream.read(min(most, 1 << 20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _spelt(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _as_text(name: str) -> str:
    """A file's name as text; bytes that are not characters, which no manifest can list, are spelt out."""
    return "".join(_spelt(char) if category(char) == "Cs" else char for char in name)


def deliveries_under(address: str, most: int) -> dict[str, Listing]:
    """What lies in each folder below an address, by the folder's name; empty where nothing lies there.

    most: names of a delivery from which on it is no longer listed, and has a fault. Raises PopflowError where the
    address itself is not a folder that can be listed.
    """
    if not is_local(address):
        return _of_object_storage(address, open_address(address)[1], most)
    try:
        with os.scandir(address) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PopflowError(f"{printable(address)}: is not a folder that can be listed ({error.strerror})") from None
    listed = {_as_text(entry.name): folder_listing(entry.path, most) for entry in found}
    return {name: listing for name, listing in listed.items() if listing.names or listing.fault}


def folder_listing(path: str, most: int) -> Listing:
    """What lies in one folder of this machine; nothing in what is none. most: as `deliveries_under` has it."""
    try:
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind):
            return Listing(frozenset(), "is a link; a delivery is a folder of its own")
        if not stat.S_ISDIR(kind):
            return Listing(frozenset())
        return _bounded(_below(path, most), most)
    except OSError as error:
        return Listing(frozenset(), f"cannot be listed ({error.strerror})")


def _bounded(names: set[str], most: int) -> Listing:
    if len(names) > most:
        return Listing(frozenset(), f"holds more than {most:,} files, the contract's limit; send it in several")
    return Listing(frozenset(names))


def _below(folder: str, most: int) -> set[str]:
    """Names of all that lies in a folder, no link followed; of a folder in it, what it holds; some more than `most`."""
    names: set[str] = set()
    folders = [(folder, "")]
    for path, before in folders:
        with os.scandir(path) as entries:
            for entry in entries:
                name = before + _as_text(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, f"{name}/"))
                else:
                    names.add(name)
                if len(names) + len(folders) > most + 1:
                    return names | {name for _, name in folders}
    return names


def _of_object_storage(address: str, base: str, most: int) -> dict[str, Listing]:
    found: dict[str, set[str]] = {}
    for info in files_under(address):
        delivery_id, _, name = info.path[len(base) :].strip("/").partition("/")
        if name:
            found.setdefault(delivery_id, set()).add(name)
    return {delivery_id: _bounded(names, most) for delivery_id, names in found.items()}

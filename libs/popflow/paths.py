"""Paths and addresses: made absolute and normal in one place, and spelled for each library that opens them.

A path is text without a scheme and names a folder or file of this machine; no letter in it has a meaning but `/`. An
address has a scheme: `file://` is a path in which %XX stands for a byte (RFC 8089), any other is object storage, whose
keys are taken as written. What is the same place is the same text, so that places can be compared.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pyarrow import fs

from popflow.errors import PopflowError

if TYPE_CHECKING:
    from pyspark.sql import DataFrameReader, SparkSession

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# What delta-rs 1.6 cannot open: it decodes %XX once more, takes \ for / and ends the process at the others.
NO_TABLE_BELOW = re.compile(r"[\x00-\x1f\x7f\[\]\\^|]|%[0-9A-Fa-f]{2}")


def normal(given: str | Path) -> str:
    """The one way to write a place: an absolute path without links and dots, or scheme://bucket/key.

    Raises PopflowError for the file:// address of another machine, and for text that names nothing.
    """
    text = str(given)
    if not text or "\x00" in text:
        raise PopflowError("the name of a file or folder is missing, or holds a character that no name can hold")
    if not (scheme := SCHEME.match(text)):
        return _real(text)
    if scheme[1].lower() != "file":
        bucket, _, key = text[scheme.end() :].rstrip("/").partition("/")
        return f"{_one_scheme(scheme[1])}://{bucket}/{key}".rstrip("/")
    host, slash, path = text[scheme.end() :].partition("/")
    if host not in ("", "localhost") or not slash:
        raise PopflowError(f"{text}: names another machine; write file:///folder, or the path alone")
    return _real("/" + unquote(path, errors="surrogateescape"))


def _real(path: str) -> str:
    try:
        found = os.path.realpath(path)
        Path(found).is_dir()  # a link that leads to itself is not a folder; a name that is too long is an error
    except OSError as fault:
        raise PopflowError(f"{path[:80]}: no file or folder can have this name ({fault.strerror})") from None
    return found


def is_local(place: str) -> bool:
    """Whether a normal place is a path of this machine."""
    return not SCHEME.match(place)


def local_path(given: str | Path) -> Path:
    """A file or folder of this machine, absolute. Raises PopflowError for an address of object storage."""
    place = normal(given)
    if not is_local(place):
        raise PopflowError(f"{place}: has to be a file or folder of this machine")
    return Path(place)


def below(place: str, *names: str) -> str:
    """A place below another; names are taken as they are."""
    return "/".join((place.rstrip("/"), *names))


def refuse_for_tables(place: str) -> str:
    """The normal place, in which Delta tables can be written and read by Spark and delta-rs.

    Raises PopflowError, before anything is written, where its name is one that delta-rs or Java cannot open.
    """
    if not is_local(place):
        return place
    try:
        place.encode()
    except UnicodeEncodeError:
        readable = os.fsencode(place).decode(errors="replace")
        raise PopflowError(f"{readable}: is not written in UTF-8, which Delta tables need; rename the folder") from None
    if found := NO_TABLE_BELOW.search(place):
        raise PopflowError(
            f"{place!r}: Delta tables cannot lie below a folder whose name holds {found[0]!r}; rename the folder "
            "(any letters, blanks, #, ?, *, =, quotes and brackets other than [ ] are fine)"
        )
    return place


def file_system(given: str | Path) -> tuple[fs.FileSystem, str]:
    """pyarrow's file system of a place, and the path within it, in which no letter is a code or a pattern."""
    place = normal(given)
    if not (scheme := SCHEME.match(place)):
        return fs.LocalFileSystem(), place
    bucket, _, key = place[scheme.end() :].partition("/")
    try:
        system, base = fs.FileSystem.from_uri(f"{scheme[0]}{quote(bucket, safe='@:')}")
    except (ValueError, OSError) as error:
        raise PopflowError(f"{place}: no such address ({' '.join(str(error).split())[:200]})") from None
    return system, f"{base.rstrip('/')}/{key}".rstrip("/")


def for_delta_rs(place: str) -> str:
    """A normal place as delta-rs takes it: a path as it is, the key of an address with %XX for what is not a letter."""
    if not (scheme := SCHEME.match(place)):
        return place
    bucket, slash, key = place[scheme.end() :].partition("/")
    return f"{scheme[0]}{bucket}{slash}{quote(key)}"


def for_spark(place: str) -> str:
    """A normal place as Spark takes it: Hadoop takes every letter as it is, and calls s3:// s3a://."""
    return f"s3a://{place[5:]}" if place.startswith("s3://") else place


def table_reader(spark: SparkSession, table: str) -> DataFrameReader:
    """A reader of a table's files that takes no name for a pattern; folders `key=value` below the table are columns."""
    return spark.read.option("__globPaths__", "false").option("basePath", table)


def _one_scheme(scheme: str) -> str:
    return "s3" if scheme.lower() in ("s3a", "s3n") else scheme.lower()

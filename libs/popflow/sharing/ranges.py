"""The Range header of a request for a file (RFC 9110, section 14)."""

from __future__ import annotations

import re

ONE_RANGE = re.compile("bytes=([0-9]*)-([0-9]*)")
SEVERAL = re.compile("bytes=[0-9, -]*,[0-9, -]*")
DIGITS = 18  # no file has a size of more


class NoSuchRangeError(Exception):
    """None of the bytes that were asked for exist."""


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range that is asked for; None where the whole file is.

    The whole file answers several ranges too. Raises NoSuchRangeError for one beyond the file, and for what is none.
    """
    if header is None or SEVERAL.fullmatch(header):
        return None
    found = ONE_RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        raise NoSuchRangeError
    first, last = (_number(text) if text else None for text in found.groups())
    if first is None:
        first, last = size - min(last or 0, size), size - 1
    last = size - 1 if last is None else last
    if first >= size or last < first:
        raise NoSuchRangeError
    return first, min(last, size - 1)


def _number(text: str) -> int:
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= DIGITS else 10**DIGITS

"""Names in the right encoding: a Shapefile may not say its own, and a wrong one gives other characters and no error.

Names are held against those that GB/T 2260 gives to their codes: of garbled names none agrees.
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Iterable

import pandas as pd

from popflow.geography import county_facts
from popflow.geography.counties import county_table

CANDIDATES = ("utf-8", "gb18030", "big5")
BYTES = "ISO-8859-1"  # gives each byte a character, so that nothing is lost
COMMON = set("市县区旗州省自治")  # in so many names that they prove nothing
LEAST_AGREEING = 0.5  # of the names with a known code; names change, but not half of them


def is_encoding(name: str) -> bool:
    """Whether text can be read in an encoding of this name."""
    try:
        return codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        return False


def agree(codes: Iterable[object], names: Iterable[object]) -> bool | None:
    """Whether names beyond ASCII are those of their codes; None where no code is known or all names are plain ASCII."""
    known = _known()
    pairs = [
        (known[str(code)], str(name))
        for code, name in zip(codes, names, strict=True)
        if str(code) in known and not str(name).isascii()
    ]
    if not pairs:
        return None
    agreeing = sum(bool((expected & set(name)) - COMMON) for expected, name in pairs)
    return agreeing >= LEAST_AGREEING * len(pairs)


def encoding_of(codes: pd.Series, raw_names: pd.Series) -> str | None:
    """The encoding in which names agree with their codes; raw_names: read as BYTES. None where none of ours does."""
    for encoding in CANDIDATES:
        try:
            names = [str(name).encode(BYTES).decode(encoding) for name in raw_names]
        except UnicodeError:
            continue
        if agree(codes, names) is not False and (agree(codes, names) or all(name.isascii() for name in names)):
            return encoding
    return None


@functools.cache
def _known() -> dict[str, set[str]]:
    """The characters of each county's names, of both editions."""
    old, new = county_facts.county_names()["name"], county_table().set_index("county_code")["county_name"]
    characters = {str(code): set(str(name)) for code, name in old.items()}
    for code, name in new.items():
        characters.setdefault(str(code), set()).update(str(name))
    return characters

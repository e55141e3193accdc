"""GB/T 2260 codes: six digits, two each for province, prefecture and county.

A code never stands without its level: 441900 (Dongguan), 442000, 460400 and 620200 are each a prefecture's and, as the
prefecture has no counties below it, a county's too.
"""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["county", "prefecture", "province"]
LEVELS: tuple[Level, ...] = ("county", "prefecture", "province")

SIX_DIGITS = re.compile(r"\d{6}", re.ASCII)


def is_code(text: object) -> bool:
    """Whether this is the text of six digits that a code is."""
    return isinstance(text, str) and SIX_DIGITS.fullmatch(text) is not None


def prefecture_of(code: str) -> str:
    """Prefecture of a county: 420102 -> 420100; a province-administered group is one, 429004 -> 429000."""
    return code[:4] + "00"


def province_of(code: str) -> str:
    """Province of a county or prefecture: 420102 -> 420000."""
    return code[:2] + "0000"


def at_level(code: str, level: Level) -> str:
    """The code of what contains a county at a level."""
    if level == "county":
        return code
    return prefecture_of(code) if level == "prefecture" else province_of(code)

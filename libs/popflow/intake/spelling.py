"""How numbers and times are spelt in a delivery: rules as patterns that DuckDB and Spark read alike.

A number is digits, leading zeros allowed, and nothing else: no sign, point, exponent, blank or digit beyond ASCII. A
time is what its format says, to the character. What is spelt otherwise is unparseable, never rounded or guessed.
"""

from __future__ import annotations

import re

DIGITS = "[0-9]+"
HEX_DIGITS = "[0-9A-Fa-f]+"
OF_DIRECTIVE = {
    "Y": "[1-9][0-9]{3}",
    "m": "(?:0[1-9]|1[0-2])",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "H": "(?:[01][0-9]|2[0-3])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{1,6}",
    "z": "(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)",
}
# Spark takes SSSSSS for one to six digits.
JAVA = {"Y": "yyyy", "m": "MM", "d": "dd", "H": "HH", "M": "mm", "S": "ss", "f": "SSSSSS", "z": "[XXX][XX][X]"}


def time_pattern(form: str) -> str:
    """The pattern of a time in a feed's format; whether the day exists, 30 February, is left to its parser."""
    return "".join(OF_DIRECTIVE[part] if is_directive else _plain(part) for part, is_directive in _parts(form))


def java_format(form: str) -> str:
    """The format as Java's DateTimeFormatter writes it."""
    return "".join(JAVA[part] if is_directive else _in_quotes(part) for part, is_directive in _parts(form))


def _parts(form: str) -> list[tuple[str, bool]]:
    found = re.findall("%(.)|([^%]+)", form, re.DOTALL)
    return [(directive or text, bool(directive)) for directive, text in found]


def _plain(text: str) -> str:
    return "".join(char if char.isalnum() or ord(char) > 127 else f"\\x{ord(char):02x}" for char in text)


def _in_quotes(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"

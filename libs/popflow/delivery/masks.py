"""What may be shown of a value on a terminal: its form. A token never is, nor what has the form of one."""

from __future__ import annotations

import re

import pyarrow as pa

from popflow.feeds import Feed
from popflow.intake.token_form import EMPTY, NOT_IN_FORM, canonical, faults

SHOWN_PARTS = 12  # of a shape; what goes on is cut
LONGEST_CELL = 64  # letters


def form_of(token: str | None) -> str:
    """A token's form in words: how long it is, and of which kinds of letters."""
    if not token:
        return "empty"
    kinds = (("[0-9]", "digits"), ("[a-f]", "a to f"), ("[A-F]", "A to F"), ("[g-z]", "g to z"),
             ("[G-Z]", "G to Z"), (r"\s", "blanks"), (r"[^0-9A-Za-z\s]", "other signs"))  # fmt: skip
    there = [name for pattern, name in kinds if re.search(pattern, token)]
    return f"{len(token)} character{'s' * (len(token) != 1)} ({', '.join(there)})"


def shape_of(text: str | None) -> str:
    """A value's shape: 9 for a digit, a for a letter, x for either where both are mixed, with how often in a row."""
    if text is None:
        return "nothing"
    if not text:
        return "an empty field"
    parts = re.findall(r"[0-9A-Za-z]+|.", text, re.DOTALL)
    told = "".join(_part(part) for part in parts[:SHOWN_PARTS])
    return told if len(parts) <= SHOWN_PARTS else f"{told}..."


def _part(part: str) -> str:
    if not re.fullmatch("[0-9A-Za-z]+", part):
        return part if part.isascii() else "?"
    kind = "9" if part.isdigit() else "a" if part.isalpha() else "x"
    return kind * len(part) if len(part) <= 4 else f"{kind}{{{len(part)}}}"


def cell_shown(cell: str, feed: Feed) -> str:
    """A cell's id, or why it is not shown: a column of tokens or numbers of people may have been taken for cells."""
    parts = [cell, *re.split(r"[^0-9A-Za-z]+", cell)]
    for part in (part for part in parts if part):
        token = canonical(feed.fields.sim_token.pattern, pa.array([part], pa.string()))
        found = {what for what, wrong in faults(feed.fields.sim_token.pattern, token).items() if wrong[0].as_py()}
        if NOT_IN_FORM not in found:
            return "(not shown: it has the form of a token)"
        if what := sorted(found - {NOT_IN_FORM, EMPTY}):
            return f"(not shown: it {what[0].removesuffix(', no pseudonym')})"
    return cell if len(cell) <= LONGEST_CELL else "(not shown: it is too long for a cell)"


def odd_tokens(feed: Feed, tokens: pa.Array, counts: list[int]) -> dict[str, int]:
    """Records by what is wrong with their token beyond its form; tokens: each once, with its number of records."""
    found: dict[str, int] = {}
    for what, wrong in faults(feed.fields.sim_token.pattern, tokens).items():
        records = sum(count for odd, count in zip(wrong.to_pylist(), counts, strict=True) if odd)
        if what != NOT_IN_FORM and records:
            found[what] = records
    return found

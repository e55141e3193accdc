"""The canonical form of a token: one text for one SIM or person, whoever wrote it; and what stands for nobody.

A contract's pattern gives the form. Where it allows small letters alone (hex digests), capitals are the same token;
where it allows both, they are another one. Records and register are brought into this form by the same rule.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

NOTHING = ("", " ", "-", "0", "1", "null", "NULL", "Null", "none", "None", "NONE", "nan", "NaN", "NAN", "na", "NA",
           "n/a", "N/A", "nil", "\\N", "unknown", "Unknown", "UNKNOWN", "undefined", "default", "test", "未知", "无",
           "空", "00000000000", "000000000000000", "000000000000000000", "111111111111111111",
           "999999999999999999", "123456789012345678")  # fmt: skip
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sm3")
PREFIXES = (32, 40, 64)  # hex digits to which a digest is cut
CHECK_WEIGHTS, CHECK_DIGITS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"  # GB 11643

EMPTY = "stands for nothing (empty, null, a default, or the hash of such)"
NOT_IN_FORM = "is not in the form that the contract gives"
FAULTS = {
    EMPTY: "leave such a line out, or give its own pseudonym",
    "is a telephone number, no pseudonym": "give keyed hashes only",
    "is an IMSI or IMEI, no pseudonym": "give keyed hashes only",
    "is an identity number, no pseudonym": "give keyed hashes only",
    "is a number filled up with zeros, no pseudonym": "give keyed hashes only",
    NOT_IN_FORM: "see data_contracts, or correct it",
}


def letters(pattern: str) -> str | None:
    """The letters of a form's canonical text: lower or upper where the pattern knows one case, else None.

    Hex digits in both cases are one number, and are written small.
    """
    known = set(re.sub(r"\\.", "", pattern)) & set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    if all(letter.islower() for letter in known):
        return "lower"
    if all(letter.isupper() for letter in known):
        return "upper"
    return "lower" if known <= set("abcdefABCDEF") else None


def canonical_sql(pattern: str, token: str) -> str:
    """The canonical form of a SQL expression of a token, in words that DuckDB and Spark both know."""
    fold = letters(pattern)
    return f"{fold}(trim({token}))" if fold else f"trim({token})"


def canonical(pattern: str, tokens: pa.Array) -> pa.Array:
    """The canonical form of tokens."""
    stripped = pc.utf8_trim_whitespace(tokens)
    fold = letters(pattern)
    if fold is None:
        return stripped
    return pc.ascii_lower(stripped) if fold == "lower" else pc.ascii_upper(stripped)


def faults(pattern: str, tokens: pa.Array) -> dict[str, pa.Array]:
    """What is wrong with tokens in canonical form: for each kind of FAULTS, in its order, which tokens (booleans)."""
    small = pc.ascii_lower(pc.fill_null(tokens, ""))
    nothing = pc.or_(pc.is_in(small, _nothing()), pc.match_substring_regex(small, "^(0*|f{8,}|-+)$"))
    found = [
        nothing,
        pc.match_substring_regex(small, r"^(\+?86|0086)?1[3-9][0-9]{9}$"),
        pc.match_substring_regex(small, "^[0-9]{15}$"),
        _identity_numbers(small),
        pc.match_substring_regex(small, "^0{12,}"),
        pc.invert(pc.match_substring_regex(pc.fill_null(tokens, ""), f"^(?:{pattern})$")),
    ]
    return dict(zip(FAULTS, found, strict=True))


def _identity_numbers(tokens: pa.Array) -> pa.Array:
    """Texts of 18 digits whose last is the check digit of the others (GB 11643)."""
    shaped = pc.match_substring_regex(tokens, "^[0-9]{17}[0-9x]$")
    if not pc.any(shaped).as_py():
        return shaped
    return pa.array([shape and _is_identity_number(one) for shape, one in zip(shaped.to_pylist(), tokens.to_pylist(),
                                                                            strict=True)], pa.bool_())  # fmt: skip


def _is_identity_number(text: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(CHECK_WEIGHTS, text, strict=False))
    return CHECK_DIGITS[total % 11] == text[17].upper()


@cache
def _nothing() -> pa.Array:
    """What stands for nothing, in small letters: the words themselves, and their hashes with nothing added."""
    found = {word.lower() for word in NOTHING}
    for name in DIGESTS:
        if name not in hashlib.algorithms_available:
            continue
        for word in NOTHING:
            digest = hashlib.new(name, word.encode(), usedforsecurity=False).hexdigest()
            found |= {digest, *(digest[:length] for length in PREFIXES)}
    return pa.array(sorted(found), pa.string())

"""Numbers that only the key tells: the offsets of rounding, and how large an own part has to be.

Each is HMAC-SHA-256 of what it is of, the first eight bytes as a number, modulo how many values there are. The auditor
computes them by code of its own (docs/explanation/disclosure.md says how).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

JOINT = "\x1f"  # between the parts of what a number is of; no code or date holds it


def secret_number(key: bytes, of: Sequence[str], below: int) -> int:
    """A number from 0 to below - 1, the same for the same key and parts, and not to be guessed without the key."""
    digest = hmac.digest(key, JOINT.join(of).encode(), "sha256")
    return int.from_bytes(digest[:8], "big") % below

"""Progress: what is being done, in a few words, told while it is done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Tell nobody."""

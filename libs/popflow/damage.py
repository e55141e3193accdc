"""Damage: what popflow says where a table cannot be read; a library's words may quote a row, and name no mend."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa
from deltalake.exceptions import DeltaError

from popflow.errors import PopflowError

Result = TypeVar("Result")


def in_our_words(read: Callable[..., Result]) -> Callable[..., Result]:
    """Let a lake's method that reads a table fail in popflow's words."""

    @functools.wraps(read)
    def reading(self: Any, name: str, *args: Any, **given: Any) -> Result:
        try:
            return read(self, name, *args, **given)
        except (DeltaError, pa.ArrowException, OSError):
            raise PopflowError(
                f"{self.path(name)}: cannot be read; its Delta log or a data file is damaged, gone or closed to this "
                "account: see to its rights, or put it back from a copy"
            ) from None

    return reading

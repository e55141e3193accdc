"""A lake as a command opens it that reads or writes restricted tables."""

from __future__ import annotations

import uuid

from popflow import contracts
from popflow.lake import Lake


def opened(lake: str, known: contracts.Contracts | None = None) -> Lake:
    """The lake; each access of the command is under the stated purpose, and on the trail like a night's."""
    from popflow.operations.purposes import watch

    return watch(Lake(lake, known or contracts.load()), uuid.uuid4().hex[:12])

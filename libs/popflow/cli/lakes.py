"""A lake as a command opens it: one that is there, under a purpose that a contract lists, its accesses on the trail."""

from __future__ import annotations

import uuid
from pathlib import Path

from popflow import contracts
from popflow.errors import PopflowError
from popflow.lake import Lake

ZONES = ("reference", "restricted", "published", "ops")


def open_recorded(lake: str, known: contracts.Contracts | None = None, *, new: bool = False) -> Lake:
    """The lake; each access of the command is under the stated purpose, and on the trail like a night's.

    new: the command may make the lake. Raises PopflowError for another one that is not there, or a purpose that no
    contract lists; nothing is created.
    """
    from popflow.operations.purposes import watch

    return watch(open_unrecorded(lake, known, new=new), uuid.uuid4().hex[:12])


def open_unrecorded(lake: str, known: contracts.Contracts | None = None, *, new: bool = False) -> Lake:
    """The lake for a command that runs by `recorded_run`, which keeps the trail; checked as by `open_recorded`."""
    known = known or contracts.load()
    contracts.refuse_unknown(known, contracts.stated())
    found = Lake(lake, known)
    if not new:
        _refuse_missing(found)
    return found


def _refuse_missing(lake: Lake) -> None:
    """In object storage nothing is made by looking, and what is missing is said by who reads it."""
    zones = [lake.zone(name) for name in ZONES]
    if not any("://" in zone or Path(zone).is_dir() for zone in zones):
        raise PopflowError(f"{lake.root}: there is no lake (none of {', '.join(ZONES)}); mend --lake or POPFLOW_LAKE")

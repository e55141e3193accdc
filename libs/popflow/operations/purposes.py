"""What a lake tells of its accesses: each is under the run's purpose, those of restricted tables are on the trail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from popflow.contracts import refuse_unlisted, stated
from popflow.operations.trail import Trail

if TYPE_CHECKING:
    from popflow.lake import Lake


def watch(lake: Lake, run_id: str, purpose: str | None = None) -> Lake:
    """Check each access of a lake against the purpose from now on, and record restricted ones; the lake itself."""
    lake.on_access = watcher(lake, run_id, stated(purpose))
    return lake


def watcher(lake: Lake, run_id: str, purpose: str) -> Callable[[str, str], None]:
    """What a lake calls before each access. Who reads nothing restricted needs no trail, nor a place for one."""
    trail = functools.cache(lambda: Trail.of(lake))

    def on_access(table: str, verb: str) -> None:
        contract = lake.contracts.table(table)
        refuse_unlisted(contract, purpose)
        if contract.zone == "restricted":
            trail().append(verb, table, run_id, purpose)

    return on_access

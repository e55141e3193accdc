"""What a lake tells of its accesses: each is under the run's purpose, those of restricted tables are on the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from popflow.contracts import Contracts, refuse_unlisted, stated
from popflow.operations.trail import Trail

if TYPE_CHECKING:
    from popflow.lake import Lake


def watch(lake: Lake, run_id: str, purpose: str | None = None, trail: Trail | None = None) -> Lake:
    """Check each access of a lake against the purpose from now on, and record restricted ones; the lake itself."""
    lake.on_access = watcher(lake.contracts, trail or Trail.of(lake), run_id, stated(purpose))
    return lake


def watcher(contracts: Contracts, trail: Trail, run_id: str, purpose: str) -> Callable[[str, str], None]:
    """What a lake calls before each access."""

    def on_access(table: str, verb: str) -> None:
        contract = contracts.table(table)
        refuse_unlisted(contract, purpose)
        if contract.zone == "restricted":
            trail.append(verb, table, run_id, purpose)

    return on_access

"""A run states its purpose; a table whose contract does not list it is refused, what is allowed goes on the trail."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from popflow.contracts import PURPOSE, Contracts, Table
from popflow.errors import PopflowError
from popflow.operations.trail import Trail

if TYPE_CHECKING:
    from popflow.lake import Lake

VARIABLE = "POPFLOW_PURPOSE"


def stated(purpose: str | None = None) -> str:
    """The run's purpose: as given, else POPFLOW_PURPOSE, else the one that popflow is for."""
    return purpose or os.environ.get(VARIABLE) or PURPOSE


def refuse_unlisted(contract: Table, purpose: str) -> None:
    """Raise PopflowError unless the table's contract lists the purpose."""
    if purpose not in contract.purpose:
        listed = ", ".join(contract.purpose)
        raise PopflowError(f"{contract.table}: '{purpose}' is no purpose of its contract; state one of {listed}")


def watch(lake: Lake, run_id: str, purpose: str | None = None, trail: Trail | None = None) -> Lake:
    """The same lake; from now on each access is checked against the purpose, and recorded if restricted."""
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

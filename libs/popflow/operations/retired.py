"""Tables that an older popflow kept and that no contract names any more: nothing else would ever delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyarrow.fs import FileType

from popflow.intake.storage import open_address

if TYPE_CHECKING:
    from popflow.lake import Lake

RESTRICTED = ("stock_exact",)


def delete_retired(lake: Lake) -> dict[str, int]:
    """Delete these tables whole, rows, files and log; a 1 for each that was there."""
    addresses = {name: f"{lake.zone('restricted')}/{name}" for name in RESTRICTED if name not in lake.contracts.tables}
    return {name: 1 for name, address in addresses.items() if _deleted(address)}


def _deleted(address: str) -> bool:
    system, path = open_address(address)
    if system.get_file_info(path).type is FileType.NotFound:
        return False
    system.delete_dir(path)
    return True

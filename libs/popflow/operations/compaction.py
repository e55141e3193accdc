"""Compaction: small files of a partition, put together, so that no table's files grow without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popflow.lake import Lake

MOST_FILES = 24  # small ones of a partition: those of `releases`, a row each, of some three weeks
SMALL = 16 << 20  # bytes
KEPT_HOURS = 7 * 24.0  # for who reads an earlier version, or was given the address of a file by the share
LONG = 30  # days that a table is kept from which on it is compacted; what goes sooner takes its files with it
ONE_RELEASE_A_FILE = {
    "flows",
    "counts",
}  # by which the share tells served releases from others; each is one file as it is


def compact(lake: Lake) -> dict[str, int]:
    """Compact every table that is kept for long, where a partition has too many small files; files less, by table.

    What an append-only table no longer needs is deleted after a week; all others are vacuumed with retention.
    """
    less = {}
    for name, contract in lake.contracts.tables.items():
        if contract.stored_in or name in ONE_RELEASE_A_FILE or (contract.retention_days or LONG) < LONG:
            continue
        if fewer := lake.compact(name, MOST_FILES, SMALL):
            less[name] = fewer
        if contract.append_only:
            lake.vacuum(name, KEPT_HOURS)
    return less

"""Retention: what is older than its contract allows is deleted, vacuumed, and then looked for on disk.

Age is in days from the date that a row is of to the date of the night, not to today's, so that a backfill of old dates
keeps what it needs. Rows without a date of their own have that of their delivery. An edition of the register ages from
the day on which a newer one took its place.
"""

from __future__ import annotations

import datetime as dt
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from popflow.errors import PopflowError
from popflow.intake.storage import files_under, open_address
from popflow.operations import old_landing
from popflow.operations.known_deliveries import delivery_dates
from popflow.operations.retired import delete_retired
from popflow.paths import is_local

if TYPE_CHECKING:
    from popflow.intake.storage import Found
    from popflow.lake import Lake
    from popflow.tables import Table

DELIVERED = ("mno", "delivery_id")
OBJECT_STORE_HOURS = 24.0  # another machine may be writing; on one machine the night's lock keeps others out


@dataclass(frozen=True)
class RetentionReport:
    """What was deleted (partitions by table, and deliveries in landing) and what should be gone and is not (files).

    unread: deliveries in landing, as mno/date/delivery, that were too old and had never been taken in.
    """

    deleted: dict[str, int]
    remaining: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing older than its contract allows is on disk."""
        return not self.remaining

    def refuse(self) -> RetentionReport:
        """Raise PopflowError for the first file that should be gone; the report itself where there is none."""
        if self.remaining:
            raise PopflowError(f"{self.remaining[0]}: older than its contract allows and still on disk "
                               f"({len(self.remaining)} such files); run python -m popflow.operations.upkeep again, "
                               "then see who holds it")  # fmt: skip
        return self


def enforce_retention(lake: Lake, date: dt.date, landing: Path | None = None) -> RetentionReport:
    """Delete, vacuum and verify, as of the night of a date; landing: folder whose old deliveries go too.

    Deletes whole partitions only, and deliveries taken in or not. Call it under the night's lock: VACUUM removes what
    nobody has committed.
    """
    gone, stays, unread = _delete_landing(lake, date, landing) if landing else (0, [], [])
    deleted = {"landing": gone} if landing else {}
    for contract in _ageing(lake):
        old = sorted(_expired(lake, contract, date))
        if old:
            lake.delete(contract.table, _any_of(old))
        deleted[contract.table] = len(old)
    for contract in _ageing(lake):
        lake.vacuum(contract.table, _kept_hours(lake, contract))
    deleted |= delete_retired(lake)
    return RetentionReport(deleted, (*stays, *verify_retention(lake, date)), tuple(unread))


def _delete_landing(lake: Lake, date: dt.date, landing: Path) -> tuple[int, list[str], list[str]]:
    """How much was deleted; what stays, and why; what of all this was never taken in."""
    old = old_landing.old_deliveries(landing, lake.contracts, date)
    unread = old_landing.never_taken_in(old, delivery_dates(lake)) if old else []
    reasons = [f"{path} ({reason})" for path, reason in old_landing.delete(old).items()]
    left = old_landing.old_deliveries(landing, lake.contracts, date)
    return len(old) - len(left), reasons or [str(one.path) for one in left], unread


def verify_retention(lake: Lake, date: dt.date, landing: Path | None = None) -> list[str]:
    """Files that lie there and are older than their contract allows, referenced by their table or not.

    In object storage those apart that VACUUM has to keep for some hours more.
    """
    found = [file for contract in _ageing(lake) for file in _overdue(lake, contract, date)]
    if landing is not None:
        found += [str(old.path) for old in old_landing.old_deliveries(landing, lake.contracts, date)]
    return found


Partition = dict[str, str]


def _ageing(lake: Lake) -> list[Table]:
    """Tables with a retention that are there, each physical table once."""
    tables = [c for c in lake.contracts.tables.values() if c.retention_days and not c.stored_in and not c.append_only]
    return [contract for contract in tables if lake.exists(contract.table)]


def _expired(lake: Lake, contract: Table, date: dt.date) -> set[tuple[tuple[str, str], ...]]:
    known = lake.partitions(contract.table)
    return {tuple(sorted(one.items())) for one in _too_old(lake, contract, date, known)}


def _overdue(lake: Lake, contract: Table, date: dt.date) -> list[str]:
    root = lake.path(contract.table)
    files = _data_files(root)
    partitions = {path: _partition_of(path, contract) for path in files}
    too_old = _too_old(lake, contract, date, [dict(one) for one in set(partitions.values())])
    expired = {tuple(sorted(one.items())) for one in too_old}
    late = {path: info for path, info in files.items() if partitions[path] in expired}
    return [f"{root}/{path}" for path in sorted(late.keys() - _kept_by_vacuum(lake, contract, late))]


def _data_files(root: str) -> dict[str, Found]:
    """A table's Parquet files by their path below it."""
    base = open_address(root)[1]
    below = {info.path.removeprefix(f"{base}/"): info for info in files_under(root)}
    return {path: info for path, info in below.items()
            if path.endswith(".parquet") and not path.startswith("_delta_log/")}  # fmt: skip


def _kept_hours(lake: Lake, contract: Table) -> float:
    return 0 if is_local(lake.path(contract.table)) else OBJECT_STORE_HOURS


def _kept_by_vacuum(lake: Lake, contract: Table, files: dict[str, Found]) -> set[str]:
    """Of these files those that a version of the last hours may have had; asked of the log only where there are any."""
    hours = _kept_hours(lake, contract)
    if not hours or not files:
        return set()
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
    fresh = {path for path, info in files.items() if info.mtime > since}
    return fresh | lake.files_at(contract.table, since)


def _too_old(lake: Lake, contract: Table, date: dt.date, known: list[Partition]) -> list[Partition]:
    oldest = date - dt.timedelta(days=contract.retention_days or 0)
    day = next((n for n in contract.partition_by if contract.columns[n].type == "date"), None)
    if contract.table == "subscribers":
        return [one for one in known if _replaced_on(one, known) < oldest]
    if day is not None:
        return [one for one in known if dt.date.fromisoformat(one[day]) < oldest]
    dates = delivery_dates(lake)  # one that is not known here was left by a night that died, and goes
    return [one for one in known if dates.get((one["mno"], one["delivery_id"]), dt.date.min) < oldest]


def _replaced_on(edition: Partition, known: list[Partition]) -> dt.date:
    newer = [one["as_of"] for one in known if one["mno"] == edition["mno"] and one["as_of"] > edition["as_of"]]
    return dt.date.fromisoformat(min(newer)) if newer else dt.date.max


def _partition_of(path: str, contract: Table) -> tuple[tuple[str, str], ...]:
    parts = [urllib.parse.unquote(part).split("=", 1) for part in path.split("/")[:-1] if "=" in part]
    return tuple(sorted((name, value) for name, value in parts if name in contract.partition_by))


def _any_of(partitions: list[tuple[tuple[str, str], ...]]) -> str:
    return " OR ".join(
        "(" + " AND ".join(f"`{n}` = '{v.replace(chr(39), chr(39) * 2)}'" for n, v in one) + ")" for one in partitions
    )

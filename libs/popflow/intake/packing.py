"""Which files one task takes: those of one delivery, area by area, up to a budget of bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from popflow.intake.deliveries import Delivery
from popflow.intake.manifests import ManifestFile

LARGEST_PACK = 256 << 20  # bytes as they lie; some 15 million records
SMALLEST_PACK = 8 << 20  # below it starting a task costs more than its records


class PackFile(NamedTuple):
    """One file for a task, as its manifest describes it."""

    address: str
    name: str
    area: str
    bytes: int
    sha256: str
    rows: int


class Pack(NamedTuple):
    """The files that one task takes."""

    mno: str
    delivery_id: str
    delivery_date: dt.date
    files: list[PackFile]

    @property
    def bytes(self) -> int:
        """Size of its files as they lie."""
        return sum(file.bytes for file in self.files)


def budget(total_bytes: int, cores: int) -> int:
    """Bytes a pack: small enough that all cores end together, large enough that a SIM's day meets in one task."""
    return min(LARGEST_PACK, max(SMALLEST_PACK, total_bytes // (4 * cores)))


def packs(taken: Iterable[tuple[Delivery, list[ManifestFile]]], budget_bytes: int) -> list[Pack]:
    """The packs of some deliveries' files, the largest first, so that no large one starts last.

    Areas stay whole up to the budget; areas smaller than it share a pack. A file larger than it is a pack of its own.
    """
    made = [
        Pack(delivery.mno, delivery.delivery_id, delivery.manifest.event_date, files)
        for delivery, listed in taken
        for files in _filled(_areas(delivery, listed), budget_bytes)
    ]
    return sorted(made, key=lambda pack: (-pack.bytes, pack.mno, pack.delivery_id, pack.files[0].name))


def _areas(delivery: Delivery, listed: list[ManifestFile]) -> Iterator[list[PackFile]]:
    def area(file: ManifestFile) -> str:
        return file.area

    for _, files in groupby(sorted(listed, key=lambda file: (file.area, file.name)), key=area):
        yield [PackFile(f"{delivery.address}/{f.name}", f.name, f.area, f.bytes, f.sha256, f.rows) for f in files]


def _filled(areas: Iterable[list[PackFile]], budget_bytes: int) -> Iterator[list[PackFile]]:
    held: list[PackFile] = []
    held_bytes = 0
    for files in areas:
        if held and held_bytes + sum(file.bytes for file in files) > budget_bytes:
            yield held
            held, held_bytes = [], 0
        for file in files:
            if held and held_bytes + file.bytes > budget_bytes:
                yield held
                held, held_bytes = [], 0
            held.append(file)
            held_bytes += file.bytes
    if held:
        yield held

"""One file by the night's own code: its verdict, its counts, and what was seen of it."""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

import pyarrow as pa

from popflow.delivery.sight import Sight, Sighted
from popflow.environment import AGE_IDENTITY
from popflow.feeds import Feed
from popflow.intake.cell_table import cell_table
from popflow.intake.encrypted import is_encrypted
from popflow.intake.feed_sql import REASONS
from popflow.intake.file_checks import WholeFile, open_landed, refuse_changed
from popflow.intake.file_counts import Tally
from popflow.intake.packing import Pack, PackFile
from popflow.intake.reduction import Limits, PackReduction, Quarantined, connection
from popflow.intake.storage import task_scratch
from popflow.intake.text_lines import HashedFile

SEALED_HERE = "sealed_here"  # its fingerprint fits; its lines can be read by whoever has the age identity alone


class Look(NamedTuple):
    """How much of a file is classified: about so many rows, all where none are named; and how many rows are kept."""

    sample: int | None = None
    rows: int = 0
    failures: int = 0

    def every(self, rows: int) -> int:
        """One row of how many is classified, in a file with so many."""
        return max(1, math.ceil(rows / self.sample)) if self.sample else 1


class FileFound(NamedTuple):
    """One file: its reason if it is set aside whole, its tallies and quarantine as the night makes them, what was seen.

    classified: rows of it that were classified, all unless it was sampled.
    """

    file: PackFile
    set_aside: str
    classified: int
    tallies: list[Tally]
    quarantined: list[Quarantined]
    seen: Sight

    @property
    def scale(self) -> float:
        """Rows of the file for each that was classified."""
        return self.file.rows / self.classified if self.classified else 1.0

    def records(self, reason: str) -> int:
        """Records of one reason, among those that were classified."""
        return sum(tally.records for tally in self.tallies if tally.reason == reason)

    @property
    def by_reason(self) -> dict[str, int]:
        """Accepted records and those of each reason of a row; empty for a file that is set aside whole."""
        return {reason: count for reason in ("accepted", *REASONS) if (count := self.records(reason))}


def look_at(file: PackFile, feed: Feed, date: dt.date, cells: pa.Table | None, look: Look) -> FileFound:
    """What the night says of a file; cells: rows of `cell_to_county`, or None where every cell is taken as known."""
    if is_encrypted(file.name) and not AGE_IDENTITY.text():
        return _sealed(file)
    known = None if cells is None else cell_table(cells, feed, date)
    pack = Pack(feed.mno, "", date, [file])
    with task_scratch() as scratch, connection(Limits()) as db:
        held = Sighted(db, feed, date, known, look.every(file.rows), look.rows, look.failures)
        tallies, quarantined = PackReduction(db, pack, feed, scratch, held).take(file)
    whole = next((reason for _, row, reason in quarantined if row is None), "")
    classified = next(tally.records for tally in tallies if tally.reason == "rows")
    return FileFound(file, whole, classified, tallies, quarantined, held.seen)


def _sealed(file: PackFile) -> FileFound:
    """An encrypted file where no identity opens it: its size and fingerprint alone can be held against the manifest."""
    try:
        with open_landed(file) as source:
            refuse_changed(HashedFile(source, file.bytes).sha256(), file)
        reason = SEALED_HERE
    except WholeFile as verdict:
        reason = verdict.reason
    tallies = [Tally(file.name, "rows", file.rows), Tally(file.name, reason, file.rows)]
    return FileFound(file, reason, 0, tallies, [(file.name, None, reason)], Sight())

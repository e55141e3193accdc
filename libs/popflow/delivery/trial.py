"""A feed's contract tried on one file: what its rows are read as, and why some fail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from popflow.dates import FIRST_DATE, LOCAL, ONE_DAY
from popflow.delivery.files import FileFound, Look, look_at
from popflow.delivery.fingerprints import fingerprint
from popflow.delivery.known_cells import KnownCells
from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.intake.encrypted import is_encrypted
from popflow.intake.packing import PackFile

NO_DATE = dt.date(2020, 1, 15)  # the window of a first look at times; no clock of any zone changes near it


class Trial(NamedTuple):
    """What one file is read as. given: whether the date was named, and not found in the file."""

    path: Path
    feed: Feed
    date: dt.date
    given: bool
    found: FileFound
    cells: KnownCells | None


def try_file(path: Path, feed: Feed, cells: KnownCells | None, date: dt.date | None, look: Look) -> Trial:
    """Read a file by a feed's contract, as the night would in a delivery of a date.

    date: where none is named, the commonest of the file's own records. Raises PopflowError where the file cannot be
    read to its end, has no record, or is encrypted.
    """
    if is_encrypted(path.name):
        raise PopflowError(f"{printable(path)}: is encrypted; try the feed on the plain file")
    told = fingerprint(path, feed)
    file = PackFile(str(path), path.name, "", told.bytes, told.sha256, told.rows)
    meant = date or _commonest_date(lambda on: look_at(file, feed, on, None, look))
    found = look_at(file, feed, meant, cells.table if cells else None, look)
    return Trial(path, feed, meant, date is not None, found, cells)


def _commonest_date(look: Callable[[dt.date], FileFound]) -> dt.date:
    """The date of most records since 2000 and up to tomorrow; NO_DATE without one.

    What is read as a time may be the number of a person: its moments are shown within a date alone that may be one.
    """
    last = dt.datetime.now(LOCAL).date() + ONE_DAY
    for number, _ in look(NO_DATE).seen.dates.most_common():
        if (FIRST_DATE - NO_DATE).days < number < (last - NO_DATE).days + 2:
            return NO_DATE + dt.timedelta(days=number - 1)
    return NO_DATE

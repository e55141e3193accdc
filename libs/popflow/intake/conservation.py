"""The conservation law: of every file, as many records are accounted for as its manifest says, to the last one.

rows = accepted + unparseable + no_token + time_outside + unknown_cell, or the whole file set aside with all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from popflow.errors import PopflowError, printable
from popflow.intake.feed_sql import REASONS
from popflow.intake.file_checks import FILE_REASONS

if TYPE_CHECKING:
    import pandas as pd

ACCOUNTED = ("accepted", *REASONS, *FILE_REASONS)
FileKey = tuple[str, str, str]  # mno, delivery_id, file


def refuse_difference(manifest_rows: Mapping[FileKey, int], tallies: pd.DataFrame) -> None:
    """Raise PopflowError, naming the first file, where the tallies do not account for every row of a manifest.

    tallies: contract `tallies`; more than one count of a key, or a file of no manifest, is a difference too.
    """
    counted = _by_file(tallies[tallies.reason.isin(ACCOUNTED)])
    read = _by_file(tallies[tallies.reason == "rows"])
    for mno, delivery_id, file in sorted(set(manifest_rows) | set(read)):
        key = (mno, delivery_id, file)
        told = manifest_rows.get(key, 0)
        if not (read.get(key) == counted.get(key, 0) == told and key in manifest_rows):
            where = printable(f"{mno}/{delivery_id}/{file}")
            raise PopflowError(
                f"conservation law: {where}: the manifest has {told} rows, {read.get(key, 0)} were "
                f"read and {counted.get(key, 0)} are accounted for; nothing of this delivery counts as taken in"
            )


def whole_files(tallies: pd.DataFrame) -> dict[FileKey, str]:
    """The files that were set aside whole, with the reason."""
    set_aside = tallies[tallies.reason.isin(list(FILE_REASONS))]
    keys = zip(set_aside.mno, set_aside.delivery_id, set_aside.file, strict=True)
    return dict(zip(keys, set_aside.reason, strict=True))


def _by_file(tallies: pd.DataFrame) -> dict[FileKey, int]:
    rows: Iterable = zip(tallies.mno, tallies.delivery_id, tallies.file, tallies.records, strict=True)
    total: dict[FileKey, int] = {}
    for mno, delivery_id, file, records in rows:
        total[mno, delivery_id, file] = total.get((mno, delivery_id, file), 0) + int(records)
    return total

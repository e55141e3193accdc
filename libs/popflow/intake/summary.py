"""What a night took in, per MNO, in national figures; from the tables, so that a rerun says the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from popflow.errors import printable
from popflow.intake.conservation import FileKey, whole_files
from popflow.intake.feed_sql import REASONS
from popflow.intake.file_checks import FILE_REASONS
from popflow.intake.standing import standing_files, standing_tallies

if TYPE_CHECKING:
    import pandas as pd

    from popflow.lake import Lake

LEAST_REDUCTION = 20  # records per row that leaves the tasks; fewer means that SIM-days are torn apart


@dataclass(frozen=True)
class MnoIntake:
    """One MNO's deliveries of a date; counts of files and of records."""

    mno: str
    deliveries: int = 0
    files: int = 0
    quarantined_files: int = 0
    first_quarantined: str = ""  # delivery_id, file and why, as they can be shown; empty once `tallies` lacks them
    redelivered_files: int = 0
    rows: int = 0
    accepted: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)  # reason of a row or of a whole file: records
    by_event_date: dict[dt.date, int] = field(default_factory=dict)  # accepted records
    sampled: int = 0
    sampled_duplicates: int = 0
    reduced_rows: int = 0

    @property
    def duplicate_share(self) -> float:
        """Share of records that repeat another's token, cell and time in their file, on the sample of SIMs."""
        return self.sampled_duplicates / self.sampled if self.sampled else 0.0

    @property
    def duplicates(self) -> int:
        """That share in records."""
        return round(self.duplicate_share * self.accepted)

    @property
    def reduction_factor(self) -> float:
        """Accepted records per row that left the tasks."""
        return self.accepted / self.reduced_rows if self.reduced_rows else 0.0


@dataclass(frozen=True)
class IntakeSummary:
    """A date's deliveries, taken in by this call or before."""

    date: dt.date
    mnos: dict[str, MnoIntake]
    taken_now: list[str]  # mno/delivery_id
    touched_dates: list[dt.date]  # event dates of all accepted records: what depends on them is recomputed
    newly_touched_dates: list[dt.date]  # those of the deliveries taken in by this call
    waiting: list[str]  # addresses without a manifest yet
    refused: list[str]  # one line each
    notes: list[str] = field(default_factory=list)  # on how it was read, one line each

    def warnings(self) -> list[str]:
        """What an operator should look at, a line each."""
        lines = [f"not ready: {address} has no manifest yet" for address in self.waiting]
        lines += [f"refused: {line}" for line in self.refused]
        for mno in self.mnos.values():
            if mno.quarantined_files:
                first = mno.first_quarantined and f"; the first is {mno.first_quarantined}"
                lines.append(f"{mno.mno}: {mno.quarantined_files} file(s) set aside whole{first}")
            if 0 < mno.reduction_factor < LEAST_REDUCTION:
                lines.append(f"{mno.mno}: reduction factor {mno.reduction_factor:.1f} is below {LEAST_REDUCTION}")
        return lines + self.notes


def summarise(
    lake: Lake,
    date: dt.date,
    mnos: Sequence[str],
    taken_now: Sequence[str],
    waiting: list[str],
    refused: list[str],
    notes: Sequence[str] = (),
) -> IntakeSummary:
    """The summary of a date, as its files stand now: what was set aside and has come in since is not a fault."""
    read = lake.read_pandas("deliveries", delivery_date=date, mno=list(mnos))
    files = standing_files(lake, read)
    tallies = standing_tallies(tallies_of(lake, read), read, files)
    now = tallies[(tallies.mno + "/" + tallies.delivery_id).isin(list(taken_now))]
    return IntakeSummary(
        date,
        {mno: mno_intake(mno, files[files.mno == mno], tallies[tallies.mno == mno]) for mno in mnos},
        list(taken_now), _dates(tallies), _dates(now), waiting, refused, list(notes),
    )  # fmt: skip


def mno_intake(mno: str, files: pd.DataFrame, tallies: pd.DataFrame) -> MnoIntake:
    """One MNO's figures from its rows of `deliveries` and `tallies`."""
    count = tallies.groupby("reason").records.sum().astype(int).to_dict()
    accepted = tallies[tallies.reason == "accepted"]
    return MnoIntake(
        mno=mno,
        deliveries=files.delivery_id.nunique(),
        files=len(files),
        quarantined_files=int((files.status == "quarantined").sum()),
        first_quarantined=_first(whole_files(tallies)),
        redelivered_files=int((files.status == "redelivered").sum()),
        rows=count.get("rows", 0),
        accepted=count.get("accepted", 0),
        by_reason={reason: count[reason] for reason in (*REASONS, *FILE_REASONS) if reason in count},
        by_event_date=dict(accepted.groupby("event_date").records.sum().astype(int).items()),  # type: ignore[arg-type]
        sampled=count.get("sampled", 0),
        sampled_duplicates=count.get("sampled_duplicates", 0),
        reduced_rows=count.get("reduced_rows", 0),
    )


def _first(set_aside: Mapping[FileKey, str]) -> str:
    """The first of some files that were set aside whole, and why, as it can be shown; empty where there are none."""
    if not set_aside:
        return ""
    key = _, delivery_id, file = min(set_aside)
    return f"{printable(f'{delivery_id}/{file}')}: {FILE_REASONS[set_aside[key]]}"


def tallies_of(lake: Lake, files: pd.DataFrame) -> pd.DataFrame:
    names = sorted(set(files.delivery_id))
    tallies = lake.read_pandas("tallies", delivery_id=names, mno=sorted(set(files.mno))) if names else None
    if tallies is None:
        return files.assign(event_date=None, reason="", records=0)[:0]
    known = set(zip(files.mno, files.delivery_id, strict=True))
    mine = [key in known for key in zip(tallies.mno, tallies.delivery_id, strict=True)]
    return tallies.loc[mine]


def _dates(tallies: pd.DataFrame) -> list[dt.date]:
    accepted = tallies[(tallies.reason == "accepted") & (tallies.records > 0)]
    return sorted(set(accepted.event_date))

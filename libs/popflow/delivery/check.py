"""What the night's intake will say of a delivery, said before it is sent."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from popflow.contracts import Contracts
from popflow.delivery.files import SEALED_HERE, FileFound, Look, look_at
from popflow.delivery.known_cells import KnownCells
from popflow.delivery.places import found_delivery
from popflow.environment import AGE_IDENTITY
from popflow.errors import PopflowError
from popflow.feeds import Feed
from popflow.intake import conservation
from popflow.intake.deliveries import Delivery
from popflow.intake.encrypted import identities, is_encrypted
from popflow.intake.feed_sql import DAYS
from popflow.intake.night import Planned, delivery_rows, next_wave
from popflow.intake.packing import packs
from popflow.progress import Progress, silent
from popflow.quality.figures import intake_figures
from popflow.quality.suites import SUITES, Rule

CellsOf = Callable[[str], KnownCells]
HOURS = range(24)
OF_HOURS = ("empty_hours", "night_share_percent")  # figures that say nothing of a part of a date
OF_CELLS = "located_percent"  # the figure that says nothing where no cells were given


@dataclass(frozen=True)
class Checked:
    """A delivery as the night will find it.

    planned: its files as the night takes them, none where it is refused or waits. unmet: rules of the night's data
    quality that do not hold, with their figures. scaled counts stand for all rows where a sample was classified.
    """

    folder: Path
    feed: Feed | None = None
    planned: Planned | None = None
    found: list[FileFound] = field(default_factory=list)
    refused: str = ""
    cells: KnownCells | None = None
    unmet: list[tuple[Rule, float]] = field(default_factory=list)

    @property
    def delivery(self) -> Delivery | None:
        """The delivery, where the night would take it in."""
        return self.planned.delivery if self.planned else None

    @property
    def statuses(self) -> dict[str, str]:
        """By file of the manifest: accepted, redelivered, a reason of a whole file, or SEALED_HERE."""
        again = [] if self.planned is None else self.planned.redelivered
        return {one.file.name: one.set_aside or "accepted" for one in self.found} | {
            file.name: "redelivered" for file in again
        }

    @property
    def sampled(self) -> bool:
        """Whether not every row was classified."""
        return any(one.scale > 1 and not one.set_aside for one in self.found)

    @property
    def quarantine(self) -> list[tuple[str, int | None, str]]:
        """Rows of the night's quarantine: file, row, reason."""
        unlisted = [] if self.delivery is None else self.delivery.unlisted
        rows = [row for one in self.found for row in one.quarantined if row[2] != SEALED_HERE]
        return rows + [(name, None, "file_unlisted") for name in unlisted]

    @property
    def stops(self) -> bool:
        """Whether something has to be mended before it is sent: refused, waits, a file set aside, a critical rule."""
        whole = any(row is None for _, row, _ in self.quarantine)
        return self.delivery is None or whole or any(rule.severity == "critical" for rule, _ in self.unmet)

    def by_reason(self) -> dict[str, int]:
        """Records that the night will accept, and those of each reason; scaled."""
        total: Counter[str] = Counter()
        for one in self.found:
            if not one.set_aside:
                total.update({reason: round(count * one.scale) for reason, count in one.by_reason.items()})
        return dict(total)

    def by_hour(self) -> dict[dt.date, list[int]]:
        """Records that the night will accept, by date of the record and hour; scaled."""
        total: dict[dt.date, list[int]] = {}
        for one in self.found if self.delivery else []:
            for (day, hour), count in one.seen.hours.items() if not one.set_aside else ():
                hours = total.setdefault(_date(self.delivery, day), [0] * len(HOURS))
                hours[hour] += round(count * one.scale)
        return dict(sorted(total.items()))


def check_delivery(
    folder: Path,
    contracts: Contracts,
    cells_of: CellsOf | None = None,
    look: Look | None = None,
    *,
    part: bool = False,
    workers: int = 1,
    on_progress: Progress = silent,
) -> Checked:
    """Check a folder as the night's intake will: by its code, file by file; every byte is read for the fingerprints.

    cells_of: the cells of an MNO; without it cells are not checked. look: how many rows of a file are classified.
    part: the date has other deliveries, so that hours are not judged. workers: files at once. Raises PopflowError where
    nothing can be said: no such folder, no age identity that is one.
    """
    try:
        delivery = found_delivery(folder, contracts)
    except PopflowError as refusal:
        if not folder.is_dir():
            raise
        return Checked(folder, refused=str(refusal))
    if delivery is None:
        return Checked(folder)
    (planned,) = next_wave([delivery], set())
    if AGE_IDENTITY.text() and any(is_encrypted(file.name) for file in planned.fresh):
        identities()
    feed = contracts.feeds[delivery.feed]
    cells = cells_of(feed.mno) if cells_of else None
    found = list(_found(planned, feed, cells.table if cells else None, look or Look(), workers, on_progress))
    checked = Checked(folder, feed, planned, found, cells=cells)
    passed = {*(() if cells else (OF_CELLS,)), *(OF_HOURS if part else ())}
    unmet = [(rule, value) for rule, value in _unmet(checked, contracts) if rule.column not in passed]
    return replace(checked, unmet=unmet)


def _found(
    planned: Planned, feed: Feed, cells: pa.Table | None, look: Look, workers: int, on_progress: Progress
) -> Iterable[FileFound]:
    date = planned.delivery.manifest.event_date
    packed = [file for pack in packs([(planned.delivery, planned.fresh)], 1) for file in pack.files]
    files = sorted(packed, key=lambda file: file.name)
    with ThreadPoolExecutor(workers) as threads:
        found = threads.map(lambda file: look_at(file, feed, date, cells, look), files)
        for number, one in enumerate(found, 1):
            on_progress(f"{number:,} of {len(files):,} files")
            yield one


def _unmet(checked: Checked, contracts: Contracts) -> list[tuple[Rule, float]]:
    """Rules of the suite `intake` that do not hold, by the night's figures of this delivery alone."""
    readable = [one for one in checked.found if one.set_aside != SEALED_HERE]
    if not readable or checked.planned is None:
        return []
    mno, date = checked.planned.delivery.mno, checked.planned.delivery.manifest.event_date
    tallies, deliveries = _tallies(checked.planned, readable), _deliveries(checked, contracts)
    (figures,) = intake_figures(tallies, deliveries, _activity(checked, mno, date), date, (mno,)).to_dict("records")
    rules = SUITES["intake"]
    return [(rule, figures[rule.column]) for rule in rules if not rule.holds(figures[rule.column])]


def _tallies(planned: Planned, found: list[FileFound]) -> pd.DataFrame:
    """The night's tallies, scaled. Where every row was read, the conservation law is held against the manifest."""
    key = (planned.delivery.mno, planned.delivery.delivery_id)
    exact = [(*key, *tally) for one in found for tally in one.tallies if one.classified == one.file.rows]
    columns = ["mno", "delivery_id", "file", "reason", "records", "event_date"]
    whole = {(*key, one.file.name): one.file.rows for one in found if one.classified == one.file.rows}
    conservation.refuse_difference(whole, pd.DataFrame(exact, columns=columns))
    scaled = [
        (*key, *tally._replace(records=round(tally.records * one.scale))) for one in found for tally in one.tallies
    ]
    return pd.DataFrame(scaled, columns=columns)


def _deliveries(checked: Checked, contracts: Contracts) -> pd.DataFrame:
    assert checked.planned is not None
    key = (checked.planned.delivery.mno, checked.planned.delivery.delivery_id)
    aside = {(*key, one.file.name): one.set_aside for one in checked.found
             if one.set_aside and one.set_aside != SEALED_HERE}  # fmt: skip
    rows = delivery_rows([checked.planned], aside, dt.datetime.now(dt.UTC))
    return pd.DataFrame(rows, columns=list(contracts.table("deliveries").columns))


def _activity(checked: Checked, mno: str, date: dt.date) -> pd.DataFrame:
    """The hours of the date, by records, where the night counts SIMs."""
    hours = checked.by_hour().get(date)
    rows = [(date, mno, "", sum(hours), hours)] if hours else []
    frame = pd.DataFrame(rows, columns=["date", "mno", "prefecture_code", "sims", "sims_by_hour"])
    return frame.astype({"sims": "int64"})  # also without a row: the figures divide by it


def _date(delivery: Delivery | None, day: int) -> dt.date:
    assert delivery is not None
    return delivery.manifest.event_date + dt.timedelta(days=DAYS[day])

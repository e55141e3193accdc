"""What a check and a trial found, as lines of at most 80 columns wherever no name is longer. No token is in them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from popflow.dates import ONE_DAY
from popflow.delivery.check import Checked
from popflow.delivery.files import SEALED_HERE, FileFound
from popflow.delivery.known_cells import KnownCells
from popflow.delivery.reasons import cell_told, in_hexadecimal, reason_of, why, why_whole
from popflow.delivery.sight import RowRead, local_time
from popflow.delivery.trial import Trial
from popflow.errors import printable
from popflow.feeds import Feed
from popflow.intake.feed_sql import DAY_PLACE
from popflow.intake.file_checks import FILE_REASONS
from popflow.intake.manifests import MANIFEST
from popflow.intake.token_form import FAULTS

SHOWN = 10  # cells, rows or files of a kind that are named; how many more there are is said
WIDTH = 80
BAR = 40  # signs of the fullest hour
AGAIN = "the same as a file before it: it is not read again"
SEALED = "encrypted: size and fingerprint fit; its lines cannot be read here"
MEANS = {
    "accepted": "taken in",
    "unparseable": "the time or the cell cannot be read",
    "no_token": "the token is not in the form of the feed's pattern",
    "time_outside": "the time is more than a day from the delivery's date",
    "unknown_cell": "the table of cells does not have the cell on that date",
}


def fitted(lines: Iterator[str]) -> Iterator[str]:
    """Lines broken between words where they are wider than a terminal; what cannot be broken stays."""
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def check_lines(checked: Checked) -> Iterator[str]:
    """What the night will say of a delivery."""
    if checked.refused:
        yield "refused: the night takes nothing in of it"
        yield f"  {checked.refused}"
        return
    delivery, feed = checked.delivery, checked.feed
    if delivery is None or feed is None:
        yield f"{printable(checked.folder)}: waits: the night takes nothing in without {MANIFEST}"
        yield "  write it last: popflow delivery manifest FOLDER --mno MNO --date DATE"
        return
    manifest = delivery.manifest
    rows = sum(file.rows for file in manifest.files)
    yield f"{printable(delivery.delivery_id)}: {feed.mno}, {manifest.event_date}, feed {feed.feed}"
    yield f"{counted(len(manifest.files), 'file')}, {counted(rows, 'record')} by the manifest"
    yield f"goes to landing/{feed.mno}/{manifest.event_date}/{printable(delivery.delivery_id)}/"
    yield from ("", *_files(checked))
    yield from (f"cells: {line}" for line in (checked.cells.said if checked.cells else []))
    yield from ("", *_records(checked))
    yield from _seen(checked.found, feed, checked.cells)
    yield from ("", *_hours(checked))
    yield from ("", *_verdict(checked))


def _files(checked: Checked) -> Iterator[str]:
    statuses = checked.statuses
    yield f"files: {sum(status == 'accepted' for status in statuses.values()):,} accepted"
    odd = [(name, status) for name, status in statuses.items() if status != "accepted"]
    odd += [(name, "file_unlisted") for name in (checked.delivery.unlisted if checked.delivery else [])]
    for name, status in odd:
        told = AGAIN if status == "redelivered" else SEALED if status == SEALED_HERE else _whole(checked, name, status)
        yield f"  {printable(name)}"
        yield f"    {status}: {told}"


def _whole(checked: Checked, name: str, status: str) -> str:
    if status == "file_columns" and checked.feed:
        return why_whole(status, checked.folder / name, checked.feed)
    return FILE_REASONS[status]


def _records(checked: Checked) -> Iterator[str]:
    by_reason = checked.by_reason()
    yield "records, by a sample of the lines:" if checked.sampled else "records:"
    about = "about " if checked.sampled else ""
    for reason, means in MEANS.items():
        if by_reason.get(reason):
            yield f"  {about}{by_reason[reason]:,} {reason}: {means}"
    if not by_reason:
        yield "  none"
    if checked.cells is None:
        yield "  cells were not checked; --cells CELLS.csv checks them"
    for one in checked.found:
        for reason in one.by_reason if not one.set_aside else ():
            if rows := [row for _, row, why in one.quarantined if why == reason and row]:
                more = f" and {one.records(reason) - SHOWN:,} more" if one.records(reason) > SHOWN else ""
                told = ", ".join(map(str, sorted(rows)[:SHOWN]))
                yield f"  {printable(one.file.name)}: {reason} in row{'s' * (len(rows) > 1)} {told}{more}"


def _seen(found: list[FileFound], feed: Feed, cells: KnownCells | None) -> Iterator[str]:
    """Unknown cells, and tokens that are not pseudonyms."""
    unknown: Counter[int | str] = Counter()
    tokens: Counter[str] = Counter()
    for one in found:
        unknown.update(one.seen.unknown)
        tokens.update(one.seen.odd_tokens)
    if unknown:
        yield "unknown cells, as cells.csv would have them:"
        for cell, records in unknown.most_common(SHOWN):
            yield f"  {printable(cell_told(cell, feed))}: {counted(records, 'record')}"
        if len(unknown) > SHOWN:
            yield f"  and {len(unknown) - SHOWN:,} more"
        if cells and (known := in_hexadecimal(unknown, feed, cells.table)):
            yield f"  {known:,} of them would be known if the numbers in the file of cells were hexadecimal"
            yield "  write them there in decimal"
    for what, records in tokens.items():
        column = printable(feed.fields.sim_token.from_column)
        yield f"  warning: {column}: in {counted(records, 'record')} it {what}; {FAULTS[what]}"


def _hours(checked: Checked) -> Iterator[str]:
    by_hour = checked.by_hour()
    date = checked.delivery.manifest.event_date if checked.delivery else None
    hours = by_hour.pop(date, [0] * 24) if date else [0] * 24
    about = "about " if checked.sampled else ""
    yield f"records of {date} by hour (Asia/Shanghai), {about}{sum(hours):,} in all:"
    most, width = max(hours) or 1, len(f"{max(hours):,}")
    for hour, records in enumerate(hours):
        yield f"  {hour:02}  {records:>{width},} {'#' * -(-BAR * records // most)}".rstrip()
    for other, of_other in by_hour.items():
        yield f"  {other}: {about}{sum(of_other):,}, which count for that date"


def _verdict(checked: Checked) -> Iterator[str]:
    for rule, value in checked.unmet:
        bound = (
            f"at least {rule.least:g}"
            if rule.least is not None and not value >= rule.least
            else f"at most {rule.most:g}"
        )
        held = "the date is held back" if rule.severity == "critical" else "a warning"
        told = "nothing to tell from" if value != value else f"{value:g}"
        yield f"{held}: {rule.column} is {told}, {bound} is asked"
        yield f"  {rule.says}"
    if checked.unmet:
        yield "  (of this delivery alone; hours by records, where the night counts SIMs; --part if there are others)"
    if any(status == SEALED_HERE for status in checked.statuses.values()):
        yield "not known of encrypted files: whether their lines fit; check the plain folder before it is encrypted"
    yield "mend this before it is sent" if checked.stops else "the night will take it in"
    if checked.delivery:
        yield "  if its id is new: an id is an MNO's only once, and a file that an earlier delivery brought counts once"


def counted(number: int, thing: str) -> str:
    """So many of a thing, in words."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def trial_lines(trial: Trial, rows: int) -> Iterator[str]:
    """What one file is read as; rows: how many rows that fail are told of each reason."""
    feed, found, seen = trial.feed, trial.found, trial.found.seen
    yield f"{printable(trial.path)}: {counted(found.file.rows, 'record')}, by the feed {feed.feed}"
    how = "" if trial.given else ", the commonest of its records; --date names another"
    yield f"date {trial.date}{how}"
    yield f"times {_moment(seen.earliest, trial)} to {_moment(seen.latest, trial)}, Asia/Shanghai"
    if trial.cells is not None:
        yield from (f"cells: {line}" for line in trial.cells.said)
    yield from ("", "the first rows, as read:")
    yield f"  {'row':>5} {'token':<8} {'time':<16} {'cell':<17} {'county':<6} comes to"
    for row in seen.first:
        yield _row(row, trial)
    yield ""
    if found.set_aside:
        yield f"set aside whole: {found.set_aside}: {why_whole(found.set_aside, trial.path, feed)}"
    total = sum(found.records(reason) for reason in MEANS)
    if found.classified < found.file.rows and not found.set_aside:
        yield f"a sample of {found.classified:,} lines; --whole reads all"
    for reason, means in MEANS.items():
        if records := found.records(reason):
            yield f"  {records:,} of {total:,} {reason}: {means}"
    yield from _failed(trial, rows)
    yield from _seen([found], feed, trial.cells)
    if trial.cells is None:
        yield "cells were not checked; --cells CELLS.csv checks them"


def _failed(trial: Trial, most: int) -> Iterator[str]:
    for place, failed in trial.found.seen.failed.items():
        if failed and most:
            yield f"rows that fail as {reason_of(place)}:"
        for row in failed[:most]:
            yield f"  row {row.row}: {printable(why(row, trial.feed, trial.found.seen, trial.date))}"
        records = trial.found.records(reason_of(place)) or len(failed)
        if records > most > 0:
            yield f"  and {records - most:,} more; --failures N names more of them"


def _row(row: RowRead, trial: Trial) -> str:
    fits = "none" if not row.token else f"{len(row.token)} signs"
    cell = "" if row.cell is None else printable(cell_told(row.cell, trial.feed)).partition(" (hex")[0]
    county = f"{row.place % DAY_PLACE:06}" if row.place > 0 and trial.cells is not None else ""
    return f"  {row.row:>5} {fits:<8} {_moment(row.time, trial):<16} {cell:<17} {county:<6} {_becomes(row, trial)}"


def _becomes(row: RowRead, trial: Trial) -> str:
    event = trial.feed.fields.event
    if row.place < 0 or event is None:
        return reason_of(row.place)
    return event.kinds.get(row.event or "", "other")


def _moment(value: int | None, trial: Trial) -> str:
    """A time to the minute within the delivery's dates; beyond them its date alone: it may be no time at all."""
    window = trial.found.seen.window
    found = local_time(value, window, trial.date) if window else None
    if found is None:
        return "none" if value is None else "beyond the calendar"
    near = abs(found.date() - trial.date) <= ONE_DAY
    return found.strftime("%Y-%m-%d %H:%M") if near else found.date().isoformat()


def as_json(checked: Checked) -> dict[str, Any]:
    """What was found, for other programs: counts, reasons, rows; no token and no time of a record."""
    delivery = checked.delivery
    date: dt.date | None = delivery.manifest.event_date if delivery else None
    return {
        "folder": str(Path(checked.folder)),
        "state": "refused" if checked.refused else "waiting" if delivery is None else "ready",
        "refused": checked.refused or None,
        "mno": delivery.mno if delivery else None,
        "event_date": str(date) if date else None,
        "delivery_id": delivery.delivery_id if delivery else None,
        "files": checked.statuses,
        "unlisted": delivery.unlisted if delivery else [],
        "records": checked.by_reason(),
        "sampled": checked.sampled,
        "cells_checked": checked.cells is not None,
        "quarantine": [{"file": name, "row": row, "reason": why} for name, row, why in checked.quarantine],
        "records_by_hour": {str(day): hours for day, hours in checked.by_hour().items()},
        "unmet": [{"figure": rule.column, "value": None if value != value else value, "severity": rule.severity}
                  for rule, value in checked.unmet],
        "accepted": not checked.stops,
    }  # fmt: skip

"""Dates and moments as people write them: one day, the local zone, ranges and their limits."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from popflow.errors import PopflowError

LOCAL = ZoneInfo("Asia/Shanghai")
ONE_DAY = dt.timedelta(days=1)
FIRST_DATE, LAST_DATE = dt.date(2000, 1, 1), dt.date(2099, 12, 31)
MOST_DATES = 3_660  # of one question: ten years
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def moment(text: str | dt.datetime | dt.date | None) -> dt.datetime | None:
    """A moment in UTC; without a zone it is Asia/Shanghai's, and a date alone is the end of that day.

    Raises PopflowError for a text that is not an ISO 8601 date or time, or one of another century.
    """
    if text is None:
        return None
    if isinstance(text, str):
        text = _parsed(text.strip())
    _refuse_other_centuries(text.date() if isinstance(text, dt.datetime) else text)
    if not isinstance(text, dt.datetime):
        text = dt.datetime.combine(text + ONE_DAY, dt.time(), LOCAL)
    return (text if text.tzinfo else text.replace(tzinfo=LOCAL)).astimezone(dt.UTC)


def date_range(
    first: dt.date | str | None, last: dt.date | str | None, number: int | None, before: dt.date | str | None
) -> tuple[dt.date, dt.date]:
    """First and last date of a question, given as from and to, or as so many days before a date (which is not in it).

    Raises PopflowError where it is neither, where the last date lies before the first, or for more than MOST_DATES.
    """
    if before is not None and first is None and last is None:
        end, asked = day(before), 14 if number is None else number
        if not 1 <= asked <= MOST_DATES:
            raise PopflowError(f"--days {asked}: give 1 to {MOST_DATES:,}")
        return end - ONE_DAY * asked, end - ONE_DAY
    if first is None or last is None or number is not None or before is not None:
        raise PopflowError("give the dates as --from and --to, or as --days 14 --before 2020-01-23")
    start, end = day(first), day(last)
    if end < start:
        raise PopflowError(f"--from {start} lies after --to {end}")
    if (end - start).days >= MOST_DATES:
        raise PopflowError(f"--from {start} --to {end}: more than {MOST_DATES:,} dates; ask for fewer at once")
    return start, end


def dates_between(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The dates of a range, both ends included."""
    return tuple(first + ONE_DAY * number for number in range((last - first).days + 1))


def day(value: dt.date | str) -> dt.date:
    """A date; raises PopflowError for a text that is none, and for one of another century."""
    if isinstance(value, dt.date):
        return _refuse_other_centuries(value.date() if isinstance(value, dt.datetime) else value)
    text = str(value).strip()
    try:
        found = dt.date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise PopflowError(f"'{text[:40]}' is not a date; write it as 2020-01-22")
    return _refuse_other_centuries(found)


def spans(dates: tuple[dt.date, ...] | list[dt.date]) -> str:
    """Dates as runs: '2020-01-10 to 2020-01-12, 2020-01-15'."""
    runs: list[list[dt.date]] = []
    for date in sorted(dates):
        if runs and date - runs[-1][-1] == ONE_DAY:
            runs[-1].append(date)
        else:
            runs.append([date])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _refuse_other_centuries(date: dt.date) -> dt.date:
    if not FIRST_DATE <= date <= LAST_DATE:
        raise PopflowError(f"{date} lies outside {FIRST_DATE.year} to {LAST_DATE.year}; write it as 2020-01-22")
    return date


def _parsed(text: str) -> dt.datetime | dt.date:
    try:
        return dt.date.fromisoformat(text) if len(text) == len("2020-01-22") else dt.datetime.fromisoformat(text)
    except ValueError:
        raise PopflowError(
            f"'{text}' is not a date or time; write it as 2020-01-25 or 2020-01-25T08:00+08:00"
        ) from None

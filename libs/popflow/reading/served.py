"""Which release of each date is served, now or at a moment of the past."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from popflow.dates import LOCAL, spans
from popflow.release.ledger import standing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Served:
    """The dates of a question: those with a release, those whose release shows nothing of it, and those without one."""

    dates: tuple[dt.date, ...]
    releases: dict[dt.date, int] = field(default_factory=dict)
    empty: tuple[dt.date, ...] = ()
    withdrawn: tuple[dt.date, ...] = ()
    missing: tuple[dt.date, ...] = ()

    def showing(self, dates: Collection[dt.date]) -> Served:
        """Of the dates that have a release, these alone show anything of what is asked; the others are empty."""
        shown = {date: number for date, number in self.releases.items() if date in dates}
        return replace(self, releases=shown, empty=tuple(sorted({*self.empty, *self.releases} - {*shown})))


def served(
    releases: pd.DataFrame, indicator: str, dates: tuple[dt.date, ...], as_of: dt.datetime | None = None
) -> Served:
    """What is served of an indicator on the dates of a question: the newest release that is not withdrawn.

    In: rows of the contract `releases`, those of the dates at least. as_of: what was served at that moment, None for
    now.
    """
    known = _known(releases, indicator, as_of)
    there = standing(known)
    newest = {date: there[date] for date in dates if date in there}
    withdrawn = {d for d in dates if d not in newest and d in set(known["date"])}
    return Served(
        dates,
        {date: number for date, (number, status) in newest.items() if status == "released"},
        tuple(date for date, (_, status) in newest.items() if status == "empty"),
        tuple(sorted(withdrawn)),
        tuple(date for date in dates if date not in newest and date not in withdrawn),
    )


def nothing_served(
    releases: pd.DataFrame, indicator: str, dates: tuple[dt.date, ...], as_of: dt.datetime | None
) -> str:
    """In words that none of the dates has a release, and which dates there are. In: all of `releases`."""
    known = _known(releases, indicator, as_of)
    asked, have = spans(dates), sorted(standing(known))
    withdrawn = sorted({*known.loc[known["status"] == "withdrawn", "date"]} & {*dates} - {*have})
    when = f" as of {as_of.astimezone(LOCAL):%Y-%m-%d %H:%M} (Asia/Shanghai)" if as_of else ""
    there = (
        f"there are releases of {spans(have)}"
        if have
        else "nothing of it had been released by then"
        if as_of
        else "none of it is served"
        if withdrawn
        else "nothing of it has been released yet"
    )
    gone = f"; {spans(withdrawn)} withdrawn" if withdrawn else ""
    return f"no release of {indicator} for {asked}{when}{gone}; {there}"


def _known(releases: pd.DataFrame, indicator: str, as_of: dt.datetime | None) -> pd.DataFrame:
    known = releases[releases["indicator"] == indicator]
    return known if as_of is None else known[known["released_at_utc"] <= as_of]

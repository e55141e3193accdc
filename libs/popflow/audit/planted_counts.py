"""A7 for figures in hundreds: mistakes planted in copies of one date, which the auditor has to find.

What has no place for a plant is listed as not applicable and never counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.audit.arrived import at_their_bounds
from popflow.audit.hundreds import Figures, figures_findings
from popflow.audit.verdict import Finding, Planted
from popflow.hundreds import ROUNDED_TO

Rng = np.random.Generator
Result = Figures | str  # a copy with the mistake, or why there is no place for it
ONE_DAY = dt.timedelta(days=1)
NOBODYS = "rest_of_420100"


def exact_figure(figures: Figures, rng: Rng) -> Result:
    """A number among the rounded ones that is not rounded."""
    at = _row(figures, rng)
    return figures.planted(rows=_with(figures.rows, at, figures.rows["persons"].iloc[at] + int(rng.integers(1, 100))))


def wrong_hundred(figures: Figures, rng: Rng) -> Result:
    """A figure of another hundred."""
    at = _row(figures, rng)
    return figures.planted(rows=_with(figures.rows, at, figures.rows["persons"].iloc[at] + ROUNDED_TO))


def without_offset(figures: Figures, rng: Rng) -> Result:
    """Figures rounded off without their offsets."""
    del rng
    if figures.exact is None:
        return "the exact table is gone"
    exact = figures.exact[figures.exact["part"].isin(figures.indicator.counted)]
    key = ["county_code", *(["hour"] if figures.indicator.hourly else [])]
    persons = exact.groupby(key)["persons"].sum().rename("plain").reset_index()
    plain = figures.rows.merge(persons, on=key, how="left")["plain"].to_numpy() // ROUNDED_TO * ROUNDED_TO
    if (plain == figures.rows["persons"].to_numpy()).all():
        return "no offset makes a difference"
    return figures.planted(rows=figures.rows.assign(persons=plain))


def offset_of_another_date(figures: Figures, rng: Rng) -> Result:
    """Figures under the offsets of the eve."""
    del rng
    if figures.indicator.offset == "fixed":
        return "the offset is the same on every date"
    eve = figures.planted(date=figures.date - ONE_DAY, rows=_dated(figures), drawn=())
    return eve if any(figures_findings(eve)) else "the offsets of both dates make the same figures"


def rest_row(figures: Figures, rng: Rng) -> Result:
    """A row for what is not shown."""
    one = figures.rows.iloc[[_row(figures, rng)]].assign(county_code=NOBODYS)
    return figures.planted(rows=pd.concat([figures.rows, one], ignore_index=True))


def second_telling(figures: Figures, rng: Rng) -> Result:
    """A second release of the date."""
    return figures.planted(rows=figures.rows.assign(release=2)) if rng.random() < 0.5 else figures.planted(
        told_before=True
    )  # fmt: skip


def too_few_persons(figures: Figures, rng: Rng) -> Result:
    """A row of a county that has hardly anybody any more."""
    return _of_fewer(figures, rng, lambda counts: counts.assign(persons=1, persons_registered=1))


def unregistered_counted(figures: Figures, rng: Rng) -> Result:
    """A row that holds only where SIMs without an entry count as persons of their own."""
    return _of_fewer(figures, rng, lambda counts: counts.assign(persons_registered=1))


def an_mno_alone(figures: Figures, rng: Rng) -> Result:
    """A row of which one MNO knows nearly everybody."""
    if len(figures.mnos) < 2:
        return "there is one MNO"
    mno = figures.mnos[int(rng.integers(len(figures.mnos)))]

    def known_to_it(counts: pd.DataFrame) -> pd.DataFrame:
        without = [dict(one) | {mno: 1} for one in counts["persons_without"]]
        return counts.assign(persons_without=pd.Series(without, index=counts.index, dtype=object))

    return _of_fewer(figures, rng, known_to_it)


def without_a_part(figures: Figures, rng: Rng) -> Result:
    """A row of a county in which those are missing who have to be there too."""
    needed = [name for name, part in figures.indicator.parts.items() if part.least]
    if not needed or figures.exact is None:
        return "no part has to be there"
    county = str(figures.rows["county_code"].iloc[_row(figures, rng)])
    gone = (figures.exact["county_code"] == county) & figures.exact["part"].isin(needed)
    return figures.planted(exact=figures.exact[~gone])


def absent_county(figures: Figures, rng: Rng) -> Result:
    """A county that is left out."""
    return figures.planted(rows=figures.rows.drop(figures.rows.index[_row(figures, rng)]))


def absent_date(figures: Figures, rng: Rng) -> Result:
    """A date that tells nothing, and should."""
    del rng
    return "the exact table is gone" if figures.exact is None else figures.planted(rows=figures.rows.iloc[:0])


def hour_of_no_day(figures: Figures, rng: Rng) -> Result:
    """An hour that no day has, or that the indicator has none of."""
    hour = 24 if figures.indicator.hourly else 3
    at = _row(figures, rng)
    hours = [hour if row == at else value for row, value in enumerate(figures.rows["hour"])]
    return figures.planted(rows=figures.rows.assign(hour=hours))


def no_room(figures: Figures, rng: Rng) -> Result:
    """Figures of a prefecture that leave no room: what each county hides is known to all of them together."""
    if figures.trees is None or not figures.drawn:
        return "no movers are counted"
    least = figures.rules.k
    found = {one: at_their_bounds(figures.trees, one, least, ROUNDED_TO - 1) for one in figures.drawn}
    hiding = [one for one, bounds in found.items() if set(bounds) <= set(figures.rows["county_code"]) and bounds]
    if not hiding:
        return "no prefecture that is drawn shows all counties of which something is hidden"
    tight = found[hiding[int(rng.integers(len(hiding)))]]
    pairs = zip(figures.rows["county_code"], figures.rows["persons"], strict=True)
    return figures.planted(rows=figures.rows.assign(persons=[tight.get(county, persons) for county, persons in pairs]))


def other_persons(figures: Figures, rng: Rng) -> Result:
    """A figure that holds somebody whom trees count as no arrival, or lacks one."""
    if figures.trees is None or figures.exact is None:
        return "no movers are counted"
    places = np.flatnonzero(figures.exact["part"].isin(figures.indicator.of_trees))
    if not len(places):
        return "nobody came from elsewhere"
    at = int(places[rng.integers(len(places))])
    persons = [n + (row == at) for row, n in enumerate(figures.exact["persons"])]
    return figures.planted(exact=figures.exact.assign(persons=persons))


@dataclass(frozen=True)
class Leak:
    """A kind of mistake: its name, how it is planted, the codes that tell it."""

    name: str
    plant: Callable[[Figures, Rng], Result]
    told_by: tuple[str, ...]
    needs_exact: bool = True


LEAKS = (
    Leak("exact figure among rounded ones", exact_figure, ("B1",), needs_exact=False),
    Leak("figure of another hundred", wrong_hundred, ("B1",)),
    Leak("figures without offsets", without_offset, ("B1", "B2")),
    Leak("offsets of another date", offset_of_another_date, ("B1", "B2")),
    Leak("rest row in hundreds", rest_row, ("B4",), needs_exact=False),
    Leak("second telling", second_telling, ("B3",), needs_exact=False),
    Leak("county of a few persons", too_few_persons, ("B1", "B2")),
    Leak("unregistered SIMs counted towards a figure", unregistered_counted, ("B2",)),
    Leak("county that an MNO knows alone", an_mno_alone, ("B2",)),
    Leak("county without the part that has to be there", without_a_part, ("B2",)),
    Leak("county left out", absent_county, ("B2",)),
    Leak("date left out", absent_date, ("B2",)),
    Leak("figures that leave no room beside the trees", no_room, ("B5",)),
    Leak("figure of other persons than the trees'", other_persons, ("B5",)),
    Leak("hour of no day", hour_of_no_day, ("B4",), needs_exact=False),
)


def plant_in(figures: Figures, rng: Rng, known: Collection[Finding]) -> Iterator[Planted]:
    """Plant each mistake in a copy of its own and look at the copy; known: what was found in the figures themselves."""
    for leak in LEAKS:
        yield _tried(leak, figures, set(known), rng)


def _tried(leak: Leak, figures: Figures, known: set[Finding], rng: Rng) -> Planted:
    if figures.rows.empty or (leak.needs_exact and figures.exact is None):
        return Planted(leak.name, "not applicable", "nothing is published, or its exact table is gone")
    planted = leak.plant(figures, rng)
    if isinstance(planted, str):
        return Planted(leak.name, "not applicable", planted)
    if "B5" not in leak.told_by:  # no linear program is needed to see it
        planted = planted.planted(drawn=())
    new = {finding.code for finding in figures_findings(planted) if finding not in known}
    caught = bool(new & set(leak.told_by))
    return Planted(leak.name, "caught" if caught else "missed", figures.where, tuple(sorted(new)))


def _row(figures: Figures, rng: Rng) -> int:
    return int(rng.integers(len(figures.rows)))


def _with(rows: pd.DataFrame, at: int, persons: int) -> pd.DataFrame:
    return rows.assign(persons=[persons if row == at else value for row, value in enumerate(rows["persons"])])


def _dated(figures: Figures) -> pd.DataFrame:
    return figures.rows.assign(date=figures.date - ONE_DAY)


def _of_fewer(figures: Figures, rng: Rng, fewer: Callable[[pd.DataFrame], pd.DataFrame]) -> Result:
    """A copy whose exact table has fewer at the place of one of its rows, which stands as it did."""
    if figures.exact is None:
        return "the exact table is gone"
    row = figures.rows.iloc[_row(figures, rng)]
    mine = figures.exact["county_code"] == row["county_code"]
    mine &= (figures.exact["hour"] == row["hour"]) if figures.indicator.hourly else True
    changed = pd.concat([figures.exact[~mine], fewer(figures.exact[mine])], ignore_index=True)
    return figures.planted(exact=changed)

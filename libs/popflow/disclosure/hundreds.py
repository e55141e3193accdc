"""The gate of figures in hundreds: which counties have a row, and what stands in it.

A figure is the number of persons with a secret offset of 0 to 99 added, rounded off to a hundred: so the true number is
less than 100 away from it, and no threshold of a number that somebody else knows is ever seen to be crossed exactly.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow import contracts
from popflow.contracts import Disclosure
from popflow.disclosure.arrivals import EVERYBODY, Arrived
from popflow.disclosure.exact import counted_rows, counts_of, of_codes, refuse_other_date, refuse_repeated
from popflow.disclosure.offsets import secret_number
from popflow.disclosure.public_test import UNBOUNDED, told
from popflow.disclosure.rules import PERSONS, REGISTERED, WITHOUT, Bools, Ints, Rules
from popflow.disclosure.table import _SEAL, ProtectedCounts
from popflow.errors import NotTold, PopflowError
from popflow.geography.codes import prefecture_of
from popflow.hundreds import LEAST_FIGURE, LEAST_WITHOUT, ROUNDED_TO, Hundreds

LEAST_MNOS = 2  # of a night in whose trees a county can be withheld for the sake of an MNO, whatever its size
DRAWS = 20  # of the offsets, before nothing is told


@dataclass(frozen=True)
class Limits:
    """What a row must hold: the figure, persons without each MNO, and what a part beside must hold."""

    figure: int
    without: int
    rounded_to: int
    part: Rules

    @classmethod
    def of(cls, indicator: Hundreds, parameters: Disclosure) -> Limits:
        """Limits of an indicator; its own can only raise those of the kind."""
        figure, without = max(indicator.least_figure, LEAST_FIGURE), max(indicator.least_without, LEAST_WITHOUT)
        return cls(figure, without, ROUNDED_TO, Rules.of(parameters))


@dataclass(frozen=True)
class Exact:
    """An exact table as arrays: a place is a county at an hour; counts of each part, 0 where it has nobody."""

    county: list[str]
    hour: list[int | None]
    parts: dict[str, Ints]

    def counted(self, indicator: Hundreds) -> Ints:
        """Counts of all parts that a figure holds."""
        return sum((self.parts[name] for name in indicator.counted), start=self._nobody())

    def _nobody(self) -> Ints:
        return np.zeros_like(next(iter(self.parts.values())))


def protect_counts(
    exact: pd.DataFrame,
    *,
    indicator: Hundreds,
    date: dt.date,
    mnos: Sequence[str],
    rules: Disclosure,
    key: bytes,
    counties: Collection[str],
    trees: Arrived | None = None,
) -> ProtectedCounts:
    """One date of an indicator in hundreds.

    exact: columns of the indicator's exact table, that date's. mnos: the MNOs of the night. key: of the offsets.
    counties: those that can have a row, for the share that is shown. trees: what the flows of the date show and hide of
    arrivals, where movers are counted. Offsets with which the public test fails are drawn again, of a prefecture
    together. Raises NotTold where DRAWS do not suffice, or where the night has one MNO, and PopflowError where the
    exact table does not hold together, or is not that of the trees.
    """
    if indicator.movers and len(mnos) < LEAST_MNOS:
        raise NotTold(f"{indicator.indicator} of {date} is not told: with one MNO a reader can tell that a county of a "
                      "rest is small, and the public test does not hold")  # fmt: skip
    found = read_counts(exact, indicator, date, mnos)
    about = Figures(indicator, date, Limits.of(indicator, rules), key, found)
    if indicator.movers:
        _refuse_other_trees(found, indicator, trees)
    closed = _sensitive(found.county, rules.sensitive_counties) | ~about.parts_are_large(mnos)
    figures, shown, draws = _drawn(about, closed, trees, mnos)
    places = len(set(counties)) * len(indicator.hours)
    return ProtectedCounts(
        _SEAL,
        indicator=indicator.indicator,
        date=date,
        definition=indicator.definition,
        mnos=tuple(mnos),
        rows=_rows(found, figures[:, PERSONS], shown, indicator, date),
        shown_percent=round(100 * int(shown.sum()) / places) if places else 0,
        draws=draws,
    )


def read_counts(exact: pd.DataFrame, indicator: Hundreds, date: dt.date, mnos: Sequence[str]) -> Exact:
    """An exact table as arrays. Raises PopflowError where it does not hold together."""
    refuse_other_date(exact, date)
    key = ["county_code", "part", *(["hour"] if indicator.hourly else [])]
    refuse_repeated(exact, key)
    if strange := sorted(set(exact["definition"]) - {indicator.definition}):
        raise PopflowError(
            f"{indicator.exact}: its rows of {date} go by {strange[0]}, and {indicator.indicator} by "
            f"{indicator.definition}; run the stages of the night again"
        )
    if strange := sorted(set(exact["part"]) - set(indicator.parts)):
        raise PopflowError(f"{indicator.exact}: part: '{strange[0]}' is none of the contract {indicator.indicator}")
    rows = counted_rows(exact, key, mnos)
    place, places = pd.factorize(pd.MultiIndex.from_frame(rows[[name for name in key if name != "part"]]), sort=True)
    counts = counts_of(rows, mnos)
    parts = {
        name: _scattered(counts, place, (rows["part"] == name).to_numpy(), len(places)) for name in indicator.parts
    }
    codes = [str(one[0]) for one in places]
    return Exact(codes, [int(one[1]) if indicator.hourly else None for one in places], parts)


def _scattered(counts: Ints, place: Ints, mine: Bools, places: int) -> Ints:
    out = np.zeros((places, counts.shape[1]), np.int64)
    out[place[mine]] = counts[mine]
    return out


@dataclass(frozen=True)
class Figures:
    """What the figures of a date are made of."""

    indicator: Hundreds
    date: dt.date
    limits: Limits
    key: bytes
    exact: Exact

    def offsets(self, draw: Mapping[str, int]) -> Ints:
        """The secret offset of each place: its county's for good, or the county's and the date's.

        draw: how often the offsets of a prefecture were drawn before, 0 where it is not named.
        """
        series = self.indicator.indicator, "" if self.indicator.offset == "fixed" else self.date.isoformat()

        def of(county: str) -> int:
            turn = draw.get(prefecture_of(county), 0)
            return secret_number(self.key, ["offset", *series, county, str(turn)], self.limits.rounded_to)

        return of_codes(pd.Series(self.exact.county, dtype=object), of)

    def rounded(self, draw: Mapping[str, int]) -> tuple[Ints, Bools]:
        """Figures by measure, and which places have a row as far as these tell."""
        counted = self.exact.counted(self.indicator)
        figures = rounded_off(counted, self.offsets(draw), self.limits.rounded_to)
        large = (figures[:, PERSONS] >= self.limits.figure) & (figures[:, REGISTERED] >= self.limits.figure)
        return figures, large & (counted[:, WITHOUT:] >= self.limits.without).all(axis=1)

    def parts_are_large(self, mnos: Sequence[str]) -> Bools:
        """For each place whether every part is large enough of which that is asked."""
        rules, out = self.limits.part, np.ones(len(self.exact.county), bool)
        for name, part in self.indicator.parts.items():
            counts = self.exact.parts[name]
            more = self._secret(name, mnos) if part.least == "secret" else np.zeros_like(counts[:, REGISTERED:])
            least = np.array([rules.k, *([rules.floor] * (counts.shape[1] - WITHOUT))]) + more
            out &= (counts[:, REGISTERED:] >= least).all(axis=1) if part.least else True
        return out

    def _secret(self, part: str, mnos: Sequence[str]) -> Ints:
        """How many more than a large group a part has to hold, by place: registered, and without each MNO."""
        about, rules = (self.indicator.indicator, self.date.isoformat()), self.limits.part
        measures = [("", rules.k), *((mno, rules.floor) for mno in (mnos if len(mnos) > 1 else ()))]
        return np.array(
            [
                [secret_number(self.key, [part, *about, county, measure], below) for measure, below in measures]
                for county in self.exact.county
            ]
        ).reshape(-1, len(measures))


def _drawn(
    about: Figures, closed: Bools, trees: Arrived | None, mnos: Sequence[str]
) -> tuple[Ints, Bools, Mapping[str, int]]:
    """Figures, places with a row, and draws before, by the first offsets with which the public test is passed."""
    draw: Counter[str] = Counter()
    for _ in range(DRAWS):
        figures, shown = about.rounded(draw)
        shown &= ~closed
        failing = _told(about, figures[:, PERSONS], shown, trees, mnos) if trees else set()
        if not failing:
            return figures, shown, draw
        draw.update(failing)
    name = f"{about.indicator.indicator} of {about.date}"
    raise NotTold(f"{name} is not told: none of {DRAWS} draws of its offsets passes the public test")


def _told(about: Figures, persons: Ints, shown: Bools, trees: Arrived, mnos: Sequence[str]) -> set[str]:
    """Prefectures of which figures and trees together tell something, to a reader or to an MNO."""
    place = {county: number for number, county in enumerate(trees.counties)}
    at = np.array([place[county] for county in about.exact.county], int)
    counted, rules, top = about.exact.counted(about.indicator), about.limits.part, about.limits.rounded_to - 1
    failing = np.zeros(len(trees.counties), bool)
    measures = [(EVERYBODY, rules.k), *((mno, rules.floor) for mno in (mnos if len(mnos) > 1 else ()))]
    for number, (measure, least) in enumerate(measures):
        # Of a reader's figure nothing is known to him; an MNO takes off whom it knows.
        known = 0 if measure == EVERYBODY else counted[:, PERSONS] - counted[:, REGISTERED + number]
        bound = np.full(len(trees.counties), UNBOUNDED)
        bound[at[shown]] = (persons + top - known - trees.visible[measure][at] - least)[shown]
        failing |= told(trees.seen_by(measure, bound), least)
    return {prefecture_of(trees.counties[one]) for one in np.flatnonzero(failing)}


def _refuse_other_trees(found: Exact, indicator: Hundreds, trees: Arrived | None) -> None:
    """Raise PopflowError unless those whom trees count are exactly the part of the figures that trees count."""
    if trees is None:
        raise PopflowError(f"{indicator.indicator}: the public test needs the flows of the date")
    if strange := sorted(set(found.county) - set(trees.counties)):
        raise PopflowError(f"{indicator.exact}: {strange[0]} is a county in which the date cannot have ended")
    mine = dict.fromkeys(trees.counties, 0)
    for name in indicator.of_trees:
        for county, persons in zip(found.county, found.parts[name][:, PERSONS], strict=True):
            mine[county] += int(persons)
    hidden = np.bincount(trees.county, weights=trees.hidden[EVERYBODY], minlength=len(trees.counties))
    if ((hidden + trees.visible[EVERYBODY]) != np.array(list(mine.values()))).any():
        raise PopflowError(f"{indicator.exact}: those who came from other prefectures are not those of the flows")


def rounded_off(counts: Ints, offsets: Ints, to: int) -> Ints:
    """Counts with an offset added, rounded off to a multiple."""
    return (counts + offsets[:, None]) // to * to


def _sensitive(counties: Sequence[str], never: Collection[str]) -> Bools:
    return np.isin(np.array(counties, dtype=object), list(never))


def _rows(found: Exact, persons: Ints, shown: Bools, indicator: Hundreds, date: dt.date) -> pa.Table:
    schema = contracts.load().table("counts").arrow_schema()
    places = np.flatnonzero(shown)
    same = {"indicator": indicator.indicator, "date": date, "release": 1, "definition": indicator.definition}
    columns = {
        "hour": pa.array([found.hour[at] for at in places], pa.int32()),
        "county_code": pa.array([found.county[at] for at in places], pa.string()),
        "group_code": pa.nulls(len(places), pa.string()),
        "persons": pa.array(persons[places], pa.int64()),
    }
    for name, value in same.items():
        columns[name] = pa.repeat(pa.scalar(value, schema.field(name).type), len(places))
    return pa.Table.from_arrays([columns[field.name] for field in schema], schema=schema)

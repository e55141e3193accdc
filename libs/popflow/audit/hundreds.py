"""The attacker's own reading of the rules for figures in hundreds: what must stand, place by place, and what does.

Nothing here is shared with the gate. From the exact table, the key and the contract every figure is computed again, one
place at a time; what was published has to be exactly that. An absence is looked at like a figure: what is always there
and is missing once tells something.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from popflow.audit.arrived import EVERYBODY, Knower, Trees, told_of
from popflow.audit.counts import WIDE
from popflow.audit.verdict import Finding
from popflow.contracts import Disclosure
from popflow.hundreds import LEAST_FIGURE, LEAST_WITHOUT, ROUNDED_TO, Hundreds, Part

MOST_DRAWS = 20  # of a prefecture's offsets
MOST_EACH = 20  # findings of one kind that are written out
COUNTY = re.compile(r"[0-9]{6}", re.ASCII)
WHOLE_DATE = -1  # an hour that there is not
Place = tuple[str, int]  # county and hour


@dataclass(frozen=True)
class Figures:
    """One date of an indicator in hundreds, as it is published or about to be, and what is known of it.

    rows: contract `counts`. exact: the indicator's exact table of the date, None where it is not kept any more; key: of
    the offsets, None where exact is. told_before: the date was published before. trees: the date's flows, where movers
    are counted; drawn: prefectures that are attacked with them. draws: how often the gate drew the offsets of each
    prefecture before they passed, None where that is not kept; then any number of draws will do.
    """

    indicator: Hundreds
    date: dt.date
    rows: pd.DataFrame
    mnos: tuple[str, ...]
    rules: Disclosure
    exact: pd.DataFrame | None = None
    key: bytes | None = None
    told_before: bool = False
    trees: Trees | None = None
    drawn: tuple[str, ...] = ()
    draws: Mapping[str, int] | None = None

    @property
    def where(self) -> str:
        """Which figures, in words."""
        return f"{self.indicator.indicator} {self.date}"

    def planted(self, **changed: Any) -> Figures:
        """A copy of which something is otherwise."""
        return replace(self, **changed)


def figures_findings(figures: Figures) -> Iterator[Finding]:
    """All that is wrong with one date of an indicator in hundreds."""
    shape = list(_shape_findings(figures))
    yield from shape
    if figures.told_before:
        yield Finding("B3", figures.where, (), "this date was told before; a figure in hundreds is told once")
    yield from _figure_findings(figures)
    if not shape and figures.exact is not None and figures.key is not None:
        yield from _compared(figures, figures.exact, figures.key)
        if figures.indicator.movers:
            yield from _beside_trees(figures, figures.exact)


def _shape_findings(figures: Figures) -> Iterator[Finding]:
    """What is outside the contract, whatever the figures are."""
    rows, where = figures.rows, figures.where
    wanted = ["indicator", "date", "release", "hour", "county_code", "group_code", "persons", "definition"]
    if sorted(rows.columns) != sorted(wanted):
        yield Finding("B4", where, (), "columns differ from the contract counts")
        return
    for name, value in (("indicator", figures.indicator.indicator), ("definition", figures.indicator.definition)):
        if set(rows[name]) - {value}:
            yield Finding("B4", where, (), f"{name}: rows of another one")
    if {str(one)[:10] for one in rows["date"]} - {str(figures.date)}:
        yield Finding("B4", where, (), "date: rows of another one")
    if set(rows["release"]) - {1}:
        yield Finding("B3", where, (), "a second release; a figure in hundreds is told once")
    if rows["group_code"].notna().any():
        yield Finding("B4", where, (), "group_code: there are no groups")
    if not pd.api.types.is_integer_dtype(rows["persons"]) and len(rows):
        yield Finding("B4", where, (), "persons: not whole numbers")
    hours = set(_hours(rows)) - {WHOLE_DATE if hour is None else hour for hour in figures.indicator.hours}
    if hours:
        yield Finding("B4", where, (), f"hour: {len(hours)} that the contract does not have")
    odd = [code for code in rows["county_code"] if not (isinstance(code, str) and COUNTY.fullmatch(code))]
    for code in odd[:MOST_EACH]:
        yield Finding("B4", where, (str(code),), f"'{code}' is no county: there are no rest rows and no sums")
    if rows.duplicated(["county_code", "hour"]).any():
        yield Finding("B4", where, (), "a county stands twice")


def _figure_findings(figures: Figures) -> Iterator[Finding]:
    """What the figures alone tell: no hundreds, or too small."""
    least = max(figures.indicator.least_figure, LEAST_FIGURE)
    if "persons" not in figures.rows or "county_code" not in figures.rows:
        return
    pairs = list(zip(figures.rows["county_code"].astype(str), figures.rows["persons"], strict=True))
    for county, persons in [one for one in pairs if one[1] % ROUNDED_TO][:MOST_EACH]:
        yield Finding("B1", figures.where, (county,), f"{county} = {persons}, not a multiple of {ROUNDED_TO}")
    for county, persons in [one for one in pairs if one[1] < least][:MOST_EACH]:
        yield Finding("B2", figures.where, (county,), f"{county} = {persons}, below {least}")


def _compared(figures: Figures, exact: pd.DataFrame, key: bytes) -> Iterator[Finding]:
    """Every place of the exact table beside what is published of it, each prefecture by one draw of its offsets."""
    by_prefecture: dict[str, dict[Place, dict[str, Counted]]] = {}
    for place, parts in _places(exact, figures.indicator.hourly).items():
        by_prefecture.setdefault(place[0][:4], {})[place] = parts
    told: dict[str, dict[Place, int]] = {}
    pairs = zip(
        zip(figures.rows["county_code"], _hours(figures.rows), strict=True), figures.rows["persons"], strict=True
    )
    for place, persons in pairs:
        told.setdefault(place[0][:4], {})[place] = int(persons)
    for prefecture in sorted({*by_prefecture, *told}):
        yield from _prefecture(figures, by_prefecture.get(prefecture, {}), told.get(prefecture, {}), key)


def _prefecture(
    figures: Figures, exact: Mapping[Place, Mapping[str, Counted]], told: Mapping[Place, int], key: bytes
) -> Iterator[Finding]:
    """One prefecture's places; where movers are counted its offsets may have been drawn several times."""
    least: list[Finding] | None = None
    prefecture = f"{next(iter({*exact, *told}))[0][:4]}00"
    for draw in _possible_draws(figures, prefecture):
        wanted = {}
        for place, parts in exact.items():
            figure = _figure_of(place, parts, figures, key, draw)
            if figure is not None:
                wanted[place] = figure
        if wanted == told:
            return
        found = list(_differences(figures, wanted, told))
        least = found if least is None or len(found) < len(least) else least
    yield from least or ()


def _possible_draws(figures: Figures, prefecture: str) -> Sequence[int]:
    if not figures.indicator.movers:
        return (0,)
    return range(MOST_DRAWS) if figures.draws is None else (figures.draws.get(prefecture, 0),)


def _differences(figures: Figures, wanted: Mapping[Place, int], told: Mapping[Place, int]) -> Iterator[Finding]:
    for place in sorted(set(told) - set(wanted))[:MOST_EACH]:
        yield Finding("B2", figures.where, (_name(place),), f"{_name(place)} has a row and may not have one")
    for place in sorted(set(wanted) - set(told))[:MOST_EACH]:
        text = f"{_name(place)} has no row, and by the rules it has: what is missing once tells something"
        yield Finding("B2", figures.where, (_name(place),), text)
    wrong = [place for place in sorted(set(wanted) & set(told)) if wanted[place] != told[place]]
    for place in wrong[:MOST_EACH]:
        text = f"{_name(place)} = {told[place]}, and its count with its offset makes {wanted[place]}"
        yield Finding("B1", figures.where, (_name(place),), text)


def _beside_trees(figures: Figures, exact: pd.DataFrame) -> Iterator[Finding]:
    """What the figures tell beside the flows of their date, and whether these count whom they are said to count."""
    if figures.trees is None:
        yield Finding("B5", figures.where, (), "the flows of the date are not there to look at both together")
        return
    crossed = _summed(exact[exact["part"].isin(figures.indicator.of_trees)], "persons")
    trees = figures.trees.arrivals()
    other = [code for code in sorted({*crossed, *trees}) if crossed.get(code, 0) != trees.get(code, 0)]
    for county in other[:MOST_EACH]:
        text = f"{county}: trees count {trees.get(county, 0)} who arrived from elsewhere, and the figures other persons"
        yield Finding("B5", figures.where, (county,), text)
    told = {str(c): int(n) for c, n in zip(figures.rows["county_code"], figures.rows["persons"], strict=True)}
    for number, prefecture in enumerate(figures.drawn):
        rng = np.random.default_rng([number, int(prefecture)])
        reader, *mnos = _knowers(figures, exact)
        for knower in (reader, *(mnos[int(at)] for at in rng.permutation(len(mnos))[:1])):  # and one MNO, drawn
            for text in told_of(figures.trees, prefecture, told, knower, ROUNDED_TO - 1, rng):
                yield Finding("B5", figures.where, (prefecture,), text)


def _knowers(figures: Figures, exact: pd.DataFrame) -> Iterator[Knower]:
    """A reader, and each MNO, which knows those of a figure who have a SIM of it, or no entry in the register."""
    yield Knower("a reader", EVERYBODY, figures.rules.k, {})
    counted = exact[exact["part"].isin(figures.indicator.counted)]
    for mno in figures.mnos if len(figures.mnos) > 1 else ():
        without = [int(dict(one).get(mno, 0)) for one in counted["persons_without"]]
        known = _summed(counted.assign(known=counted["persons"] - without), "known")
        yield Knower(mno, f"{WIDE}{mno}", figures.rules.floor, known)


def _summed(rows: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(county): int(n) for county, n in rows.groupby("county_code")[column].sum().items()}


@dataclass
class Counted:
    """Persons of one part at one place: all, registered, and registered without each MNO."""

    persons: int = 0
    registered: int = 0
    without: Mapping[str, int] | None = None


def _places(exact: pd.DataFrame, hourly: bool) -> dict[Place, dict[str, Counted]]:
    found: dict[Place, dict[str, Counted]] = {}
    hours = exact["hour"] if hourly else [WHOLE_DATE] * len(exact)
    columns = [exact[name] for name in ("county_code", "part", "persons", "persons_registered", "persons_without")]
    for hour, county, part, persons, registered, without in zip(hours, *columns, strict=True):
        found.setdefault((str(county), int(hour)), {})[str(part)] = Counted(
            int(persons), int(registered), dict(without)
        )
    return found


def _figure_of(place: Place, parts: Mapping[str, Counted], figures: Figures, key: bytes, draw: int = 0) -> int | None:
    """What has to stand at a place; None: no row."""
    indicator, rules = figures.indicator, figures.rules
    counted = [parts.get(name, Counted()) for name in indicator.counted]
    if place[0] in rules.sensitive_counties:
        return None
    offset = _offset(key, place[0], figures, draw)
    figure, registered = (
        (sum(getattr(one, what) for one in counted) + offset) // ROUNDED_TO * ROUNDED_TO
        for what in ("persons", "registered")
    )
    least = max(indicator.least_figure, LEAST_FIGURE)
    if min(figure, registered) < least:
        return None
    if _fewest_without(counted, figures.mnos) < max(indicator.least_without, LEAST_WITHOUT):
        return None
    for name, part in indicator.parts.items():
        if part.least and not _large(parts.get(name, Counted()), name, part, place[0], figures, key):
            return None
    return int(figure)


def _large(counted: Counted, name: str, part: Part, county: str, figures: Figures, key: bytes) -> bool:
    """Whether a part holds as many as it has to, by its own secret numbers where it has them."""
    more = {"": 0, **dict.fromkeys(figures.mnos, 0)}
    if part.least == "secret":
        of = (name, figures.indicator.indicator, str(figures.date), county)
        more = {m: _number(key, (*of, m)) % (figures.rules.floor if m else figures.rules.k) for m in more}
    enough = counted.registered >= figures.rules.k + more[""]
    if len(figures.mnos) < 2:
        return enough
    without = counted.without or {}
    return enough and all(without.get(m, 0) >= figures.rules.floor + more[m] for m in figures.mnos)


def _fewest_without(parts: Sequence[Counted], mnos: Collection[str]) -> float:
    """Persons without a SIM at the MNO that knows most of them; with a single MNO there is nobody to ask about."""
    if len(mnos) < 2:
        return float("inf")
    return min(sum((one.without or {}).get(mno, 0) for one in parts) for mno in mnos)


def _offset(key: bytes, county: str, figures: Figures, draw: int) -> int:
    """The secret offset of a county, as docs/explanation/disclosure.md says: of the series, by the key."""
    date = str(figures.date) if figures.indicator.offset == "by_date" else ""
    return _number(key, ("offset", figures.indicator.indicator, date, county, str(draw))) % ROUNDED_TO


def _number(key: bytes, of: Sequence[str]) -> int:
    return int(hmac.new(key, "\x1f".join(of).encode("utf-8"), hashlib.sha256).hexdigest()[:16], 16)


def _hours(rows: pd.DataFrame) -> list[int]:
    return [WHOLE_DATE if pd.isna(hour) else int(hour) for hour in rows["hour"]]


def _name(place: Place) -> str:
    return place[0] if place[1] == WHOLE_DATE else f"{place[0]} at {place[1]:02}:00"

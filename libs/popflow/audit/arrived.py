"""The attacker's linear programs on arrivals in hundreds: what figures and trees tell of a prefecture together.

Read anew from the public rows, without a line of the gate: for each origin the lowest row that may hold its moves to a
county. What such a row has for the counties of the prefecture, and elsewhere, are unknowns; its persons are their sum.
A county's figure bounds the sum of what is hidden of it. Then the least and the greatest number of some hidden cells,
and of each county, are found.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import coo_array

from popflow.audit.counts import WIDE
from popflow.contracts import Area, chains

EVERYBODY = "persons"  # the column of whom a reader does not know: all of them
REST = "rest_of_"
SOME = 8  # hidden cells of a prefecture that are asked about, drawn anew; its counties all are
Row = tuple[str, str, str, str]  # origin level and code, destination level and code
NEAR = 1e-6
NOTHING_FITS = 2  # linprog's status


@dataclass(frozen=True)
class Trees:
    """What is published of a date's flows, its exact cells, and the areas whose chains they are.

    cells: origin_code, destination_code, persons, and registered ones without each MNO as without_<mno>. counties:
    those in which the date can have ended for somebody.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    areas: Mapping[str, Area]
    counties: frozenset[str]

    def arrivals(self) -> dict[str, int]:
        """Persons by the county that they arrived in from another prefecture."""
        return {str(county): int(n) for county, n in self.pairs.groupby("county")[EVERYBODY].sum().items()}

    @functools.cached_property
    def pairs(self) -> pd.DataFrame:
        """The cells by origin prefecture and county: a nation's are asked about many times."""
        origin = (self.cells["origin_code"].astype(str).str[:4] + "00").rename("origin")
        county = self.cells["destination_code"].astype(str).rename("county")
        columns = [EVERYBODY, *(name for name in self.cells if str(name).startswith(WIDE))]
        return self.cells.groupby([origin, county], observed=True)[columns].sum().reset_index()

    @functools.cached_property
    def there(self) -> dict[Row, int]:
        """The published rows, by their places."""
        names = ["origin_level", "origin_code", "destination_level", "destination_code"]
        places = zip(*(self.rows[name] for name in names), strict=True)
        return dict(zip(places, map(int, self.rows["persons"]), strict=True))

    def by_pair(self, column: str, end: str, codes: Collection[str]) -> dict[tuple[str, str], int]:
        """Persons of a column by origin prefecture and county, of some of either; end: origin or county."""
        mine = self.pairs[self.pairs[end].isin(codes)]
        return {(str(o), str(c)): int(n) for o, c, n in zip(mine["origin"], mine["county"], mine[column], strict=True)}

    def counties_of(self, prefecture: str) -> list[str]:
        """Counties of a prefecture in which the date can have ended for somebody."""
        return sorted(code for code in self.counties if code[:4] == prefecture[:4])


@dataclass
class Knower:
    """Somebody who looks at a prefecture: how many of its arrivals they count, and how small a group may not be told.

    column: of the exact cells, persons whom they do not know. known: by county, how many of its figure they know.
    """

    name: str
    column: str
    least: int
    known: Mapping[str, int]


def told_of(trees: Trees, prefecture: str, figures: Mapping[str, int], knower: Knower, off: int,
            rng: np.random.Generator) -> Iterator[str]:  # fmt: skip
    """Sentences on what one knower can work out of a prefecture; figures: of its counties that have a row."""
    seen = _Seen(trees, prefecture, knower)
    if not seen.edges:
        return
    bounds = {
        county: figure + off - knower.known.get(county, 0) - seen.visible.get(county, 0) - knower.least
        for county, figure in figures.items()
        if county in seen.hidden
    }
    program = _Program(seen, bounds)
    if not program.fits():
        yield f"{knower.name}: no numbers at all fit the figures of {prefecture} and the rows"
        return
    small = [place for place, edge in enumerate(seen.edges) if 1 <= seen.truth[edge] < knower.least]
    for place in sorted(rng.permutation(small)[:SOME].tolist()):
        low, high = program.ends([place])
        if low == high:
            row, county = seen.edges[place]
            yield f"{knower.name}: of {_words(row)} exactly {low} went to {county}"
    for county, bound in sorted(bounds.items()):
        low, high = program.ends([place for place, edge in enumerate(seen.edges) if edge[1] == county])
        if low == bound:
            yield f"{knower.name}: {county} has as many hidden arrivals as its figure leaves room for, {bound}"
        if low == high and 1 <= low < knower.least:
            yield f"{knower.name}: {county} has exactly {low} hidden arrivals"


def at_their_bounds(trees: Trees, prefecture: str, least: int, off: int) -> dict[str, int]:
    """Figures of a prefecture's counties, no hundreds, that leave a reader no room beside what the trees hide.

    Nothing where a row shares its persons out to other prefectures too: there is room elsewhere then.
    """
    seen = _Seen(trees, prefecture, Knower("a reader", EVERYBODY, least, {}))
    hidden: dict[str, int] = {}
    for (_, county), persons in seen.truth.items():
        hidden[county] = hidden.get(county, 0) + persons
    if seen.elsewhere:
        return {}
    return {county: persons + seen.visible.get(county, 0) + least - off for county, persons in hidden.items()}


class _Seen:
    """A prefecture's arrivals as a knower sees them: shown by county, and rows that share their persons out."""

    def __init__(self, trees: Trees, prefecture: str, knower: Knower) -> None:
        self._trees, self._chains = trees, chains(trees.areas)
        self.visible: dict[str, int] = {}
        self.truth: dict[tuple[Row, str], int] = {}
        counties = trees.counties_of(prefecture)
        by_pair = trees.by_pair(knower.column, "county", counties)
        origins = sorted(set(trees.pairs["origin"]) - {prefecture})
        for origin, county in itertools.product(origins, counties):
            row, persons = self._holder(origin, county), by_pair.get((origin, county), 0)
            if row is not None and row[2:] == ("county", county):
                self.visible[county] = self.visible.get(county, 0) + persons
            elif row is not None:
                self.truth[row, county] = self.truth.get((row, county), 0) + persons
        self.edges = sorted(self.truth)
        rows = sorted({row for row, _ in self.edges})
        others = sorted(trees.counties - set(counties))
        self.elsewhere = [row for row in rows if self._goes_elsewhere(row, origins, others, prefecture)]
        self.total = {row: self._total(row, origins, knower) for row in rows}

    @property
    def hidden(self) -> set[str]:
        """Counties of which some row hides arrivals."""
        return {county for _, county in self.edges}

    def _goes_elsewhere(self, row: Row, origins: Sequence[str], others: Sequence[str], prefecture: str) -> bool:
        """Whether a row may hold moves to other prefectures too."""
        if row[3] in (prefecture, REST + prefecture) and row[2] in ("prefecture", "county"):
            return False
        mine = [origin for origin in origins if _may_hold(row, origin)]
        return any(self._holder(origin, county) == row for origin, county in itertools.product(mine, others))

    def _total(self, row: Row, origins: Sequence[str], knower: Knower) -> int:
        """What a knower knows of a row's sum: what is published, less whom they know in it."""
        if knower.column == EVERYBODY:
            return self._trees.there[row]
        if row not in self.elsewhere:
            return sum(persons for (at, _), persons in self.truth.items() if at == row)
        mine = [origin for origin in origins if _may_hold(row, origin)]
        return sum(persons for (origin, county), persons in self._trees.by_pair(knower.column, "origin", mine).items()
                   if self._holder(origin, county) == row)  # fmt: skip

    def _holder(self, origin: str, county: str) -> Row | None:
        """The lowest public row that holds the moves from a prefecture to a county; None where nothing is shown."""
        name = next((name for name, area in self._chains.items() if _lies_in(origin, area)), None)
        if name is None or origin[:4] == county[:4]:
            return None
        return next((row for row in _ladder(name, origin, county) if row in self._trees.there), None)


def _lies_in(origin: str, area: Area) -> bool:
    digits = 2 if area.level == "province" else 4
    return origin[:digits] == area.code[:digits]


def _may_hold(row: Row, origin: str) -> bool:
    """Whether a row can be of an origin at all: it names the prefecture, or no prefecture."""
    return row[1] == origin or not row[1].isdigit()


def _ladder(chain: str, origin: str, county: str) -> list[Row]:
    """Rows that can hold the moves from a prefecture to a county, the finest first."""
    side = f"{'inside' if origin[:2] == county[:2] else 'outside'}_{origin[:2]}0000"
    prefecture, province = f"{county[:4]}00", f"{county[:2]}0000"
    to = [
        ("county", county),
        ("county", REST + prefecture),
        ("prefecture", prefecture),
        ("prefecture", REST + province),
        ("province", province),
        ("province", REST + side),
        ("border", side),
    ]
    above = [
        ("prefecture", REST + chain, "border", side),
        ("area", chain, "border", side),
        ("area", chain, "all", "all"),
    ]
    return [*(("prefecture", origin, *one) for one in to), *above]


class _Program:
    """Linear programs over the hidden cells of a prefecture."""

    def __init__(self, seen: _Seen, bounds: Mapping[str, int]) -> None:
        rows = sorted(seen.total)
        place = {row: number for number, row in enumerate(rows)}
        limits = sorted(bounds)
        of = {county: number for number, county in enumerate(limits)}
        edges, many = seen.edges, len(seen.edges)
        ones = [(place[row], at) for at, (row, _) in enumerate(edges)]
        ones += [(place[row], many + number) for number, row in enumerate(seen.elsewhere)]
        self._width = many + len(seen.elsewhere)
        self._sums = _matrix(ones, len(rows), self._width)
        self._totals = np.array([seen.total[row] for row in rows], float)
        capped = [(of[county], at) for at, (_, county) in enumerate(edges) if county in of]
        self._caps = _matrix(capped, len(limits), self._width) if limits else None
        self._most = np.array([bounds[county] for county in limits], float)

    def fits(self) -> bool:
        """Whether anything fits; true figures always do."""
        return self._solved(np.zeros(self._width)) is not None

    def ends(self, places: Sequence[int]) -> tuple[int, int]:
        """The least and the greatest that some cells together can have."""
        cost = np.zeros(self._width)
        cost[list(places)] = 1
        low, high = (self._solved(sign * cost) for sign in (1, -1))
        if low is None or high is None:
            raise ValueError("a linear program of a prefecture has no end")
        return int(np.ceil(low - NEAR)), int(np.floor(NEAR - high))

    def _solved(self, cost: np.ndarray) -> float | None:
        """The least of a sum, None where nothing fits."""
        given = {"A_eq": self._sums, "b_eq": self._totals, "bounds": (0, None)}
        if self._caps is not None:
            given |= {"A_ub": self._caps, "b_ub": self._most}
        done = linprog(cost, **given)
        if done.status not in (0, NOTHING_FITS):
            raise ValueError("a linear program of a prefecture has no end")
        return float(done.fun) if done.status == 0 else None


def _matrix(ones: Sequence[tuple[int, int]], rows: int, columns: int) -> coo_array:
    at, of = zip(*ones, strict=True) if ones else ((), ())
    return coo_array((np.ones(len(ones)), (at, of)), shape=(rows, columns)).tocsr()


def _words(row: Row) -> str:
    return f"the row {row[1]} to {row[3]}"

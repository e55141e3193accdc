"""What the trees of a date show and hide of each county's arrivals: public rows, and the counties that each may hold.

Arrivals are seen from their origin's prefecture: finer rows divide what is known of a prefecture's moves to a county
and add nothing to it. What is known of the moves from a prefecture to a county is the lowest row that holds them: where
that row is of the county itself they are shown, else it is a sum that several counties share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.contracts import Area
from popflow.disclosure.chain import own_digits
from popflow.disclosure.public_test import Hidden
from popflow.disclosure.rules import Ints
from popflow.geography.codes import prefecture_of

CODE = 1_000_000  # one more than the greatest code
REST = "rest_of_"
INSIDE, OUTSIDE = 1, 2
EVERYBODY = "everybody"  # the measure of all persons; the others are MNOs, of registered persons without a SIM at each


@dataclass(frozen=True)
class Arrived:
    """Arrivals of a date by county, as the trees have them.

    counties: codes. row, county: the edges, a public row and a county that it may hold; open: for each row whether its
    sum is not known either. hidden: persons of each edge by measure; visible: those of each county that rows show.
    """

    counties: list[str]
    row: Ints
    county: Ints
    open: np.ndarray
    hidden: dict[str, Ints]
    visible: dict[str, Ints]

    def seen_by(self, measure: str, bound: Ints) -> Hidden:
        """What is hidden of one measure, each county within a bound."""
        return Hidden(self.row, self.county, self.hidden[measure], self.open, bound)


def arrived(
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    chains: Mapping[str, Area],
    starts: Collection[str],
    ends: Collection[str],
    mnos: Sequence[str],
) -> Arrived:
    """What trees show and hide of arrivals.

    rows: contract `flows`, one release of one date. cells: its exact cells (origin_code, destination_code, persons, and
    registered ones without each MNO in a column of its name). starts, ends: counties in which the eve and the date
    can have ended for somebody.
    """  # fmt: skip
    counties = sorted(set(ends))
    pairs = _pairs(chains, starts, counties)
    persons = _by_pair(cells, pairs, mnos)
    row, rung = _lowest_rows(rows, pairs, list(chains))
    visible = rung == 0
    names, places = np.unique(row[~visible], return_inverse=True)
    edge, of_edge = np.unique(places * len(counties) + pairs.county[~visible], return_inverse=True)
    return Arrived(
        counties,
        edge // len(counties),
        edge % len(counties),
        names < 0,
        {name: _summed(of[~visible], of_edge, len(edge)) for name, of in persons.items()},
        {name: _summed(of[visible], pairs.county[visible], len(counties)) for name, of in persons.items()},
    )


@dataclass(frozen=True)
class Pairs:
    """Every prefecture of an origin with every county of another: codes as numbers, and the chain's place."""

    chain: Ints
    prefecture: Ints
    county: Ints  # place among the counties
    code: Ints

    @property
    def side(self) -> Ints:
        """INSIDE or OUTSIDE the origin's province."""
        return np.where(self.prefecture // 10_000 == self.code // 10_000, INSIDE, OUTSIDE)


def _pairs(chains: Mapping[str, Area], starts: Collection[str], counties: Sequence[str]) -> Pairs:
    origins = sorted({prefecture_of(one) for one in starts})
    chain = {own_digits(area): number for number, area in enumerate(chains.values())}
    of = np.array([chain.get(one[:2], chain.get(one[:4], -1)) for one in origins])
    prefecture, code = np.array([int(one) for one in origins]), np.array([int(one) for one in counties])
    own = np.array([int(prefecture_of(one)) for one in counties])
    first, second = np.repeat(np.arange(len(origins)), len(counties)), np.tile(np.arange(len(counties)), len(origins))
    keep = (of[first] >= 0) & (prefecture[first] != own[second])
    first, second = first[keep], second[keep]
    return Pairs(of[first], prefecture[first], second, code[second])


def _by_pair(cells: pd.DataFrame, pairs: Pairs, mnos: Sequence[str]) -> dict[str, Ints]:
    """Persons of each pair: everybody, and for each MNO the registered ones without a SIM of it."""
    origin = cells["origin_code"].map(_number_of(cells["origin_code"], prefecture_of)).to_numpy(np.int64)
    county = cells["destination_code"].map(_number_of(cells["destination_code"], str)).to_numpy(np.int64)
    key = pairs.prefecture * CODE + pairs.code
    order = np.argsort(key)
    place = order[np.searchsorted(key, origin * CODE + county, sorter=order)]
    columns = {EVERYBODY: "persons"} | {mno: mno for mno in mnos}
    return {name: _summed(cells[column].to_numpy(np.int64), place, len(key)) for name, column in columns.items()}


def _number_of(codes: pd.Series, above: Callable[[str], str]) -> dict[str, int]:
    return {code: int(above(code)) for code in codes.unique()}


def _lowest_rows(rows: pd.DataFrame, pairs: Pairs, names: Sequence[str]) -> tuple[Ints, Ints]:
    """For each pair the lowest public row that holds it, as a number, and its rung; 0: it is of the pair itself.

    A number below 0 is of a chain that shows nothing: its sum is not known.
    """
    found, rung = np.full(len(pairs.code), -1), np.full(len(pairs.code), -1)
    for number, (there, wanted) in enumerate(_ladder(rows, pairs, names)):
        mine = np.isin(wanted, there) & (rung < 0)
        found[mine], rung[mine] = wanted[mine] + number * CODE**2, number
    return np.where(rung < 0, -1 - pairs.chain, found), rung


def _ladder(rows: pd.DataFrame, pairs: Pairs, names: Sequence[str]) -> Iterator[tuple[Ints, Ints]]:
    """Each kind of row, the finest first: the rows that there are, and for each pair the one that would hold it."""
    rest = rows["destination_code"].str.startswith(REST)
    at_prefecture = (rows["origin_level"] == "prefecture") & ~rows["origin_code"].str.startswith(REST)
    above = {
        "county": (pairs.code, pairs.code // 100 * 100),
        "prefecture": (pairs.code // 100 * 100, pairs.code // 10_000 * 10_000),
        "province": (pairs.code // 10_000 * 10_000, pairs.side),
    }
    for level, wanted in above.items():
        for is_rest, code in zip((False, True), wanted, strict=True):
            mine = rows[at_prefecture & (rows["destination_level"] == level) & (rest == is_rest)]
            yield _keys(mine["origin_code"].astype(np.int64), mine["destination_code"]), pairs.prefecture * CODE + code
    border = rows["destination_level"] == "border"
    mine = rows[at_prefecture & border]
    yield _keys(mine["origin_code"].astype(np.int64), mine["destination_code"]), pairs.prefecture * CODE + pairs.side
    number = {name: place for place, name in enumerate(names)}
    for of_rest in (True, False):
        mine = rows[border & ~at_prefecture & (rows["origin_code"].str.startswith(REST) == of_rest)]
        chain = mine["origin_code"].str.removeprefix(REST).map(number)
        yield _keys(chain, mine["destination_code"]), pairs.chain * CODE + pairs.side
    roots = rows.loc[rows["destination_level"] == "all", "origin_code"].map(number)
    yield np.asarray(roots, dtype=np.int64) * CODE, pairs.chain * CODE


def _keys(origin: pd.Series, destination: pd.Series) -> Ints:
    """Rows as numbers of origin and destination."""
    codes = destination.map({code: _number(code) for code in destination.unique()})
    return origin.to_numpy(np.int64) * CODE + codes.to_numpy(np.int64)


def _number(code: str) -> int:
    """A destination's code as a number: that of a place, or of a side of the border; of a rest its parent's."""
    plain = code.removeprefix(REST)
    sides = {"inside": INSIDE, "outside": OUTSIDE}
    return sides.get(plain.partition("_")[0]) or int(plain)


def _summed(values: Ints, group: Ints, groups: int) -> Ints:
    return np.bincount(group, weights=values, minlength=groups).astype(np.int64)  # exact below 2**53

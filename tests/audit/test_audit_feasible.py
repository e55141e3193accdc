"""What the rules let a reader and an MNO infer: the auditor's closed forms against enumeration of all small tables.

The tables are folded by the gate's own code, looked at from outside: which of them look the same, and what then is the
same in all of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from popflow.audit.feasible import BEYOND, Rests, exposed, feasible, stopped_early
from popflow.disclosure.feasibility import Determined
from popflow.disclosure.rules import Rules
from popflow.disclosure.suppression import Objection, fold

K, FLOOR = 4, 2
READER_SIZES = [(4, 12), (5, 8), (6, 6), pytest.param(7, 6, marks=pytest.mark.slow)]


@dataclass(frozen=True)
class Tables:
    """All tables of so many children: persons whom a knower knows and those it does not, and what a fold shows."""

    own: np.ndarray
    unknown: np.ndarray
    shown: np.ndarray
    rest: np.ndarray
    floor: int

    @property
    def persons(self) -> np.ndarray:
        return self.own + self.unknown

    def alike(self) -> np.ndarray:
        """For each table the class of those that look the same to the knower."""
        total = (self.persons * ~self.shown).sum(axis=1)
        seen = np.column_stack([np.where(self.shown, self.persons, -1), self.own, total])
        number = np.zeros(len(seen), dtype=np.int64)
        for column in seen.T:
            number = number * int(column.max() + 2) + column + 1
        return np.unique(number, return_inverse=True)[1]

    def with_a_rest(self, most: int) -> np.ndarray:
        """Tables that show a child, and none that is larger than every figure that a withheld one can have here."""
        smallest = np.where(self.shown, self.persons, BEYOND).min(axis=1)
        return self.rest.any(axis=1) & (smallest <= most)

    def of(self, which: np.ndarray) -> Tables:
        return Tables(self.own[which], self.unknown[which], self.shown[which], self.rest[which], self.floor)

    def rests(self) -> Rests:
        """Their rests as the knower sees them."""
        table, child = np.nonzero(self.rest)
        order = np.where(self.shown, self.persons * 100 + np.arange(self.own.shape[1]), BEYOND)
        first = order.argmin(axis=1)
        own, value = self.own[table, child], self.persons[np.arange(len(first)), first][table]
        joined = ~self._small(self.own, self.unknown) & self.rest
        last = np.where(joined, self.persons * 100 + np.arange(self.own.shape[1]), -1)
        others = self.rest & ~(joined & (last == last.max(axis=1, keepdims=True)))
        persons, unknown = (np.where(others, part, 0).sum(axis=1) for part in (self.persons, self.unknown))
        spare = joined.any(axis=1) & (persons >= K) & (unknown >= self.floor) & (self.rest.sum(axis=1) > 3)
        return Rests(
            rest=table,
            small=np.maximum(K - own, self.floor) if self.floor else np.full(len(own), K),
            joined=value - own - (child > first[table]),
            own=own,
            total=(self.unknown * self.rest).sum(axis=1),
            children=self.rest.sum(axis=1),
            grown=spare,
            k=K,
            floor=self.floor,
        )

    def _small(self, own: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        return (own + unknown < K) | (unknown < self.floor)


def tables(children: int, kinds: list[tuple[int, int]], floor: int, last_rule: Objection | None = None) -> Tables:
    """Every table of children of these kinds (known, unknown), folded; last_rule: the gate's objection, if any."""
    every = np.array(kinds, dtype=np.int64)[list(itertools.product(range(len(kinds)), repeat=children))]
    own, unknown = every[..., 0], every[..., 1]
    large = ((own + unknown).sum(axis=1) >= K) & (unknown.sum(axis=1) >= floor)
    own, unknown = own[large], unknown[large]
    persons = (own + unknown).ravel()
    counts = np.stack([persons, persons, *([unknown.ravel()] if floor else [])], axis=1)
    parent, size = np.repeat(np.arange(len(own)), children), (len(own), children)
    nothing, opened = np.zeros(len(persons), dtype=bool), np.ones(len(own), dtype=bool)
    rules = Rules(K, floor, 3)
    folded = fold(parent, counts, nothing, opened, rules, last_rule)
    return Tables(own, unknown, folded.shown.reshape(size), folded.in_rest.reshape(size), floor)


def reader_kinds(most: int) -> list[tuple[int, int]]:
    return [(0, persons) for persons in range(most + 1)]


class UpTo:
    """The gate's last rule, kept for rests of so many children alone."""

    def __init__(self, children: int, floor: int) -> None:
        self.children, self.rule = children, Determined(Rules(K, floor, 3))

    def __call__(self, siblings, families, withheld, grown):
        return self.rule(siblings, families, withheld, grown) & (withheld <= self.children)


def same_in_all(found: Tables, alike: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each table and column whether all tables that look the same have the same there."""
    low = np.full((alike.max() + 1, values.shape[1]), BEYOND)
    high = np.full(low.shape, -1)
    np.minimum.at(low, alike, values)
    np.maximum.at(high, alike, values)
    return (low == high)[alike]


@pytest.mark.parametrize(("children", "most"), READER_SIZES)
def test_a_reader_infers_exactly_what_enumeration_says(children: int, most: int) -> None:
    """As if no last rule were there, the figures that the closed forms leave are those that some table has."""
    _as_enumerated(tables(children, reader_kinds(most), 0), most)


@pytest.mark.parametrize("children", [4, 5])
def test_an_mno_infers_exactly_what_enumeration_says(children: int) -> None:
    """An MNO that knows 0 or 2 persons of each child, and not 0 to 5 more."""
    _as_enumerated(tables(children, list(itertools.product((0, 2), range(6))), FLOOR), 5)


def _as_enumerated(every: Tables, most: int) -> None:
    which = every.with_a_rest(most)
    found, alike = every.of(which), np.unique(every.alike()[which], return_inverse=True)[1]
    figures = feasible(found.rests(), 3)
    assert len(figures.least) > 1000
    table, child = np.nonzero(found.rest)
    values = found.unknown
    low, high = np.full((alike.max() + 1, values.shape[1]), BEYOND), np.full((alike.max() + 1, values.shape[1]), -1)
    np.minimum.at(low, alike, values)
    np.maximum.at(high, alike, values)
    np.testing.assert_array_equal(figures.least, low[alike[table], child])
    np.testing.assert_array_equal(figures.greatest, high[alike[table], child])


@pytest.mark.parametrize(("children", "most"), READER_SIZES)
def test_what_the_gate_shows_tells_of_no_small_group_and_the_auditor_agrees(children: int, most: int) -> None:
    """Rests of every size, each withheld cell and each sum of them, for a reader who knows the last rule too."""
    _nothing_told(tables(children, reader_kinds(most), 0, Determined(Rules(K, 0, 3))), most, K)


def test_nor_to_an_mno() -> None:
    kinds = list(itertools.product((0, 2), range(5)))
    _nothing_told(tables(5, kinds, FLOOR, Determined(Rules(K, FLOOR, 3))), 4, FLOOR)


def _nothing_told(every: Tables, most: int, limit: int) -> None:
    which = every.with_a_rest(most)
    found, alike = every.of(which), np.unique(every.alike()[which], return_inverse=True)[1]
    children = found.own.shape[1]
    sets = [s for n in range(1, children) for s in itertools.combinations(range(children), n)]
    sums = np.stack([found.unknown[:, one].sum(axis=1) for one in sets], axis=1)
    hidden = np.stack([found.rest[:, one].all(axis=1) for one in sets], axis=1)
    assert not (same_in_all(found, alike, sums) & hidden & (sums > 0) & (sums < limit)).any()
    rests = found.rests()
    assert not exposed(rests, feasible(rests, 3)).any()
    assert not stopped_early(rests, feasible(rests, 3)).any()


@pytest.mark.parametrize(("children", "most"), READER_SIZES)
def test_without_the_last_rule_the_auditor_finds_every_cell_that_is_exposed(children: int, most: int) -> None:
    every = tables(children, reader_kinds(most), 0)
    which = every.with_a_rest(most)
    found, alike = every.of(which), np.unique(every.alike()[which], return_inverse=True)[1]
    small = found.rest & (found.unknown > 0) & (found.unknown < K)
    told = same_in_all(found, alike, found.unknown) & small
    child = exposed(found.rests(), feasible(found.rests(), 3))
    marked = np.zeros(found.rest.shape, dtype=bool)
    marked[np.nonzero(found.rest)] = child
    assert told.any()
    np.testing.assert_array_equal(marked, told)


def test_a_last_rule_that_ends_at_four_children_is_found_out() -> None:
    """The gate as it might be: of rests of five it asks nothing. Each table that it would show differently is found."""
    careless = tables(6, reader_kinds(5), 0, UpTo(4, 0))
    kept = tables(6, reader_kinds(5), 0, Determined(Rules(K, 0, 3)))
    which = careless.with_a_rest(5)
    rests = careless.of(which).rests()
    child = exposed(rests, feasible(rests, 3))
    marked = stopped_early(rests, feasible(rests, 3))
    np.logical_or.at(marked, rests.rest, child)
    other = (careless.shown[which] != kept.shown[which]).any(axis=1)
    assert other.sum() > 5
    np.testing.assert_array_equal(marked, other)


def one_rest(total: int, joined: tuple[int, ...], *, grown: bool = False) -> Rests:
    n = len(joined)
    return Rests(
        rest=np.zeros(n, dtype=np.int64),
        small=np.full(n, 20),
        joined=np.array(joined),
        own=np.zeros(n, dtype=np.int64),
        total=np.array([total]),
        children=np.array([n]),
        grown=np.array([grown]),
        k=20,
        floor=0,
    )


def test_a_rest_at_its_greatest_sum_is_exposed_whatever_its_size() -> None:
    """Fifty children below 20 that sum to 950 are 19 each, unless one of them can have joined."""
    figures = feasible(one_rest(950, (40,) * 50), 3)
    assert (figures.least == 19).all()
    assert exposed(one_rest(950, (40,) * 50), figures).all()
    assert not feasible(one_rest(950, (940,) * 50), 3).one.any()


def test_four_of_nineteen_and_one_of_twenty_beside_twentyfive_is_a_rest_that_the_rules_never_give() -> None:
    """The four were exposed, so the 20 joined; no table fits the five, so the 25 has to join too, and the 60."""
    rests = one_rest(96, (25,) * 5, grown=True)
    assert not feasible(rests, 3).fits.any()
    assert stopped_early(rests, feasible(rests, 3)).all()

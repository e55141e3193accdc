"""What a reader who knows the rules can still work out about the children in a rest, and when a rest must grow.

A viewer (a reader; or an MNO, which knows its own customers in every cell) sees the rest's sum, which children are in
it and which siblings are shown. Every withheld child is either not publishable, so below its bound, or joined, so at
least its bound and before the smallest shown sibling. The worlds that fit are few kinds of boxes cut by the sum:

- no child joined;
- the rest would have been too small without its last child: just that one joined;
- the rest holds as few children as a rest may: any of them joined, but not all.

In each the least and the greatest number of every child follow at once. A child whose number is the same in all worlds
is determined; a rest with a determined group of 1 to k-1 persons (for an MNO: 1 to floor-1 without it) must grow. That
a rest has grown for this reason, or for a threshold of another MNO, only adds worlds to those looked at here, and a
viewer's answer hangs on nothing but what that viewer sees, so that the growing gives nothing away either.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from popflow.disclosure.rules import PERSONS, REGISTERED, WITHOUT, Bools, Ints, Rules
from popflow.disclosure.suppression import Siblings

UNBOUNDED = np.int64(1) << 40  # more persons than there are


@dataclass(frozen=True)
class View:
    """What one viewer knows of rests that hold equally many children: a row is a rest, a column a child."""

    unknown: Ints  # the true numbers, of which only the sum of a rest is used
    bound: Ints  # from here on a child is publishable, as far as this viewer can tell
    known: Ints  # persons of the child that the viewer knows
    known_registered: Ints  # those of them who stand in the register
    joinable_to: Ints  # the greatest unknown number with which the child comes before the smallest shown sibling
    closed: Bools
    threshold: int  # groups of 1 to threshold - 1 are to stay unknown


@dataclass(frozen=True)
class Determined:
    """The objection to rests in which a viewer can work out a small group."""

    rules: Rules

    def __call__(self, siblings: Siblings, families: Ints, withheld: Ints, grown: bool) -> Bools:
        """For each of the families, whether its rest gives away a small group to a reader or an MNO."""
        bad = np.zeros(families.size, dtype=bool)
        for children in np.unique(withheld):
            these = np.flatnonzero(withheld == children)
            for view in _views(siblings, families[these], int(children), self.rules):
                alone = siblings.counts.shape[1] == WITHOUT  # a single MNO: there is no other threshold
                bad[these] |= _gives_away(view, self.rules, empty_is_bad=alone or grown)
        return bad


def _views(siblings: Siblings, families: Ints, children: int, rules: Rules) -> Iterator[View]:
    start = siblings.start[families]
    rows = start[:, None] + np.arange(children)
    counts, closed = siblings.counts[rows], siblings.closed[rows]
    persons, registered = counts[..., PERSONS], counts[..., REGISTERED]
    shown = start + children  # the smallest shown sibling
    comes_first = siblings.node[rows] < siblings.node[shown][:, None]  # wins a tie with it
    at_most = siblings.counts[shown, PERSONS][:, None] - ~comes_first
    nothing = np.zeros_like(persons)
    yield View(persons, np.full_like(persons, rules.k), nothing, nothing, at_most, closed, rules.k)
    for mno in range(WITHOUT, counts.shape[2]):
        without = counts[..., mno]
        known = persons - without
        bound = np.maximum(rules.k - (registered - without), rules.floor)
        yield View(without, bound, known, registered - without, at_most - known, closed, rules.floor)


def _gives_away(view: View, rules: Rules, empty_is_bad: bool) -> Bools:
    """Whether a rest gives away a small group.

    Where no world fits, a child is withheld for a threshold that this viewer cannot test, and can have any number; or
    the rest has grown, and then it goes on growing until one fits (empty_is_bad).
    """
    total = view.unknown.sum(axis=1)
    least = np.full_like(view.unknown, UNBOUNDED)
    greatest = np.full_like(view.unknown, -1)
    for low, high in _worlds(view, rules, total):
        fits = (low <= high).all(axis=1) & (low.sum(axis=1) <= total) & (high.sum(axis=1) >= total)
        child_low = np.maximum(low, (total - high.sum(axis=1))[:, None] + high)
        child_high = np.minimum(high, (total - low.sum(axis=1))[:, None] + low)
        least = np.where(fits[:, None], np.minimum(least, child_low), least)
        greatest = np.where(fits[:, None], np.maximum(greatest, child_high), greatest)
    determined = least == greatest
    others = total - np.where(determined, least, 0).sum(axis=1)
    none_fits = (greatest < 0).all(axis=1)
    small = (determined & _small(least, view.threshold)).any(axis=1) | _small(others, view.threshold)
    return small | (none_fits & empty_is_bad)


def _small(number: Ints, threshold: int) -> Bools:
    return (number >= 1) & (number < threshold)


def _worlds(view: View, rules: Rules, total: Ints) -> Iterator[tuple[Ints, Ints]]:
    """The boxes: for each child the least and the greatest number in one kind of world."""
    children = view.unknown.shape[1]
    low = np.zeros_like(view.unknown)
    high = np.where(view.closed, UNBOUNDED, view.bound - 1)
    yield low, high
    joined_low = (
        np.maximum(view.bound, _least_if_last(view, rules, total)) if children > rules.rest_children else view.bound
    )
    joined_low = np.where(view.closed, UNBOUNDED, joined_low)  # a closed child never joins
    how_many = range(1, children) if children == rules.rest_children else range(1, 2)
    for joined in itertools.chain.from_iterable(itertools.combinations(range(children), n) for n in how_many):
        is_joined = np.isin(np.arange(children), joined)
        yield np.where(is_joined, joined_low, low), np.where(is_joined, view.joinable_to, high)


def _least_if_last(view: View, rules: Rules, total: Ints) -> Ints:
    """The least number of a child without which the rest would not be publishable."""
    too_few_registered = (total + view.known_registered.sum(axis=1))[:, None] - view.known_registered - rules.k + 1
    too_few_unknown = total[:, None] - view.threshold + 1
    return np.minimum(too_few_registered, too_few_unknown)

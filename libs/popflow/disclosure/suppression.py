"""Primary and secondary suppression: which children of a parent are shown, and which are folded into its rest.

Primary: a child that is not publishable. Secondary: siblings that join it until the rest is publishable, holds three
children and tells of none of them. All parents of a step are folded at once on sorted arrays. Under each parent the
children that may not be shown come first, then the others from the smallest (ties: the smaller code). The withheld are
always the beginning of that order, so a fold is one number per parent: how many of its children are withheld.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from popflow.disclosure.rules import PERSONS, Bools, Ints, Rules, publishable


@dataclass(frozen=True)
class Siblings:
    """Children of shown parents, sorted as the fold takes them; a family is all children of one parent."""

    node: Ints  # number of the child within its step; a smaller number is a smaller code
    family: Ints  # number of the child's family
    place: Ints  # place of the child within its family, from 0
    counts: Ints
    closed: Bools  # never to be shown alone, whatever its size
    parent: Ints  # for each family its parent
    start: Ints  # for each family where it begins
    size: Ints  # for each family how many children it has
    unfit: Ints  # for each family how many children are not publishable


class Objection(Protocol):
    """A reason why a rest may not stay as it is, though it is publishable."""

    def __call__(self, siblings: Siblings, families: Ints, withheld: Ints, grown: bool) -> Bools:
        """For each of the families, whether the rest of its first `withheld` children must grow.

        grown: it has grown for an objection before, so it is larger than the thresholds alone would have it.
        """
        ...


@dataclass(frozen=True)
class Folded:
    """For each child of a step whether it is shown, and whether it stands in its parent's rest."""

    shown: Bools
    in_rest: Bools

    def without(self, vetoed: Bools) -> Folded:
        """A fold that shows none of the children for which this is true."""
        return Folded(self.shown & ~vetoed, self.in_rest & ~vetoed)


def fold(
    parent: Ints, counts: Ints, closed: Bools, open_parent: Bools, rules: Rules, objection: Objection | None = None
) -> Folded:
    """Fold every shown parent's children.

    Children that are not publishable are withheld together; the rest must be publishable and hold enough children; if
    not, or if the objection is raised, the smallest publishable sibling joins it. Where that takes every child, or
    where one of fewer than `rest_children` is unfit, the parent shows none and needs no rest.
    """
    siblings = _sorted(parent, counts, closed, open_parent, rules)
    withheld = _first_fit(siblings, rules)
    pending = np.flatnonzero((withheld > 0) & (withheld < siblings.size))
    for grown in itertools.chain([False], itertools.repeat(True)):
        if objection is None or not pending.size:
            break
        pending = pending[objection(siblings, pending, withheld[pending], grown)]
        withheld[pending] += 1
        pending = pending[withheld[pending] < siblings.size[pending]]
    return _by_node(siblings, withheld, len(parent))


def _sorted(parent: Ints, counts: Ints, closed: Bools, open_parent: Bools, rules: Rules) -> Siblings:
    node = np.flatnonzero(open_parent[parent])
    fit = publishable(counts[node], rules) & ~closed[node]
    order = np.lexsort((node, counts[node, PERSONS], fit, parent[node]))
    node, fit = node[order], fit[order]
    families, start, family, size = np.unique(parent[node], return_index=True, return_inverse=True, return_counts=True)
    unfit = np.bincount(family[~fit], minlength=families.size)
    place = np.arange(node.size) - start[family]
    return Siblings(node, family, place, counts[node], closed[node], families, start, size, unfit)


def _first_fit(siblings: Siblings, rules: Rules) -> Ints:
    """For each family the shortest beginning that can be its rest: 0 where none is needed, all where none can."""
    running = np.cumsum(siblings.counts, axis=0)
    before = (running - siblings.counts)[siblings.start]
    rest = running - before[siblings.family]
    many = siblings.place + 1 >= np.maximum(siblings.unfit, rules.rest_children)[siblings.family]
    fits = np.flatnonzero(publishable(rest, rules) & many)
    withheld = siblings.size.copy()
    np.minimum.at(withheld, siblings.family[fits], siblings.place[fits] + 1)
    return np.where(siblings.unfit == 0, 0, withheld)


def _by_node(siblings: Siblings, withheld: Ints, nodes: int) -> Folded:
    shown, in_rest = np.zeros(nodes, dtype=bool), np.zeros(nodes, dtype=bool)
    after = siblings.place >= withheld[siblings.family]
    has_shown = (withheld < siblings.size)[siblings.family]
    shown[siblings.node] = after
    in_rest[siblings.node] = ~after & has_shown
    return Folded(shown, in_rest)

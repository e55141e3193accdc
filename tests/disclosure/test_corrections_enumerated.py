"""What two releases of a date tell whoever knows the rules: every small world, and all worlds that look the same.

A world says of each child of one parent how many stayed, left and joined. All worlds up to a size go through the real
rules of both releases. Those that show the same in both are alike; a number that is the same in all of them is known,
and none of 1 to k-1 may be: of who was there, who is, who stayed, left or joined, in any group of children. The reader
also knows that nobody left, or that nobody joined; without that, less is known. A third release there is none.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from popflow.contracts import load
from popflow.disclosure.chain import Nodes, Tree, steps_of
from popflow.disclosure.correction import Changes, refuse_second
from popflow.disclosure.feasibility import Determined
from popflow.disclosure.rules import Ints, Rules, nobody_or_publishable, publishable
from popflow.disclosure.suppression import fold
from popflow.errors import PopflowError

STEPS = steps_of(load().headline)
K3, K5 = Rules(k=3, floor=1, rest_children=3), Rules(k=5, floor=3, rest_children=3)


@dataclass(frozen=True)
class Worlds:
    """Persons who stayed, left and joined, whom the viewer does not know: world, child."""

    stayed: Ints
    left: Ints
    joined: Ints

    def where(self, keep: np.ndarray) -> Worlds:
        """Some of the worlds."""
        return Worlds(self.stayed[keep], self.left[keep], self.joined[keep])


def tables(total: int, children: int) -> np.ndarray:
    """Every table of so many children with at most so many persons together."""
    bars = np.array(list(itertools.combinations(range(total + children), children)))
    return (np.diff(bars, axis=1, prepend=-1) - 1).astype(np.int64)


def one_way(total: int, children: int, way: str) -> Worlds:
    """All worlds with at most so many persons in which nobody left (way: joined), or nobody joined (left)."""
    pairs = tables(total, 2 * children)
    stayed, moved = pairs[:, :children], pairs[:, children:]
    return Worlds(stayed, *((0 * moved, moved) if way == "joined" else (moved, 0 * moved)))


def both_ways(total: int, children: int) -> Worlds:
    """All worlds with at most so many persons in each release."""
    triples = tables(2 * total, 3 * children).reshape(-1, 3, children)
    stayed, left, joined = triples[:, 0], triples[:, 1], triples[:, 2]
    fits = ((stayed + left).sum(axis=1) <= total) & ((stayed + joined).sum(axis=1) <= total)
    return Worlds(stayed, left, joined).where(fits)


@dataclass(frozen=True)
class Releases:
    """Which children two releases show in each world, whether there is a second one, and whether that shows a whole."""

    first: np.ndarray
    second: np.ndarray
    there: np.ndarray
    has_whole: np.ndarray


def released(counts: dict[str, Ints], rules: Rules, without: str = "") -> Releases:
    """Both releases of all worlds by the real rules, one of which may be left out.

    counts: of those who stayed, left and joined, by world, child and column.
    """
    number, children = counts["stayed"].shape[:2]
    parent = np.repeat(np.arange(number), children)
    flat = {name: column.reshape(number * children, -1) for name, column in counts.items()}
    total = {n: c.sum(axis=1) for n, c in counts.items()}
    before, after = flat["stayed"] + flat["left"], flat["stayed"] + flat["joined"]
    was_open = publishable(total["stayed"] + total["left"], rules)
    is_open = publishable(total["stayed"] + total["joined"], rules)
    nobody_closed = np.zeros(len(parent), dtype=bool)
    first = fold(parent, before, nobody_closed, was_open, rules, Determined(rules))
    closed = nobody_closed if without == "closed" else ~first.shown
    second = fold(parent, after, closed, is_open, rules, Determined(rules))
    steps = [Nodes(STEPS[0], pd.DataFrame(index=range(number)), pd.DataFrame(), np.zeros_like(parent), parent),
             Nodes(STEPS[1], pd.DataFrame(index=parent), pd.DataFrame(), parent, np.arange(len(parent)))]  # fmt: skip
    tree = Tree(pd.MultiIndex.from_arrays([[], []]), steps, {})
    cells = () if without == "large changes" else (flat["joined"], flat["left"])
    again = None if without in ("shown again", "closed") else [was_open, first.shown]
    second = second.without(Changes(tree, cells, rules, (), again)(1, second)[parent])
    changed = (total["joined"] + total["left"])[:, 0] > 0
    large = nobody_or_publishable(total["joined"], rules) & nobody_or_publishable(total["left"], rules)
    shown = (one.shown.reshape(number, children) for one in (first, second))
    return Releases(*shown, was_open & changed & large, is_open)


def known(worlds: Worlds, rules: Rules, without: str = "", own: tuple[int, ...] | None = None) -> int:
    """How many small groups a reader knows in all worlds; with `own`, an MNO with so many customers who stayed."""
    counts = {}
    for name in ("stayed", "left", "joined"):
        others = getattr(worlds, name)
        mine = np.array(own if own and name == "stayed" else 0) + 0 * others
        parts = [others + mine, others + mine, *([others] if own else [])]
        counts[name] = np.stack(parts, axis=-1)
    found = released(counts, rules, without)
    worlds, first, second = worlds.where(found.there), found.first[found.there], found.second[found.there]
    before, after = worlds.stayed + worlds.left, worlds.stayed + worlds.joined
    total = np.where(found.has_whole[found.there], after.sum(axis=1), -1)[:, None]
    sees = [first, np.where(first, before, -1), before.sum(axis=1, keepdims=True)]
    sees += [second, np.where(second, after, -1), total]
    _, alike = np.unique(np.concatenate(sees, axis=1), axis=0, return_inverse=True)
    groups = [list(g) for n in range(1, first.shape[1] + 1) for g in itertools.combinations(range(first.shape[1]), n)]
    numbers = (before, after, worlds.stayed, worlds.left, worlds.joined)
    threshold = rules.floor if own else rules.k
    assert second.any(), "no world shows anything again: nothing was tried"
    return sum(_determined(number[:, group].sum(axis=1), alike, threshold) for number in numbers for group in groups)


def _determined(number: np.ndarray, alike: np.ndarray, threshold: int) -> int:
    least, most = np.full(alike.max() + 1, 1 << 30), np.full(alike.max() + 1, -1)
    np.minimum.at(least, alike, number)
    np.maximum.at(most, alike, number)
    return int(((least == most)[alike] & (number >= 1) & (number < threshold)).sum())


@pytest.mark.parametrize("way", ["joined", "left"])
def test_no_reader_of_two_releases_can_work_out_a_small_group(way: str):
    assert known(one_way(10, 4, way), K3) == 0


@pytest.mark.parametrize("way", ["joined", "left"])
def test_no_mno_that_knows_its_customers_can(way: str):
    assert known(one_way(11, 4, way), K5, own=(2, 2, 2, 2)) == 0


@pytest.mark.parametrize("without", ["closed", "large changes"])
def test_without_one_of_the_rules_a_reader_can(without: str):
    assert known(one_way(9, 4, "joined"), K3, without) > 0


def test_without_the_rule_that_all_are_shown_again_a_reader_can():
    """Four with 3 each, of whom all fall below 3 though only 4 persons left: one left each."""
    assert known(one_way(12, 4, "left"), K3, "shown again") > 0


@pytest.mark.parametrize("k", [3, 20])
def test_of_three_releases_that_first_add_and_then_take_away_single_persons_are_known(k: int):
    """Why a date is corrected once: one figure, every number of who stood in which releases, all changes large."""
    most = 3 * k
    stayed, left_late, joined, left_again = np.indices((most,) * 4, dtype=np.int16).reshape(4, -1)
    moved = [joined + left_again, left_late + left_again, joined, left_late]  # to the 2nd, since it, since the 1st
    fits = np.logical_and.reduce([(one == 0) | (one >= k) for one in moved])
    shows = np.stack([stayed + left_late, sum((stayed, left_late, joined, left_again)), stayed + joined], axis=1)
    fits &= (shows >= k).all(axis=1) & (shows < most).all(axis=1) & (moved[0] > 0) & (moved[1] > 0)
    _, alike = np.unique(shows[fits], axis=0, return_inverse=True)
    assert _determined(stayed[fits], alike.ravel(), k) > 0
    assert _determined(left_again[fits], alike.ravel(), k) > 0
    with pytest.raises(PopflowError, match="a date is corrected once"):
        refuse_second([1, 2], dt.date(2020, 1, 15))
    refuse_second([1], dt.date(2020, 1, 15))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["joined", "left"])
def test_more_children_and_persons(way: str):
    for total, children, rules in ((11, 5, K3), (14, 4, K3), (14, 4, Rules(4, 1, 3))):
        assert known(one_way(total, children, way), rules) == 0
    for own in ((3, 0, 1, 0), (2, 2, 2, 2), (3, 3, 3, 3), (0, 1, 0, 2)):
        assert known(one_way(12, 4, way), K5, own=own) == 0


@pytest.mark.slow
def test_persons_who_left_and_joined_at_once():
    assert known(both_ways(6, 4), K3) == 0

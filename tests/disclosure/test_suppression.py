"""The fold of one parent's children: thresholds, rests, joining siblings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popflow.disclosure.feasibility import Determined
from popflow.disclosure.rules import Rules, publishable
from popflow.disclosure.suppression import Folded, fold

RULES = Rules(k=20, floor=10, rest_children=3)


def counts(persons: list[int], registered: list[int] | None = None, without: list[int] | None = None) -> np.ndarray:
    """Children of whom all are registered and without either MNO, unless it is given for the first."""
    known = registered or persons
    return np.array([persons, known, without or known, known]).T


def folded(children: np.ndarray, closed: tuple[int, ...] = (), rules: Rules = RULES) -> Folded:
    size = len(children)
    shut = np.isin(np.arange(size), closed)
    return fold(np.zeros(size, dtype=int), children, shut, np.array([True]), rules, Determined(rules))


def shown(children: np.ndarray, closed: tuple[int, ...] = ()) -> list[int]:
    return np.flatnonzero(folded(children, closed).shown).tolist()


@pytest.mark.parametrize(("persons", "stands_alone"), [(0, False), (9, False), (10, False), (19, False), (20, True)])
def test_a_child_is_shown_from_20_persons_on(persons: int, stands_alone: bool):
    assert (0 in shown(counts([persons, 500, 600, 700, 800]))) is stands_alone


@pytest.mark.parametrize(("without", "stands_alone"), [(0, False), (9, False), (10, True), (19, True), (20, True)])
def test_a_child_is_shown_from_10_persons_without_an_mno_on(without: int, stands_alone: bool):
    children = counts([300, 500, 600, 700, 800], without=[without, 500, 600, 700, 800])
    assert (0 in shown(children)) is stands_alone


@pytest.mark.parametrize(("registered", "stands_alone"), [(0, False), (19, False), (20, True)])
def test_a_sim_that_is_not_in_the_register_does_not_count_towards_20(registered: int, stands_alone: bool):
    children = counts([300, 500, 600, 700, 800], registered=[registered, 500, 600, 700, 800])
    assert (0 in shown(children)) is stands_alone


def test_with_a_single_mno_only_persons_are_counted():
    assert shown(counts([20, 500, 600, 700])[:, :2]) == [0, 1, 2, 3]


def test_where_all_are_publishable_there_is_no_rest():
    assert not folded(counts([20, 30, 40])).in_rest.any()


def test_the_smallest_publishable_sibling_joins_until_the_rest_is_publishable_and_holds_three():
    result = folded(counts([5, 700, 600, 50, 40]))
    assert np.flatnonzero(result.in_rest).tolist() == [0, 3, 4]
    assert np.flatnonzero(result.shown).tolist() == [1, 2]


def test_the_smaller_code_joins_first_at_a_tie():
    assert np.flatnonzero(folded(counts([5, 0, 40, 40, 40])).in_rest).tolist() == [0, 1, 2]


def test_a_rest_that_is_large_but_not_without_an_mno_goes_on_joining():
    children = counts([9, 9, 9, 50, 60, 70], without=[3, 3, 3, 40, 60, 70])
    assert np.flatnonzero(folded(children).in_rest).tolist() == [0, 1, 2, 3]


def test_a_rest_whose_registered_part_is_too_small_goes_on_joining():
    children = counts([15, 15, 15, 50, 60, 70], registered=[5, 5, 5, 50, 60, 70])
    assert np.flatnonzero(folded(children).in_rest).tolist() == [0, 1, 2, 3]


def test_children_with_nobody_are_in_the_rest():
    assert np.flatnonzero(folded(counts([0, 0, 25, 500, 600, 700])).in_rest).tolist() == [0, 1, 2]


def test_of_two_children_all_are_shown_or_none():
    assert shown(counts([19, 500])) == []
    assert not folded(counts([19, 500])).in_rest.any()
    assert shown(counts([20, 500])) == [0, 1]


def test_a_single_child_is_shown_with_its_parents_figure():
    assert shown(counts([20])) == [0]


def test_where_no_child_is_left_there_is_no_rest_either():
    result = folded(counts([5, 30, 40]))
    assert not result.shown.any()
    assert not result.in_rest.any()


def test_a_closed_child_is_never_alone():
    assert shown(counts([500, 600, 700, 800, 900]), closed=(4,)) == [2, 3]
    assert shown(counts([500, 600]), closed=(0,)) == []
    assert shown(counts([500]), closed=(0,)) == []


def test_a_child_of_a_parent_that_is_not_shown_is_not_shown():
    parent = np.array([0, 0, 0, 1, 1, 1])
    result = fold(parent, counts([500] * 6), np.zeros(6, dtype=bool), np.array([False, True]), RULES)
    assert result.shown.tolist() == [False] * 3 + [True] * 3


def test_a_rest_at_its_upper_edge_grows():
    """Three withheld children with 57 persons, and none of them can be a joined 20: each would be known to be 19."""
    edge = counts([20, 19, 19, 19, 60, 70])[:, :2]
    assert np.flatnonzero(folded(edge).in_rest).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(folded(counts([20, 19, 19, 18, 60, 70])[:, :2]).in_rest).tolist() == [1, 2, 3]


def test_the_upper_edge_of_a_larger_rest():
    """Four with 76 persons beside a 21: had one of them joined, the other three would have been large enough alone.

    The 21 joins; four with 19 and a 21 would be the only ones to fit 97 beside a 60, so that 60 and 70 must follow.
    """
    assert not folded(counts([21, 19, 19, 19, 19, 60, 70])).shown.any()
    assert np.flatnonzero(folded(counts([21, 19, 19, 19, 18, 60, 70])).in_rest).tolist() == [1, 2, 3, 4]


def test_the_upper_edge_counts_for_an_mno_that_knows_its_customers():
    """Ten customers in each of three withheld counties and 27 others: 9 in each, since 10 would be publishable."""
    edge = counts([20, 19, 19, 19, 60, 70, 80], without=[20, 9, 9, 9, 60, 70, 80])
    near = counts([20, 19, 19, 18, 60, 70, 80], without=[20, 9, 9, 8, 60, 70, 80])
    assert len(np.flatnonzero(folded(edge).in_rest)) > 3
    assert np.flatnonzero(folded(near).in_rest).tolist() == [1, 2, 3]


children_strategy = st.lists(
    st.tuples(st.integers(0, 60), st.floats(0.8, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12
)


@settings(max_examples=100, deadline=None)
@given(families=st.lists(children_strategy, min_size=1, max_size=5))
def test_every_fold_adds_up_to_publishable_parts(families: list[list[tuple[int, float, float, float]]]):
    rows, parent = [], []
    for number, family in enumerate(families):
        for persons, registered_share, a, b in family:
            registered = int(persons * registered_share)
            rows.append((persons, registered, int(registered * a), int(registered * b)))
            parent.append(number)
    children, parents = np.array(rows), np.array(parent)
    totals = np.array([children[parents == p].sum(axis=0) for p in range(len(families))])
    open_parent = publishable(totals, RULES)
    result = fold(parents, children, np.zeros(len(rows), dtype=bool), open_parent, RULES, Determined(RULES))
    for family in range(len(families)):
        own = parents == family
        in_rest, alone = own & result.in_rest, own & result.shown
        assert publishable(children[alone], RULES).all()
        if not alone.any():
            assert not in_rest.any()
            continue
        assert open_parent[family]
        assert (in_rest | alone)[own].all()
        if in_rest.any():
            assert in_rest.sum() >= 3
            assert publishable(children[in_rest].sum(axis=0), RULES)
            assert set(np.flatnonzero(own & ~publishable(children, RULES))) <= set(np.flatnonzero(in_rest))

"""The public test against brute force: on small polytopes it says exactly what all that fits them says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from popflow.disclosure.public_test import UNBOUNDED, Hidden, bridges, on_a_cycle, told

K = 4


def hidden(matrix: np.ndarray, bound: list[int], open_rows: tuple[int, ...] = ()) -> Hidden:
    """A matrix of rows by counties; -1: the row may not hold the county."""
    row, county = np.nonzero(matrix >= 0)
    closed = np.array([at in open_rows for at in range(len(matrix))])
    return Hidden(row, county, matrix[row, county].astype(np.int64), closed, np.array(bound, np.int64))


def all_that_fits(matrix: np.ndarray, bound: list[int]) -> list[np.ndarray]:
    """Every matrix with the same row sums whose column sums keep to the bounds."""
    shares = [list(_shares(int(row[row >= 0].sum()), (row >= 0).tolist())) for row in matrix]
    worlds = (np.array(rows) for rows in itertools.product(*shares))
    return [world for world in worlds if (world.sum(axis=0) <= bound).all()]


def _shares(total: int, may: list[bool]) -> Iterator[tuple[int, ...]]:
    if not may:
        if total == 0:
            yield ()
        return
    for one in range(total + 1) if may[0] else (0,):
        for rest in _shares(total - one, may[1:]):
            yield (one, *rest)


def told_by_all(matrix: np.ndarray, bound: list[int]) -> list[bool]:
    worlds = np.array(all_that_fits(matrix, bound))
    assert len(worlds), "the truth fits"
    low, high = worlds.min(axis=0), worlds.max(axis=0)
    sums = worlds.sum(axis=1)
    small = (low == high) & (low >= 1) & (low < K)
    fixed = sums.min(axis=0) == sums.max(axis=0)
    reached = sums.min(axis=0) == bound
    few = fixed & (sums.min(axis=0) >= 1) & (sums.min(axis=0) < K)
    shared = (matrix >= 0).any(axis=0)
    known = (low == high) & (matrix >= 0)
    left = (worlds[0] * ~known).sum(axis=1)  # of each row beside the cells that are known
    beside = known & (known.any(axis=1) & (left >= 1) & (left < K))[:, None]
    return ((small & (matrix >= 0)).any(axis=0) | beside.any(axis=0) | (shared & (reached | few))).tolist()


@pytest.mark.parametrize("seed", range(300))
def test_it_says_what_all_that_fits_says(seed):
    draw = np.random.default_rng(seed)
    rows, counties = int(draw.integers(1, 4)), int(draw.integers(2, 5))
    matrix = draw.integers(0, 5, size=(rows, counties)) * (draw.random((rows, counties)) < 0.7)
    matrix[draw.random((rows, counties)) < 0.25] = -1
    sums = np.where(matrix > 0, matrix, 0).sum(axis=0)
    bound = [int(UNBOUNDED) if draw.random() < 0.2 else int(total + draw.integers(0, 3)) for total in sums]
    assert told(hidden(matrix, bound), K).tolist() == told_by_all(matrix, bound)


def test_what_the_truth_is_makes_no_difference():
    matrix, bound = np.array([[3, 2, 1], [1, 2, 0]]), [4, 4, 3]
    worlds = all_that_fits(matrix, bound)
    assert len(worlds) > 5
    assert len({tuple(told(hidden(world, bound), K)) for world in worlds}) == 1


def test_three_hidden_groups_beside_their_bounds():
    """Seven, twelve and seven: with bounds that are reached in every world, all three are known."""
    assert told(hidden(np.array([[7, 12, 7]]), [7, 12, 7]), 20).all()
    assert not told(hidden(np.array([[7, 12, 7]]), [8, 13, 8]), 20).any()


def test_a_row_whose_sum_is_not_known_tells_nothing():
    alone = np.array([[3]])
    assert told(hidden(alone, [int(UNBOUNDED)]), K).tolist() == [True]
    assert told(hidden(alone, [int(UNBOUNDED)], open_rows=(0,)), K).tolist() == [False]


def test_bridges_are_those_whose_ends_part_without_them():
    for seed in range(200):
        draw = np.random.default_rng(seed)
        vertices = int(draw.integers(2, 9))
        pairs = [pair for pair in itertools.combinations(range(vertices), 2) if draw.random() < 0.35]
        if not pairs:
            continue
        begin, end = (np.array(one) for one in zip(*pairs, strict=True))
        assert bridges(begin, end, vertices).tolist() == [_parts(pairs, pair, vertices) for pair in pairs]


def _parts(pairs: list[tuple[int, int]], without: tuple[int, int], vertices: int) -> bool:
    reached, new = {without[0]}, {without[0]}
    while new:
        new = {b for pair in pairs if pair != without for a, b in (pair, pair[::-1]) if a in new} - reached
        reached |= new
    return without[1] not in reached


def test_an_edge_is_not_its_own_way_back():
    begin, end = np.array([0]), np.array([1])
    both = np.array([True])
    assert on_a_cycle(begin, end, both, both, 2).tolist() == [False]
    triangle = np.array([0, 1, 2]), np.array([1, 2, 0])
    assert on_a_cycle(*triangle, np.ones(3, bool), np.zeros(3, bool), 3).all()

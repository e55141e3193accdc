"""What can be worked out by whoever knows the rules: every small table, and all tables that look the same.

For every table of n children under one parent, all tables are enumerated that show the same, with every number that
they could have (so none is missed at an edge). A number, or the sum of some withheld children, that is the same in all
of them is known; none may be known that is a group of 1 to k-1 persons.
"""

import itertools

import numpy as np
import pytest

from popflow.disclosure.feasibility import Determined
from popflow.disclosure.rules import PERSONS, Rules
from popflow.disclosure.suppression import fold


def tables_up_to(total: int, children: int) -> np.ndarray:
    """Every table of so many children with at most so many persons together."""
    bars = np.array(list(itertools.combinations(range(total + children), children)))
    return np.diff(bars, axis=1, prepend=-1) - 1


def folded(counts: np.ndarray, rules: Rules, last_rule: bool) -> np.ndarray:
    """For tables (table, child, column) which children are shown."""
    tables, children = counts.shape[:2]
    parent, flat = np.repeat(np.arange(tables), children), counts.reshape(tables * children, -1)
    objection = Determined(rules) if last_rule else None
    closed, open_parent = np.zeros(len(flat), dtype=bool), np.ones(tables, dtype=bool)
    return fold(parent, flat, closed, open_parent, rules, objection).shown.reshape(tables, children)


def known(shown: np.ndarray, persons: np.ndarray, unknown: np.ndarray, knows: np.ndarray, threshold: int) -> list[int]:
    """For groups of 1, 2 ... withheld children: how many are determined, and 1 to threshold-1."""
    seen = [shown, np.where(shown, persons, -1), persons.sum(axis=1, keepdims=True), knows]
    _, alike = np.unique(np.concatenate(seen, axis=1), axis=0, return_inverse=True)
    found = []
    for size in range(1, shown.shape[1]):
        groups = [list(group) for group in itertools.combinations(range(shown.shape[1]), size)]
        found.append(sum(_determined(shown, unknown, alike, group, threshold) for group in groups))
    return found


def _determined(shown: np.ndarray, unknown: np.ndarray, alike: np.ndarray, group: list[int], threshold: int) -> int:
    together = unknown[:, group].sum(axis=1)
    least, most = np.full(alike.max() + 1, 1 << 30), np.full(alike.max() + 1, -1)
    np.minimum.at(least, alike, together)
    np.maximum.at(most, alike, together)
    same = (least == most)[alike] & (together >= 1) & (together < threshold)
    return int((same & ~shown[:, group].any(axis=1)).sum())


def reader_grid(children: int, total: int, rules: Rules, last_rule: bool) -> tuple[list[int], np.ndarray, np.ndarray]:
    tables = tables_up_to(total, children)
    tables = tables[tables.sum(axis=1) >= rules.k]
    shown = folded(np.stack([tables, tables], axis=-1), rules, last_rule)
    nothing = np.zeros((len(tables), 0), dtype=int)
    return known(shown, tables, tables, nothing, rules.k), shown, tables


K4 = Rules(k=4, floor=2, rest_children=3)


@pytest.mark.parametrize(("children", "total"), [(2, 24), (3, 36), (4, 30)])
def test_no_reader_can_work_out_a_small_group(children: int, total: int):
    found, _, _ = reader_grid(children, total, K4, last_rule=True)
    assert sum(found) == 0


def test_without_the_last_rule_a_reader_can():
    """A shown 4 beside a rest of three that is 9."""
    found, shown, tables = reader_grid(4, 20, K4, last_rule=False)
    assert sum(found) > 0
    example = (tables == [4, 3, 3, 3]).all(axis=1)
    assert shown[example].tolist() == [[True, False, False, False]]


def mno_grid(children: int, own: int, others: int, rules: Rules, last_rule: bool) -> tuple[list[int], list[int]]:
    """Two MNOs: the first has up to `own` customers in each child and knows them; others are without it."""
    customers = np.array(list(itertools.product(range(own + 1), repeat=children)))
    without = tables_up_to(others, children)
    knows = np.repeat(customers, len(without), axis=0)
    unknown = np.tile(without, (len(customers), 1))
    persons = knows + unknown
    counts = np.stack([persons, persons, unknown, knows], axis=-1)
    total = counts.sum(axis=1)
    ok = (total[:, PERSONS] >= rules.k) & (total[:, 2:] >= rules.floor).all(axis=1)
    shown = folded(counts[ok], rules, last_rule)
    to_mno = known(shown, persons[ok], unknown[ok], knows[ok], rules.floor)
    to_reader = known(shown, persons[ok], persons[ok], knows[ok][:, :0], rules.k)
    return to_mno, to_reader


@pytest.mark.parametrize(("children", "own", "others"), [(3, 4, 10), (4, 2, 10)])
def test_no_mno_can_work_out_a_small_group_without_it(children: int, own: int, others: int):
    to_mno, to_reader = mno_grid(children, own, others, K4, last_rule=True)
    assert sum(to_mno) == 0
    assert sum(to_reader) == 0


def test_without_the_last_rule_an_mno_can():
    assert sum(mno_grid(4, 2, 10, K4, last_rule=False)[0]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("last_rule", [True, False])
def test_the_whole_grid_and_what_the_last_rule_costs(last_rule: bool, capsys: pytest.CaptureFixture[str]):
    """Every table of 4 children with counts up to 12, among all that could look the same."""
    found, shown, tables = reader_grid(4, 48, K4, last_rule)
    grid = (tables <= 12).all(axis=1)
    withheld, flow = int((~shown[grid]).sum()), tables[grid][shown[grid]].sum() / tables[grid].sum()
    with capsys.disabled():
        print(f"\nlast rule {last_rule}: {withheld:,} withheld, determined {found}, {flow:.2%} of flow shown")
    assert (withheld, sum(found)) == ((66_847, 0) if last_rule else (66_836, 17))


@pytest.mark.slow
def test_five_children_and_more_knowing_mnos():
    assert sum(reader_grid(5, 30, K4, last_rule=True)[0]) == 0
    assert sum(reader_grid(5, 30, K4, last_rule=False)[0][2:3]) > 0  # groups of three, no single child among them
    for grid in (mno_grid(4, 3, 10, K4, True), mno_grid(3, 4, 12, Rules(5, 3, 3), True)):
        assert grid == ([0] * len(grid[0]), [0] * len(grid[0]))

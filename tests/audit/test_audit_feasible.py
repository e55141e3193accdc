"""What the rules let a reader and an MNO infer: the auditor's bounds against plain enumeration of all small tables."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable

import pytest

from popflow.audit.enumerate import Group, exposed, feasible_values

K, FLOOR = 4, 2
Table = tuple[tuple[int, int], ...]  # per child: persons whom the knower knows, the others


def large(values: list[tuple[int, int]], floor: int) -> bool:
    return sum(own + w for own, w in values) >= K and sum(w for _, w in values) >= floor


def folded(table: Table, floor: int, exposing: Callable | None = None) -> tuple[int, ...] | None:
    """Places of the withheld children, () where all are shown, None where the parent shows none."""
    hidden = [i for i, child in enumerate(table) if not large([child], floor)]
    if not hidden or len(table) == 1:
        return ()
    others = sorted((i for i in range(len(table)) if i not in hidden), key=lambda i: (sum(table[i]), i))
    while not (
        len(hidden) >= 3
        and large([table[i] for i in hidden], floor)
        and not (exposing and others and len(hidden) <= 4 and exposing(table, sorted(hidden), others[0]))
    ):
        if not others or len(table) < 3:
            return None
        hidden.append(others.pop(0))
    return tuple(sorted(hidden)) if others else None


def seen(table: Table, hidden: tuple[int, ...] | None) -> tuple:
    """What the knower sees of a table: its own persons, and what is published."""
    own, sums = tuple(child[0] for child in table), [sum(child) for child in table]
    if hidden is None:
        return own, None, sum(sums)
    return own, tuple(None if i in hidden else sums[i] for i in range(len(table))), sum(sums[i] for i in hidden)


def group_of(table: Table, hidden: list[int], first_shown: int, floor: int) -> Group:
    value = sum(table[first_shown])
    own = tuple(table[i][0] for i in hidden)
    return Group(
        own=own,
        small=tuple(max(K - one, floor) for one in own),
        joined=tuple(value - one - (i > first_shown) for one, i in zip(own, hidden, strict=True)),
        total=sum(table[i][1] for i in hidden),
        k=K,
        floor=floor,
    )


def smallest_shown(table: Table, hidden: tuple[int, ...]) -> int:
    return min((i for i in range(len(table)) if i not in hidden), key=lambda i: (sum(table[i]), i))


def alike(tables: list[Table], floor: int, exposing: Callable | None = None) -> dict[tuple, list[tuple[Table, tuple]]]:
    """Tables by what is seen of them."""
    found = defaultdict(list)
    for table in tables:
        if large(list(table), floor):
            hidden = folded(table, floor, exposing)
            found[seen(table, hidden)].append((table, hidden))
    return found


def reader_tables(children: int, most: int) -> list[Table]:
    return [tuple((0, n) for n in counts) for counts in itertools.product(range(most + 1), repeat=children)]


@pytest.mark.parametrize("children", [3, 4])
def test_a_reader_infers_exactly_what_enumeration_says(children: int) -> None:
    """Every table of up to 4 children with counts up to 12 and k = 4, as if no last rule were there."""
    for same in alike(reader_tables(children, 12), 0).values():
        _as_enumerated(same, 0)


def test_an_mno_infers_exactly_what_enumeration_says() -> None:
    """Every table of 4 children of which an MNO knows 0 or 2 persons and not 0 to 6."""
    tables = list(itertools.product(list(itertools.product((0, 2), range(7))), repeat=4))
    for same in alike(tables, FLOOR).values():
        table, hidden = same[0]
        if hidden and sum(table[smallest_shown(table, hidden)]) <= 6:  # else a child may have joined with more than 6
            _as_enumerated(same, FLOOR)


def _as_enumerated(same: list[tuple[Table, tuple]], floor: int) -> None:
    table, hidden = same[0]
    if not hidden or len(hidden) < 3:
        return
    possible = feasible_values(group_of(table, list(hidden), smallest_shown(table, hidden), floor))
    for place, values in zip(hidden, possible, strict=True):
        true = {other[place][1] for other, _ in same}
        assert (len(values) == 1) == (len(true) == 1)
        assert values <= true


def test_without_the_last_rule_some_cells_are_exposed() -> None:
    """A shown 4 beside a rest of three that is 9: all three are 3."""
    tables = alike(reader_tables(4, 12), 0)
    withheld = exposures = 0
    for same in tables.values():
        for place in range(4):
            values = {table[place][1] for table, _ in same}
            hidden = same[0][1] is None or place in same[0][1]
            withheld += len(same) * hidden
            exposures += len(same) * (hidden and len(values) == 1 and 0 < min(values) < K)
    assert (withheld, exposures) == (66_836, 14)
    assert exposed(Group(own=(0, 0, 0), small=(4, 4, 4), joined=(3, 3, 3), total=9, k=4, floor=0))


def test_with_the_last_rule_no_cell_is_exposed() -> None:
    """Nor by a reader who knows that rule too."""

    def exposing(table: Table, hidden: list[int], first: int) -> bool:
        return exposed(group_of(table, hidden, first, 0))

    for same in alike(reader_tables(4, 12), 0, exposing).values():
        for place in same[0][1] or ():
            values = {table[place][1] for table, _ in same}
            assert len(values) > 1 or not 0 < min(values) < K


def test_a_rest_at_its_greatest_sum_is_exposed_whatever_its_size() -> None:
    """Five children below 20 that sum to 95 are 19 each, unless one of them can have joined."""
    five = {"own": (0,) * 5, "small": (20,) * 5, "k": 20, "floor": 0}
    assert feasible_values(Group(joined=(40,) * 5, total=95, **five)) == [{19}] * 5
    assert feasible_values(Group(joined=(90,) * 5, total=95, **five)) != [{19}] * 5


def test_an_mno_knows_less_where_another_persons_count_is_open() -> None:
    """Of 21 persons an MNO knows (9, 8, 0): without it 4 remain, and any split of them is possible."""
    group = Group(own=(9, 8, 0), small=(11, 12, 20), joined=(0, 0, 0), total=4, k=20, floor=10)
    assert not exposed(group)

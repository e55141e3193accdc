"""Arrivals in hundreds beside trees: all small worlds, by the gate's own rules. Earlier designs leak in it."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from small_worlds import FLOOR, Outcome, Tree, Worlds, enumerate_worlds, public_test, rests

# most: persons of a rest; beside: what other rows show of a county; trees: that are drawn, with one rest and with two.
SHORT = {"most": 9, "siblings": ((4, 4),), "beside": (15, 18, 20, 22), "trees": 12}
LONG = {"most": 12, "siblings": ((3, 3), (5, 4)), "beside": (14, 16, 17, 18, 19, 20, 21, 22), "trees": 700}


@functools.cache
def worlds(viewer: str, most: int, siblings: tuple, beside: tuple[int, ...], trees: int) -> Worlds:
    """One rest, and two that hold the same three counties, as a reader or an MNO sees them."""
    shown = list(itertools.combinations_with_replacement(beside, 3))
    by_public: dict[tuple, set] = {}
    for sibling in siblings:
        for mine, others in rests(most, sibling):
            known, cells = _seen(viewer, mine, others)
            by_public.setdefault((known, sum(cells)), set()).add(cells)
    draw, keys, made = np.random.default_rng(1), sorted(by_public), {}
    for at in range(2 * trees):
        few = [keys[int(one)] for one in draw.integers(len(keys), size=1 + at % 2)]
        tree = _tree(viewer, few, shown[int(draw.integers(len(shown)))])
        made[tree] = list(itertools.product(*(sorted(by_public[one]) for one in few)))
    return made


def _seen(viewer: str, mine: tuple[int, ...], others: tuple[int, ...]) -> tuple:
    """Whom a viewer knows of each cell, and whom not: of its own customers an MNO knows all, a reader nobody."""
    if viewer == "reader":
        return (0, 0, 0), tuple(a + b for a, b in zip(mine, others, strict=True))
    return mine, others


def _tree(viewer: str, of_rests: list[tuple], shown: tuple[int, ...]) -> Tree:
    known = tuple(sum(of) for of in zip(*(known for known, _ in of_rests), strict=True))
    least = {} if viewer == "reader" else {"least": FLOOR}
    return Tree(tuple(total for _, total in of_rests), shown, known, **least)


def of(viewer: str, size: dict, **how) -> Outcome:
    return enumerate_worlds(worlds(viewer, **size), **how)


@pytest.mark.parametrize("viewer", ["reader", "mno"])
@pytest.mark.parametrize("size", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)], ids=["short", "long"])
def test_no_small_group_is_known(viewer, size):
    found = of(viewer, size, test=public_test)
    print(f"{viewer}: {found.worlds:,} worlds in {found.classes:,} classes")
    assert found.worlds > 10_000_000
    assert (found.known, found.example) == (0, "")


def test_without_the_test_some_are_known():
    assert of("reader", SHORT, test=None).known > 0


@pytest.mark.parametrize("viewer", ["reader", "mno"])
@pytest.mark.parametrize(
    ("design", "how"),
    [
        ("no test", {"test": None}),
        ("room by hidden numbers", {"test": None, "room": True}),
        ("cells alone tested", {"test": functools.partial(public_test, cells_alone=True)}),
        ("all figures withheld", {"test": public_test, "withheld": True}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.slow
def test_earlier_designs_leak_and_the_suite_sees_it(viewer, design, how):
    found = of(viewer, SHORT | {"trees": 150}, **how)
    print(f"{viewer}, {design}: {found.known:,} of {found.classes:,} classes, such as {found.example}")
    assert found.known > 0

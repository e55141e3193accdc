"""Daily rows of trees are never linked across days: why the auditor looks at daily flows date by date.

Shown on all life courses of three nights in a small nation, with what the real gate publishes of each night (k = 2).
A life course is where a person ends each day; it adds one to one cell a night, or to none. For every night and cell
some life course adds to this cell and to nothing else. So whatever tables the nights have, there are people who lived
so; which tables one night can have does not hang on those of the others, and neither does what anybody can conclude.
"""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest

from popflow import contracts, disclosure
from popflow.contracts import Area
from popflow.disclosure import rules as gate_rules

NIGHTS, MOST, K = 3, 2, 2
A, B, C, D = PLACES = ("420102", "420202", "420302", "430102")
MOVES = [(o, d) for o in PLACES for d in PLACES if o != d]
LIFE_COURSES = list(itertools.product(PLACES, repeat=NIGHTS + 1))
HUNAN = Area(level="province", code="430000", name_zh="湖南", name_en="Hunan")
WORLDS = {
    "one chain": ([(A, D), (B, D), (C, D)], {}),
    "connected chains": ([(A, D), (D, A), (D, C)], {"hunan": HUNAN}),
    "four cells": ([(A, D), (B, D), (C, D), (A, B)], {}),
}


def rows_added(course: tuple[str, ...]) -> np.ndarray:
    """What a life course adds to each night and move."""
    moves = list(itertools.pairwise(course))
    return np.array([[int(move == one) for one in MOVES] for move in moves])


ADDED = np.array([rows_added(course) for course in LIFE_COURSES])  # life course, night, move


@pytest.fixture(
    scope="module", params=["one chain", "connected chains", pytest.param("four cells", marks=pytest.mark.slow)]
)
def world(request) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The moves that persons make; all tables of one night; and for each which class of equal publications it is in."""
    cells, areas = WORLDS[request.param]
    tables = np.array(list(itertools.product(range(MOST + 1), repeat=len(cells))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate_rules, "K_MINIMUM", K)
        published = [_published(cells, table, areas) for table in tables.tolist()]
    numbers = {one: number for number, one in enumerate(dict.fromkeys(published))}
    return [MOVES.index(cell) for cell in cells], tables, np.array([numbers[one] for one in published])


def _published(cells: list[tuple[str, str]], table: list[int], areas: dict[str, Area]) -> tuple:
    known = contracts.load()
    columns = ["origin_county", "destination_county", "persons", "persons_registered", "persons_without"]
    moves = [(*cell, n, n, {"mobile": n}) for cell, n in zip(cells, table, strict=True)]
    made = disclosure.protect_flows(
        pd.DataFrame(moves, columns=columns),
        date=dt.date(2020, 1, 10),
        release=1,
        areas=known.areas | areas,
        covered_counties=PLACES,
        mnos=["mobile"],
        rules=known.disclosure.model_copy(update={"k": K}),
        indicator=known.headline,
    )
    return tuple(map(tuple, made.rows.to_numpy()))


def test_each_cell_of_each_night_has_people_who_are_in_no_other() -> None:
    """Of all 256 life courses those that make one move in three nights are one for each night and move."""
    alone = {one.tobytes() for one in ADDED if one.sum() == 1}
    wanted = np.eye(NIGHTS * len(MOVES), dtype=ADDED.dtype).reshape(-1, NIGHTS, len(MOVES))
    assert alone == {one.tobytes() for one in wanted}


def people(tables: np.ndarray, at: list[int]) -> np.ndarray:
    """How many of each life course there are in populations whose nights have these tables; tables: night, cell."""
    found = np.zeros((len(tables), len(LIFE_COURSES)), dtype=np.int64)
    for night, (cell, move) in itertools.product(range(NIGHTS), enumerate(at)):
        origin, destination = MOVES[move]
        course = (origin,) * (night + 1) + (destination,) * (NIGHTS - night)
        found[:, LIFE_COURSES.index(course)] += tables[:, night, cell]
    return found


def test_what_three_nights_tell_of_one_is_what_it_tells_alone(world) -> None:
    """All tables of three nights are lived, so three publications leave of each night all that its own leaves."""
    at, tables, classes = world
    sizes = np.bincount(classes)
    assert 3 < len(sizes) < len(tables)
    assert sizes.max() > 3
    several = np.flatnonzero(sizes[classes] > 1)[:: max(1, len(tables) // 16)]
    chosen = np.array(list(itertools.product(several, range(len(tables)), range(len(tables)))))
    lived = np.einsum("pc,cnm->pnm", people(tables[chosen], at), ADDED)
    np.testing.assert_array_equal(lived[:, :, at], tables[chosen])
    assert lived.sum() == tables[chosen].sum()
    frame = pd.DataFrame(classes[chosen]).assign(table=chosen[:, 2])
    left = frame.groupby([0, 1, 2])["table"].nunique()
    np.testing.assert_array_equal(left.to_numpy(), sizes[left.index.get_level_values(2)])


def test_with_a_block_of_the_nights_they_would_be_linked() -> None:
    """Why blocks went: no move is in a day's row alone, and block less days is a group of persons: 115 - 50 - 60 = 5.

    Who left Hubei on one night cannot leave again on the next, so a block of three nights less the last two are those
    who left on the first for the last time, whatever is shown of it.
    """
    left = ADDED[:, :, [MOVES.index((origin, D)) for origin in (A, B, C)]].sum(axis=2)
    block = (left.sum(axis=1) > 0).astype(np.int64)
    assert block[left.any(axis=1)].all()
    first_and_last = (left[:, 0] == 1) & (left[:, 2] == 0)
    np.testing.assert_array_equal(block - left[:, 1] - left[:, 2], first_and_last)

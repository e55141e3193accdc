"""Arrivals in hundreds beside the trees: gate and attacker read the rows alike, and what is planted is found."""

from __future__ import annotations

import numpy as np
import pytest

from popflow.audit.arrived import EVERYBODY, Knower, _Seen
from popflow.audit.hundreds import figures_findings
from popflow.audit.planted_counts import LEAKS, plant_in
from popflow.disclosure.arrivals import EVERYBODY as ALL_OF_THEM
from toy_arrivals import COUNTIES, MNOS, PREFECTURES, Toy, toy

SEEDS = [1, 3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 2, 4, 5))]
MADE: dict[int, Toy] = {}


def made(seed: int) -> Toy:
    """A date for a seed, busier with every third."""
    return MADE.setdefault(seed, toy(seed, many=(0.012, 0.004, 0.03)[seed % 3]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("measure", [None, *MNOS[:1]])
def test_gate_and_attacker_read_the_same_of_the_rows(seed, measure):
    """Two readings of the ladder, by arrays and by names, find the same shown and hidden persons of every county."""
    found, trees = made(seed).arrived(), made(seed).figures().trees
    measure_there = measure or ALL_OF_THEM
    for prefecture in PREFECTURES:
        seen = _Seen(trees, prefecture, Knower("x", f"without_{measure}" if measure else EVERYBODY, 20, {}))
        hidden: dict[str, int] = {}
        groups: dict[tuple, set[str]] = {}
        for (row, county), persons in seen.truth.items():
            hidden[county] = hidden.get(county, 0) + persons
            groups.setdefault(row, set()).add(county)
        mine = [place for place, county in enumerate(COUNTIES) if county[:4] == prefecture[:4]]
        closed = ~found.open[found.row]
        of_closed = np.bincount(found.county[closed], found.hidden[measure_there][closed], len(COUNTIES))
        assert {COUNTIES[at]: int(of_closed[at]) for at in mine} == {
            COUNTIES[at]: hidden.get(COUNTIES[at], 0) for at in mine
        }
        shown = {COUNTIES[at]: int(found.visible[measure_there][at]) for at in mine}
        assert shown == {county: seen.visible.get(county, 0) for county in shown}
        edges = {
            (r, c)
            for r, c, open_row in zip(found.row, found.county, ~closed, strict=True)
            if c in mine and not open_row
        }
        assert len(edges) == len(seen.truth)
        of_rows: dict[int, set[str]] = {}
        for row, county in edges:
            of_rows.setdefault(row, set()).add(COUNTIES[county])
        assert sorted(map(sorted, of_rows.values())) == sorted(map(sorted, groups.values()))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gates_figures_are_good(seed):
    figures = made(seed).figures(drawn=tuple(PREFECTURES)[seed % 3 :: 3])
    assert len(figures.rows) > 5
    assert [finding.text() for finding in figures_findings(figures)] == []


def test_every_planted_mistake_is_found():
    outcomes: dict[str, set[str]] = {leak.name: set() for leak in LEAKS}
    for seed in (1, 3):  # in which a prefecture is drawn that shares nothing out elsewhere
        for planted in plant_in(made(seed).figures(drawn=("420100", "430100")), np.random.default_rng(seed), []):
            outcomes[planted.leak].add(planted.outcome)
    assert {leak for leak, found in outcomes.items() if "missed" in found} == set()
    assert {leak for leak, found in outcomes.items() if "caught" not in found} == set()


def test_other_persons_than_the_trees_are_refused_by_the_gate_too(contracts):
    from popflow.errors import PopflowError

    one = made(1)
    first = one.arrivals.index[one.arrivals["part"] == "cross"][0]
    wrong = one.arrivals.assign(persons=one.arrivals["persons"] + (one.arrivals.index == first))
    with pytest.raises(PopflowError, match="are not those of the flows"):
        Toy(one.moves, wrong, one.flows).figures()

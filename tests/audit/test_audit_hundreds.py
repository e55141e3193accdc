"""The attacker on figures in hundreds: the gate's are good, each mistake planted in them is found, and by its code."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from hundreds_tables import DATE, KEY, MNOS, counts, everyone
from popflow.audit.hundreds import Figures, figures_findings
from popflow.audit.planted_counts import LEAKS, plant_in
from popflow.disclosure import protect_counts

COUNTIES = [f"4201{n:02}" for n in range(1, 41)]


def population(rng: np.random.Generator) -> pd.DataFrame:
    """Counties small and large, at two hours; of some an MNO knows nearly everybody."""
    rows = []
    for county in COUNTIES:
        for hour in (3, 10):
            persons = int(rng.choice([40, 950, 1040, 3000, 80_000])) + int(rng.integers(60))
            registered = persons - int(rng.integers(0, 5))
            without = tuple(int(one) for one in rng.integers(20, registered + 1, 3))
            rows.append(everyone(county, persons, hour, registered, without))
    return counts(*rows)


def daytime(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for county in COUNTIES:
        for part, most in (("visitors", 900), ("residents", 60)):
            persons = int(rng.integers(1, most))
            without = tuple(int(one) for one in rng.integers(persons // 3, persons + 1, 3))
            rows.append((county, part, None, persons, persons, without))
    return counts(*rows, definition="daytime-1")


OF_MOVERS = {"figures that leave no room beside the trees", "figure of other persons than the trees'"}
MADE = {"population": population, "daytime": daytime}


def figures(contracts, name: str, seed: int) -> Figures:
    exact, indicator = MADE[name](np.random.default_rng(seed)), contracts.hundreds[name]
    table = protect_counts(exact, indicator=indicator, date=DATE, mnos=MNOS, rules=contracts.disclosure, key=KEY,
                           counties=COUNTIES)  # fmt: skip
    rows = table.rows_table.to_pandas(date_as_object=True)
    return Figures(indicator, DATE, rows, MNOS, contracts.disclosure, exact, KEY)


@pytest.mark.parametrize("name", list(MADE))
@pytest.mark.parametrize("seed", range(8))
def test_gate_and_attacker_agree_to_the_figure(contracts, name, seed):
    made = figures(contracts, name, seed)
    assert len(made.rows) > 3
    assert list(figures_findings(made)) == []


@pytest.mark.parametrize("name", list(MADE))
def test_every_planted_mistake_is_found(contracts, name):
    outcomes: dict[str, set[str]] = {leak.name: set() for leak in LEAKS}
    for seed in range(6):
        for planted in plant_in(figures(contracts, name, seed), np.random.default_rng(seed), []):
            outcomes[planted.leak].add(planted.outcome)
    missed = {leak for leak, found in outcomes.items() if "missed" in found}
    never = {leak for leak, found in outcomes.items() if "caught" not in found}
    assert missed == set()
    assert never - {"county without the part that has to be there"} == OF_MOVERS | {"offsets of another date"}
    assert ("county without the part that has to be there" in never) == (name == "population")


def test_a_plant_that_nobody_would_find_counts_as_missed(contracts, monkeypatch):
    monkeypatch.setattr("popflow.audit.planted_counts.figures_findings", lambda _: iter(()))
    outcomes = {one.outcome for one in plant_in(figures(contracts, "population", 0), np.random.default_rng(0), [])}
    assert outcomes == {"missed", "not applicable"}


def test_the_figures_alone_are_looked_at_where_the_exact_table_is_gone(contracts):
    made = figures(contracts, "population", 0)
    alone = made.planted(exact=None, key=None)
    assert list(figures_findings(alone)) == []
    odd = alone.planted(rows=made.rows.assign(persons=made.rows["persons"] + 1))
    assert {finding.code for finding in figures_findings(odd)} == {"B1"}
    small = alone.planted(rows=made.rows.assign(persons=900))
    assert {finding.code for finding in figures_findings(small)} == {"B2"}


def test_what_is_outside_the_contract_is_said(contracts):
    made = figures(contracts, "population", 0)
    for changed, code in (
        ({"county_code": "420199x"}, "B4"),
        ({"group_code": "wuhan"}, "B4"),
        ({"hour": 24}, "B4"),
        ({"definition": "population-0"}, "B4"),
        ({"indicator": "stock"}, "B4"),
        ({"date": DATE + dt.timedelta(days=1)}, "B4"),
        ({"release": 2}, "B3"),
    ):
        found = {one.code for one in figures_findings(made.planted(rows=made.rows.assign(**changed)))}
        assert code in found, changed

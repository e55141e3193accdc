"""Nineteen nights of seeded nations, and everything that states say recomputed from each person's whole history.

The nights go beyond the 7 days for which a day end is carried; whoever is silent for longer disappears and appears
again as somebody without a past.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from seeded_nation import presence_rows, register_frame, register_rows

from popflow.movement.flows import counted, moves
from popflow.movement.person_days import person_days
from popflow.movement.person_states import person_states
from popflow.movement.sims import sim_days

pytestmark = pytest.mark.slow
FIRST, NIGHTS, PERSONS = dt.date(2020, 1, 12), 19, 150
SEEN = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"
DAY = dt.timedelta(days=1)


@dataclass
class Night:
    """Rows of one date's tables."""

    days: list
    states: list
    flows: list = field(default_factory=list)


@dataclass
class PersonDate:
    """A person who is in a state: what the history says of them on a date."""

    origin: str | None
    day_end: str


@pytest.fixture(scope="module", params=[1, 2])
def nights(request, spark, contracts, key_path):
    """Per date: rows of person_day, person_state and flows."""
    rng, bits = np.random.default_rng(request.param), contracts.mno_bits()
    register = spark.createDataFrame(register_frame(spark, contracts, register_rows(PERSONS, rng)).toArrow())
    state, found, states = None, {}, []
    for offset, rows in enumerate(presence_rows(PERSONS, NIGHTS, rng, absent=0.04)):
        date = FIRST + offset * DAY
        sims = sim_days(spark.createDataFrame(rows, SEEN), register, bits, str(key_path))
        days = person_days(sims, state, date).toArrow()
        states.append(person_states(state, spark.createDataFrame(days), date).toArrow())
        state = spark.createDataFrame(states[-1])
        found[date] = Night(_rows(days), _rows(states[-1]))
    every = spark.createDataFrame(pa.concat_tables(states))  # each table is of its own date
    for row in counted(moves(every), bits).collect():
        found[row.date].flows.append(row)
    return found


def _rows(table: pa.Table) -> list[SimpleNamespace]:
    return [SimpleNamespace(**row) for row in table.to_pylist()]


@pytest.fixture(scope="module")
def histories(nights) -> dict[dt.date, dict[str, PersonDate]]:
    """The slow way: for each date, each person's days so far, from the last time that they appeared."""
    seen: dict[str, list] = {}
    known: dict[dt.date, dict[str, PersonDate]] = {}
    for date, night in nights.items():
        for row in night.days:
            seen.setdefault(row.person_key, []).append(row)
        known[date] = {p: _on(date, _life(rows)) for p, rows in seen.items() if (date - rows[-1].event_date).days <= 7}
    return known


def _life(days: list) -> list:
    """The days since the person last appeared: a silence of more than 7 days ends what was known."""
    since = 0
    for at, (before, after) in enumerate(itertools.pairwise(days), start=1):
        if (after.event_date - before.event_date).days > 8:
            since = at
    return days[since:]


def _on(date: dt.date, days: list) -> PersonDate:
    before = [day for day in days if day.event_date < date]
    origin = before[-1].day_end_county if before else None
    return PersonDate(origin, days[-1].day_end_county)


def test_the_nations_are_hard_enough(histories):
    """People disappear, appear again, and are carried; otherwise nothing here is tried."""
    known = [set(persons) for persons in histories.values()]
    assert sum(len(before - after) for before, after in itertools.pairwise(known)) > 20
    assert sum(len(after - before) for before, after in itertools.pairwise(known[9:])) > 5


def test_states_are_those_of_the_histories(nights, histories):
    for date, night in nights.items():
        found = {row.person_key: (row.origin_county, row.day_end_county) for row in night.states}
        assert found == {p: (one.origin, one.day_end) for p, one in histories[date].items()}, date


def test_populations_balance_in_every_county_on_every_date(nights):
    for (_, before), (date, night) in itertools.pairwise(nights.items()):
        was, ended = ({row.person_key: row.day_end_county for row in one.states} for one in (before, night))
        balance = Counter(was.values())
        balance.update(f.destination_county for f in night.flows for _ in range(f.persons))
        balance.subtract(f.origin_county for f in night.flows for _ in range(f.persons))
        balance.update(county for person, county in ended.items() if person not in was)
        balance.subtract(county for person, county in was.items() if person not in ended)
        assert {c: n for c, n in balance.items() if n} == Counter(ended.values()), date


def test_each_person_is_in_at_most_one_cell_on_every_date(nights, histories):
    for date, night in nights.items():
        cells = Counter((one.origin, one.day_end) for one in histories[date].values() if one.origin)
        assert {(f.origin_county, f.destination_county): f.persons for f in night.flows} == cells, date

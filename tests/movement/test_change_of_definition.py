"""A night by `day-end-2` after one by `day-end-1`: whoever has not moved is no mover because the rule has changed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_slot_logic import plain_day
from seeded_nation import FIRST, presence_rows, register_rows
from test_slot_logic import person_days as any_days

from popflow.accuracy.short_way import Persons
from popflow.intake.keys import read_secret
from popflow.movement.definition import DEFINITION
from popflow.movement.person_states import as_defined_now, person_states

OLD = "day-end-1"
HOME, WORK, ABROAD = "420102", "420106", "430102"
SEEN = ["mno", "sim_token", "county_code", "slots_lo", "slots_hi"]
STATE = ["person_key", "speaker", "origin_county", "day_end_county", "trailing_county", "silent_slots", "last_seen"]


@pytest.fixture(scope="module")
def two_nights(contracts, key_path):
    """States of two dates by person, the first by either definition and the second by that of now."""
    fields = [field for field in contracts.table("subscribers").arrow_schema() if field.name != "mno_mask"]
    rng = np.random.default_rng(20200123)
    rows = [dict(zip([field.name for field in fields], row, strict=True)) for row in register_rows(2000, rng)]
    nights = [_home_late(night) for night in presence_rows(2000, 2, rng)]

    def states(first: str) -> list[dict]:
        persons, found = Persons(pa.Table.from_pylist(rows, pa.schema(fields)), read_secret(key_path)), []
        for date, night, rule in zip((FIRST, FIRST + dt.timedelta(days=1)), nights, (first, DEFINITION), strict=True):
            persons.see(pa.Table.from_pylist([dict(zip(SEEN, row, strict=True)) | {"event_date": date} for row in night]))
            rows_of = persons.state(date, rule).project(", ".join(STATE)).fetchall()
            found.append({row[0]: dict(zip(STATE, row, strict=True)) for row in rows_of})
        return found

    return states(OLD), states(DEFINITION)


def test_the_contract_bears_the_name_of_the_rules(contracts):
    assert contracts.correctable.definition == DEFINITION


def test_the_two_definitions_agree_on_every_prefecture(two_nights):
    (old, _), (new, _) = two_nights
    assert {p: s["day_end_county"][:4] for p, s in old.items()} == {p: s["day_end_county"][:4] for p, s in new.items()}
    assert sum(old[p]["day_end_county"] != new[p]["day_end_county"] for p in old) > 10


def test_the_change_makes_no_mover_that_the_new_definition_would_not_have(two_nights):
    (old, after_old), (_, after_new) = two_nights
    ended_inside = {p for p, s in old.items() if s["trailing_county"][:4] == s["day_end_county"][:4]}
    assert len(ended_inside) > 0.95 * len(old)
    assert after_old.keys() == after_new.keys()
    assert {p: after_old[p] for p in ended_inside} == {p: after_new[p] for p in ended_inside}
    silent = {p for p, s in after_old.items() if s["last_seen"] == FIRST}
    assert len(silent) > 100
    assert all(after_old[p]["origin_county"] == after_old[p]["day_end_county"] for p in silent)


def test_spark_takes_a_state_of_the_old_definition_as_the_short_way_does(spark, contracts, two_nights):
    """Nobody is seen on the second date: everybody carries what yesterday is taken for."""
    (old, _), _ = two_nights
    rows = [_spark_row(state) for state in old.values()]
    schema = contracts.table("person_state").spark_schema()
    yesterday = spark.createDataFrame(rows, schema)
    nobody = spark.createDataFrame([], contracts.table("person_day").spark_schema())
    carried = person_states(yesterday, nobody, FIRST + dt.timedelta(days=1)).collect()
    assert len(carried) == len(old)
    for row in carried:
        before = old[row.person_key]
        inside = before["trailing_county"][:4] == before["day_end_county"][:4]
        expected = before["trailing_county"] if inside else before["day_end_county"]
        assert (row.origin_county, row.day_end_county) == (expected, expected)


@pytest.mark.parametrize(
    ("said", "day_end", "trailing", "taken_for"),
    [
        ("came home at 23:30, by the old definition at work", WORK, HOME, HOME),
        ("arrived at 23:30 from another prefecture", HOME, ABROAD, HOME),
        ("home all evening", HOME, HOME, HOME),
        ("no last observation is known", HOME, None, HOME),
    ],
)
def test_yesterdays_end_as_the_definition_has_it_now(spark, said, day_end, trailing, taken_for):
    state = spark.createDataFrame([(day_end, trailing)], "day_end_county string, trailing_county string")
    assert as_defined_now(state).collect()[0].day_end_county == taken_for, said


@settings(max_examples=200, deadline=None)
@given(any_days())
def test_a_state_of_now_is_taken_as_it_stands(day):
    """So that nothing has to say by which definition a state was computed."""
    found = plain_day(*day)
    if found.trailing_county[:4] == found.day_end_county[:4]:
        assert found.day_end_county == found.trailing_county


def _home_late(night: list[tuple]) -> list[tuple]:
    """Every fifth row of Wuhan or Xiaogan is seen in the prefecture's other county too, in the day's last slot alone."""
    other = {"420102": "420106", "420106": "420102", "420902": "420921", "420921": "420902"}
    late = [(mno, token, other[county], 0, 1 << 47) for mno, token, county, _, _ in night[::5] if county in other]
    seen = {row[:3] for row in night}
    return night + [row for row in late if row[:3] not in seen]


def _spark_row(state: dict) -> dict:
    now = {name: state[name] for name in STATE if name != "speaker"}
    return now | {"as_of": FIRST, "speaking_sim_key": state["speaker"], "mno_mask": 1, "registered": True}

"""Whose SIM it is, which lines count, which one speaks; and no key or token in a plan."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.errors import PythonException
from seeded_nation import register_frame

from popflow.intake.keys import sim_key
from popflow.movement.sims import sim_days, speaking_sims

SEEN = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"
BITS = {"mobile": 0, "unicom": 1, "telecom": 2}


@pytest.fixture(scope="module")
def night(spark, contracts):
    """One person with two SIMs and a tablet, one with a SIM, a tracker, and a SIM that no register knows."""
    lines = [("mobile", "a1", "p1", "person"), ("unicom", "a2", "p1", "person"), ("telecom", "a3", "p1", "data_only")]
    lines += [("mobile", "b1", "p2", "person"), ("mobile", "c1", "p3", "iot")]
    rows = [(dt.date(2020, 1, 1), m, t, f"token {p}", f"key {p}", f"key {t}", k) for m, t, p, k in lines]
    register = register_frame(spark, contracts, rows)
    tokens = [("mobile", "a1"), ("telecom", "a3"), ("mobile", "b1"), ("mobile", "c1"), ("unicom", "x1")]
    presence = spark.createDataFrame([(*token, "420102", 7, 1) for token in tokens], SEEN)
    return presence, register


def test_a_person_is_the_lines_of_kind_person_and_masks_know_all_lines(night, key_path):
    found = {row.person_key: row for row in sim_days(*night, BITS, str(key_path)).collect()}
    ghost = sim_key(key_path.read_bytes(), "unicom", "x1")
    assert {key: (row.sim_key, row.mno_mask, row.registered) for key, row in found.items()} == {
        "key p1": ("key a1", 0b111, True),
        "key p2": ("key b1", 0b001, True),
        ghost: (ghost, 0b010, False),
    }
    assert [tuple(one) for one in found[ghost].sightings] == [("420102", 7, 1)]
    assert found[ghost].observed_slots == 4


def test_the_key_is_not_in_the_plan(night, key_path):
    plan = sim_days(*night, BITS, str(key_path))._jdf.queryExecution().toString()
    secret = key_path.read_bytes()
    assert "ArrowEvalPython" in plan
    assert secret.hex() not in plan.lower()
    assert secret.decode("latin-1") not in plan


def test_a_missing_key_file_is_named(night, tmp_path: Path):
    with pytest.raises(PythonException, match="no key file there"):
        sim_days(*night, BITS, str(tmp_path / "gone.key")).collect()


CASES = [
    (None, {"s1": 5, "s2": 6}, "s2"),
    (None, {"s2": 5, "s1": 5}, "s1"),
    ("s1", {"s1": 5, "s2": 10}, "s1"),
    ("s1", {"s1": 5, "s2": 11}, "s2"),
    ("s1", {"s2": 1}, "s2"),
    ("s3", {"s1": 4, "s2": 6, "s3": 3}, "s3"),
    ("s3", {"s1": 6, "s2": 7, "s3": 3}, "s2"),
]  # yesterday's speaker, slots of each SIM, who speaks


@pytest.fixture(scope="module")
def speakers(spark):
    """All cases in one frame, a person each."""
    cases = [(before, tuple(slots.items())) for before, slots, _ in CASES]
    columns = "person_key string, sim_key string, observed_slots int, mno_mask int, "
    columns += "registered boolean, speaker_before string"
    rows = [
        (str(at), sim, slots, 1, True, before)
        for at, (before, all_slots) in enumerate(cases)
        for sim, slots in all_slots
    ]
    found = speaking_sims(spark.createDataFrame(rows, columns)).collect()
    return {cases[int(row.person_key)]: row.speaking_sim_key for row in found}


@pytest.mark.parametrize(("before", "slots", "speaker"), CASES)
def test_which_sim_speaks_is_told_by_the_rule(before, slots, speaker, speakers):
    assert speakers[before, tuple(slots.items())] == speaker

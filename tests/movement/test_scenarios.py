"""Golden scenarios: each folder of tests/scenarios says what was recorded and what must come of it."""

from __future__ import annotations

import datetime as dt

import pytest
from scenario_nation import FOLDER, nation, read_csv, run_nights, scenario_names, told


@pytest.fixture(scope="module")
def nights(spark, contracts, key_path):
    whole = nation(key_path)
    return whole, run_nights(spark, contracts, whole, key_path)


@pytest.mark.parametrize("name", scenario_names())
def test_scenario(name, nights, contracts):
    whole, known = nights
    expected = read_csv(FOLDER / name / "expected.csv")
    checked = [column for column in expected.columns if column not in ("date", "person")]
    sentence = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    for row in expected.to_dict("records"):
        who = dt.date.fromisoformat(row["date"]), f"{name}/{row['person']}"
        found = told(whole, contracts, *known.get(who, (None,) * 6))
        assert {c: found[c] for c in checked} == {c: row[c] for c in checked}, f"{row['date']}: {sentence}"


def test_every_scenario_says_what_it_shows():
    assert len(scenario_names()) >= 30
    for name in scenario_names():
        assert len((FOLDER / name / "README.md").read_text(encoding="utf-8").strip()) > 30, name
        assert len(read_csv(FOLDER / name / "expected.csv")), name

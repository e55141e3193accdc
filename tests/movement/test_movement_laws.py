"""What must hold for any nation: populations balance, nobody is in two cells, both ways find the same."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from seeded_nation import FIRST, presence_rows, register_frame, register_rows

from popflow.accuracy.short_way import Persons
from popflow.intake.keys import read_secret
from popflow.movement.daytime import daytime
from popflow.movement.flows import counted, moves
from popflow.movement.person_days import by_one_county, by_slot_logic, person_days, speakers, stays_put
from popflow.movement.person_states import person_states
from popflow.movement.population import population, presence_hourly
from popflow.movement.sims import sim_days

PERSONS, DAYS = 250, 4
FLOWS = "10ebf12766721b1fee064677b409556309f58feb9f083527f073bbce337d532a"
SEEN_COLUMNS = ["mno", "sim_token", "county_code", "slots_lo", "slots_hi"]
SAME = ["person_key", "speaker", "origin_county", "day_end_county", "trailing_county", "silent_slots", "last_seen"]
SAME_IN_SPARK = ["speaking_sim_key" if name == "speaker" else name for name in SAME]
SEEN = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"


def at_hand(frame):
    """The same rows without their plan."""
    return frame.sparkSession.createDataFrame(frame.toArrow())


@pytest.fixture(scope="module")
def nights(spark, contracts, key_path):
    """Per date: person-days and states, as frames and as rows."""
    rng = np.random.default_rng(20200123)
    bits, state, found = contracts.mno_bits(), None, []
    register = at_hand(register_frame(spark, contracts, register_rows(PERSONS, rng)))
    for offset, rows in enumerate(presence_rows(PERSONS, DAYS, rng)):
        date = FIRST + dt.timedelta(days=offset)
        sims = at_hand(sim_days(at_hand(spark.createDataFrame(rows, SEEN)), register, bits, str(key_path)))
        days = at_hand(person_days(sims, state, date))
        before, state = state, at_hand(person_states(state, days, date))
        found.append({"date": date, "sims": sims, "before": before, "days": days, "state": state})
        flows = counted(moves(state), bits).collect()
        found[-1] |= {"day_rows": days.collect(), "state_rows": state.collect(), "flow_rows": flows}
    return found


def day_ends(night) -> dict[str, str]:
    return {row.person_key: row.day_end_county for row in night["state_rows"]}


def test_stages_keep_their_contracts(nights, contracts):
    for night in nights:
        assert set(night["days"].columns) == set(contracts.table("person_day").columns)
        assert set(night["state"].columns) == set(contracts.table("person_state").columns)
        assert len({row.person_key for row in night["day_rows"]}) == len(night["day_rows"])
        assert len({row.person_key for row in night["state_rows"]}) == len(night["state_rows"])


def test_populations_balance_in_every_county(nights):
    for before, night in itertools.pairwise(nights):
        was, now = Counter(day_ends(before).values()), Counter(day_ends(night).values())
        appeared = Counter(c for p, c in day_ends(night).items() if p not in day_ends(before))
        disappeared = Counter(c for p, c in day_ends(before).items() if p not in day_ends(night))
        outflow, inflow = Counter(), Counter()
        for flow in night["flow_rows"]:
            if flow.origin_county != flow.destination_county:
                outflow[flow.origin_county] += flow.persons
                inflow[flow.destination_county] += flow.persons
        assert sum(outflow.values()) > 20
        for county in was | now:
            expected = was[county] - outflow[county] + inflow[county] + appeared[county] - disappeared[county]
            assert now[county] == expected, county


def test_each_person_is_in_at_most_one_cell(nights):
    for before, night in itertools.pairwise(nights):
        flows = night["flow_rows"]
        both = day_ends(before).keys() & day_ends(night).keys()
        assert sum(flow.persons for flow in flows) == len(both)
        cells = Counter((day_ends(before)[p], day_ends(night)[p]) for p in both)
        assert cells == {(f.origin_county, f.destination_county): f.persons for f in flows}


def test_the_flows_of_a_seeded_nation_stay_what_they_are(nights):
    """The definition `day-end-2` is a promise: whoever changes a flow of this nation needs a new name for it."""
    rows = sorted(
        (
            str(f.date),
            f.origin_county,
            f.destination_county,
            f.persons,
            f.persons_registered,
            *sorted(f.persons_without.items()),
        )
        for night in nights
        for f in night["flow_rows"]
    )
    assert hashlib.sha256(repr(rows).encode()).hexdigest() == FLOWS


def test_persons_without_an_mno_are_registered_and_have_no_sim_there(nights, contracts):
    bits, night = contracts.mno_bits(), nights[-1]
    expected = defaultdict(lambda: [0, 0, Counter()])
    for row in night["state_rows"]:
        if row.origin_county:
            cell = expected[row.origin_county, row.day_end_county]
            cell[0] += 1
            cell[1] += row.registered
            cell[2].update(m for m, bit in bits.items() if row.registered and not row.mno_mask >> bit & 1)
    for f in night["flow_rows"]:
        persons, registered, without = expected[f.origin_county, f.destination_county]
        assert (f.persons, f.persons_registered) == (persons, registered)
        assert f.persons_without == {m: without[m] for m in bits}


def test_the_short_way_without_spark_finds_every_person_where_spark_does(nights, contracts, key_path):
    """Said again in SQL: who speaks, whom the register does not know, who is carried; compared person by person."""
    rng = np.random.default_rng(20200123)
    fields = [field for field in contracts.table("subscribers").arrow_schema() if field.name != "mno_mask"]
    names = [field.name for field in fields]
    rows = [dict(zip(names, row, strict=True)) for row in register_rows(PERSONS, rng)]
    register = pa.Table.from_pylist(rows, pa.schema(fields))
    persons = Persons(register, read_secret(key_path))
    for night, rows in zip(nights, presence_rows(PERSONS, DAYS, rng), strict=True):
        seen = [dict(zip(SEEN_COLUMNS, row, strict=True)) | {"event_date": night["date"]} for row in rows]
        persons.see(pa.Table.from_pylist(seen))
        found = {row[0]: row for row in persons.state(night["date"]).project(", ".join(SAME)).fetchall()}
        assert found == {row.person_key: tuple(row[name] for name in SAME_IN_SPARK) for row in night["state_rows"]}


def test_both_ways_find_the_same_for_persons_who_stay_put(nights):
    for night in nights[:2]:
        still = at_hand(speakers(night["sims"], night["before"]).where(stays_put()))
        short, long = by_one_county(still).collect(), by_slot_logic(still).collect()
        assert len(short) > 50
        assert {row.person_key: row.asDict() for row in short} == {row.person_key: row.asDict() for row in long}


def test_population_by_hour_follows_from_person_days(nights, contracts):
    night, expected = nights[1], Counter()
    for row in night["day_rows"]:
        for hour in range(24):
            since = [h for h in row.hour_counties if h <= hour]
            if since and row.hour_counties[max(since)]:
                expected[row.hour_counties[max(since)], hour] += 1
    found = presence_hourly(night["days"], contracts.mno_bits()).collect()
    assert len(expected) > 100
    assert expected == {(row.county_code, row.hour): row.persons for row in found}
    assert all(row.persons >= row.persons_registered >= max(row.persons_without.values()) for row in found)


def test_everybody_known_is_in_one_county_at_each_hour(nights, contracts):
    for night in nights:
        known, expected = {row.person_key: row for row in night["state_rows"]}, Counter()
        seen = {row.person_key: row for row in night["day_rows"]}
        for person, state in known.items():
            entries = {h: c for h, c in (seen[person].hour_counties if person in seen else {}).items() if c}
            here = state.origin_county or (entries[min(entries)] if entries else state.day_end_county)
            for hour in range(24):
                here = entries.get(hour, here)
                expected[here, hour] += 1
        found = population(night["days"], night["state"], contracts.mno_bits()).collect()
        assert {row.part for row in found} == {"everyone"}
        assert expected == {(row.county_code, row.hour): row.persons for row in found}
        by_hour = Counter()
        for row in found:
            by_hour[row.hour] += row.persons
        assert by_hour == dict.fromkeys(range(24), len(known))


def test_day_presence_follows_from_person_days(nights, contracts):
    expected: Counter = Counter()
    for night in nights:
        for row in night["day_rows"]:
            at_hours = [
                row.hour_counties[max(since)]
                for hour in range(10, 16)
                if (since := [h for h in row.hour_counties if h <= hour]) and row.hour_counties[max(since)]
            ]
            if row.origin_county == row.day_end_county and len(at_hours) >= 2:
                most = max(dict.fromkeys(at_hours), key=at_hours.count)
                part = "residents" if most == row.day_end_county else "visitors"
                expected[night["date"], most, part] += 1
    found = [row for night in nights for row in daytime(night["days"], night["state"], contracts.mno_bits()).collect()]
    assert len(expected) > 20
    assert {part for _, _, part in expected} == {"residents", "visitors"}
    assert expected == {(row.date, row.county_code, row.part): row.persons for row in found}

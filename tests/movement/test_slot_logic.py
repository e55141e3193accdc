"""The numpy slot logic finds what the plain one finds, for any day; and each rule by an example."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_slot_logic import PlainDay, plain_day

from popflow.movement.batches import with_slot_logic

COUNTIES = ["420102", "420106", "420902", "420921", "430102"]  # two of Wuhan, two of Xiaogan, one of Changsha
MASK = (1 << 48) - 1


def bitmaps(day: list[set[str]]) -> list[dict]:
    """A day as intake delivers it: one entry per county."""
    seen = {c: sum(1 << t for t in range(96) if c in day[t]) for slot in day for c in slot}
    return [{"county_code": c, "slots_lo": bits & MASK, "slots_hi": bits >> 48} for c, bits in seen.items()]


def numpy_days(days: list[tuple[list[set[str]], tuple | None]]) -> list[PlainDay]:
    """The same through the package, all persons in one batch."""
    sightings = pa.list_(pa.struct({"county_code": pa.string(), "slots_lo": pa.int64(), "slots_hi": pa.int64()}))
    before = [b or (None, None) for _, b in days]
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([bitmaps(day) for day, _ in days], sightings),
            pa.array([b[0] for b in before], pa.string()),
            pa.array([b[1] for b in before], pa.int32()),
        ],
        ["sightings", "trailing_county", "silent_slots"],
    )
    (found,) = with_slot_logic(iter([batch]))
    return [PlainDay(**row | {"hour_counties": dict(row["hour_counties"])}) for row in found.to_pylist()]


def day_of(*runs: tuple[str, str, str]) -> list[set[str]]:
    """A day from runs like ('08:00', '09:30', '420102'): seen in every quarter-hour before the end."""
    slots: list[set[str]] = [set() for _ in range(96)]
    for begin, end, county in runs:
        for t in range(slot_of(begin), slot_of(end)):
            slots[t].add(county)
    return slots


def slot_of(time: str) -> int:
    hour, minute = time.split(":")
    return int(hour) * 4 + int(minute) // 15


@st.composite
def person_days(draw) -> tuple[list[set[str]], tuple | None]:
    """Days of runs and silences of every length, single slots and slots of several counties among them."""
    slots: list[set[str]] = []
    lengths = st.one_of(st.integers(1, 4), st.integers(1, 40))
    while len(slots) < 96:
        county = draw(st.one_of(st.just(set()), st.sets(st.sampled_from(COUNTIES), min_size=1, max_size=3)))
        slots += [set(county) for _ in range(draw(lengths))]
    slots = slots[:96]
    if not any(slots):
        slots[draw(st.integers(0, 95))] = {draw(st.sampled_from(COUNTIES))}
    before = st.tuples(st.sampled_from(COUNTIES), st.integers(0, 120))
    return slots, draw(st.one_of(st.none(), before))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(person_days(), min_size=1, max_size=25))
def test_numpy_finds_what_the_plain_logic_finds(days):
    assert numpy_days(days) == [plain_day(*one) for one in days]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(person_days(), min_size=1, max_size=25))
def test_a_day_that_ends_in_the_prefecture_of_its_day_end_ends_in_its_last_county(days):
    """person_states reads every state of yesterday so; of one by this definition it may change nothing."""
    for found in numpy_days(days):
        if found.trailing_county[:4] == found.day_end_county[:4]:
            assert found.trailing_county == found.day_end_county


A, A2, B, C = "420102", "420106", "420902", "430102"


@pytest.mark.parametrize(
    ("said", "runs", "before", "expected"),
    [
        ("last run of an hour", [("00:00", "20:00", A), ("20:00", "21:00", B)], None, B),
        ("a last run under an hour", [("00:00", "23:15", A), ("23:15", "24:00", B)], None, A),
        ("a single ping holds to midnight", [("00:00", "20:00", A), ("20:00", "20:15", B)], None, B),
        (
            "no run of an hour: the longest",
            [("23:15", "23:45", B), ("23:45", "24:00", C)],
            None,
            B,
        ),
        ("the last county of the prefecture", [("00:00", "23:15", A), ("23:15", "24:00", A2)], None, A2),
        (
            "the last county before another prefecture",
            [("00:00", "23:00", A), ("23:00", "23:30", A2), ("23:30", "24:00", B)],
            None,
            A2,
        ),
        (
            "back in the prefecture for a quarter-hour",
            [("00:00", "22:00", A), ("22:00", "23:45", B), ("23:45", "24:00", A2)],
            None,
            B,
        ),  # an hour in B: B is the prefecture
        ("ties to the later", [("23:30", "23:45", A), ("23:45", "24:00", B)], None, B),
        ("came with a run that fills the morning", [("07:00", "07:15", B), ("07:15", "07:30", A)], (A, 0), A),
    ],
)
def test_day_end(said, runs, before, expected):
    assert numpy_days([(day_of(*runs), before)])[0].day_end_county == expected, said


@pytest.mark.parametrize(
    ("said", "runs", "before", "expected"),
    [
        ("silence of 8 h within", [("08:00", "08:15", A), ("16:15", "16:30", A)], None, {8: A}),
        ("silence of more than 8 h", [("08:00", "08:15", A), ("16:30", "16:45", A)], None, {8: A, 9: None, 17: A}),
        ("silence of 8 h across midnight", [("07:00", "07:15", B)], (A, 4), {0: A, 7: B}),
        ("more than 8 h across midnight", [("07:15", "07:30", B)], (A, 4), {8: B}),
    ],
)
def test_silence_that_a_run_outlasts(said, runs, before, expected):
    assert numpy_days([(day_of(*runs), before)])[0].hour_counties == expected, said


@pytest.mark.parametrize(("runs", "silent"), [([("08:00", "24:00", A)], 0), ([("00:00", "00:15", A)], 95)])
def test_silence_is_counted_from_the_last_observation_to_midnight(runs, silent):
    assert numpy_days([(day_of(*runs), None)])[0].silent_slots == silent


def test_a_short_visit_is_absorbed_and_a_longer_one_is_not():
    short = day_of(("00:00", "10:00", A), ("10:00", "10:30", B), ("10:30", "24:00", A))
    longer = day_of(("00:00", "10:00", A), ("10:00", "10:45", B), ("10:45", "24:00", A))
    found = numpy_days([(short, None), (longer, None)])
    assert [day.hour_counties for day in found] == [{0: A}, {0: A, 10: B, 11: A}]


def test_an_hour_is_placed_from_the_first_observation_to_midnight_but_for_a_long_silence():
    day = day_of(("05:15", "06:15", A), ("16:00", "17:00", B))
    assert numpy_days([(day, None)])[0].hour_counties == {6: A, 7: None, 16: B}

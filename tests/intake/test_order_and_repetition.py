"""Properties: however the same records are shuffled, repeated, split and sent, a SIM's presence is the same."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from landing_files import mobile_bytes, reduce_files

TOKENS = [letter * 30 + end for letter in "ab" for end in ("00", "40", "17")]
COUNTIES = {1: "420102", 2: "430102", 3: "420104", 4: "420102"}  # cells that are the same on all dates
RECORD = st.tuples(
    st.sampled_from(TOKENS),
    st.builds(
        "2020-01-{:02} {:02}:{:02}:{:02}".format,
        st.integers(21, 23),
        st.integers(0, 23),
        st.integers(0, 59),
        st.integers(0, 59),
    ),
    st.just(1),
    st.sampled_from(sorted(COUNTIES)),
)
FILES = st.lists(st.lists(RECORD, min_size=1, max_size=12), min_size=1, max_size=5)
QUICK = settings(max_examples=25, deadline=None)


def presence(files: list[list[tuple]]) -> Counter:
    """Presence of records sent in these files, as the reduction gives it."""
    with tempfile.TemporaryDirectory() as folder:
        sent = {f"{i}.csv.gz": (mobile_bytes(*records), len(records)) for i, records in enumerate(files)}
        return Counter(reduce_files(Path(folder), "mobile", sent)["presence"])


def by_definition(records: list[tuple]) -> Counter:
    """The same, record by record in plain Python."""
    seen: dict[tuple, int] = {}
    for token, time, _, ci in records:
        slot = int(time[11:13]) * 4 + int(time[14:16]) // 15
        key = (time[:10], token, COUNTIES[ci])
        seen[key] = seen.get(key, 0) | 1 << slot
    low = (1 << 48) - 1
    return Counter((date, token, county, bits & low, bits >> 48) for (date, token, county), bits in seen.items())


@QUICK
@given(FILES)
def test_presence_is_what_its_definition_says(files: list[list[tuple]]) -> None:
    found = Counter((str(date), *rest) for date, *rest in presence(files))
    assert found == by_definition([record for records in files for record in records])


@QUICK
@given(FILES, st.data())
def test_any_order_repetition_and_splitting_gives_the_same(files: list[list[tuple]], data: st.DataObject) -> None:
    records = [record for part in files for record in part]
    repeated = records + data.draw(st.lists(st.sampled_from(records), max_size=20))
    shuffled = data.draw(st.permutations(repeated))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(shuffled)), max_size=4, unique=True)))
    split = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True) if a < b]
    assert presence(split) == presence(files)


@QUICK
@given(FILES, st.data())
def test_packs_and_deliveries_ored_give_the_same(files: list[list[tuple]], data: st.DataObject) -> None:
    records = [record for part in files for record in part]
    first = data.draw(st.lists(st.sampled_from(records), min_size=1))
    ored: dict[tuple, tuple[int, int]] = {}
    for sent in ([records], [first], [first, records]):
        for *key, low, high in presence(sent):
            before = ored.get(tuple(key), (0, 0))
            ored[tuple(key)] = before[0] | low, before[1] | high
    assert Counter((*key, *slots) for key, slots in ored.items()) == presence([records])


@QUICK
@given(FILES)
def test_every_record_is_accounted_for_and_sampled_duplicates_are_exact(files: list[list[tuple]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sent = {f"{i}.csv.gz": (mobile_bytes(*records), len(records)) for i, records in enumerate(files)}
        tallies = reduce_files(Path(folder), "mobile", sent)["tallies"]
    told = {(file, reason): records for file, reason, date, records in tallies if date is None}
    for i, records in enumerate(files):
        sample = [record for record in records if record[0][-2:] in ("00", "40")]
        assert told[f"{i}.csv.gz", "rows"] == len(records)
        assert told[f"{i}.csv.gz", "sampled"] == len(sample)
        assert told[f"{i}.csv.gz", "sampled_duplicates"] == len(sample) - len(set(sample))

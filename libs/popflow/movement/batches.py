"""The slot logic on Arrow batches: lists of bitmaps in, person-days out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popflow.movement.day_end import Longs, Runs, day_ends, hours
from popflow.movement.slots import Before, Sightings, absorb_ping_pong, fill, resolve, silence, unpack

BEFORE = ["trailing_county", "silent_slots"]
FOUND = pa.schema(
    {
        "day_end_county": pa.string(),
        "hour_counties": pa.map_(pa.int32(), pa.string()),
        "trailing_county": pa.string(),
        "silent_slots": pa.int32(),
    }
)


def with_slot_logic(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put what the slot logic finds in place of each person's sightings and of the run they came with.

    In: one row per person (anything, sightings: array of (county_code, slots_lo, slots_hi), trailing_county and
    silent_slots of the day before; null: a new person).
    Out: the same rows with the columns of FOUND.
    """
    for batch in batches:
        if batch.num_rows:
            rest = [name for name in batch.schema.names if name not in ("sightings", *BEFORE)]
            found = _found(_sightings(batch["sightings"]), _before(batch))
            yield pa.RecordBatch.from_arrays([*(batch[n] for n in rest), *found], [*rest, *FOUND.names])


def _found(sightings: Sightings, before: Before) -> list[pa.Array]:
    observed = resolve(sightings, before)
    counties = absorb_ping_pong(fill(observed, before))
    return [
        _codes(day_ends(counties)),
        _hours(hours(counties), len(before.county)),
        _codes(counties[-1]),
        pa.array(silence(observed), pa.int32()),
    ]


def _sightings(lists: pa.ListArray) -> Sightings:
    person = pc.list_parent_indices(lists).to_numpy().astype(np.int32)
    county, lo, hi = lists.flatten().flatten()
    seen = unpack(lo.to_numpy(zero_copy_only=False), hi.to_numpy(zero_copy_only=False))
    return Sightings(person, _numbers(county), seen)


def _before(batch: pa.RecordBatch) -> Before:
    county, silent_slots = (_numbers(batch[name]) for name in BEFORE)
    return Before(county, silent_slots)


def _numbers(column: pa.Array) -> NDArray[np.int32]:
    return pc.fill_null(column.cast(pa.int32()), 0).to_numpy(zero_copy_only=False)


def _codes(numbers: NDArray[np.integer]) -> pa.Array:
    return pa.array(numbers, mask=numbers == 0).cast(pa.string())


def _hours(found: Runs, persons: int) -> pa.Array:
    hour = pa.array(found.start, pa.int32())
    return pa.MapArray.from_arrays(_offsets(found.person, persons), hour, _codes(found.value))


def _offsets(person: Longs, persons: int) -> pa.Array:
    counts = np.bincount(person, minlength=persons)
    return pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())

"""The slot logic: which county a person was in during each quarter-hour of a day. numpy, many persons at once.

Matrices have a row per slot and a column per person, since every rule goes from left to right through the day for all
persons of a batch together. Counties are GB/T 2260 codes as integers, 0 where there is none. METHODS.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.movement.definition import MAX_GAP_SLOTS, PING_PONG_SLOTS, SLOTS_A_DAY, SLOTS_A_WORD

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
NO_ROW = -1
NEVER, LATER = np.int16(-10_000), np.int16(10_000)  # slots further away than any gap that counts


@dataclass(frozen=True)
class Sightings:
    """What the speaking SIMs of a batch saw: one entry per person and county."""

    person: Ints  # column of the person
    county: Ints
    seen: Bools  # entries x 96 slots


@dataclass(frozen=True)
class Before:
    """The run in which each person of a batch came into the day."""

    county: Ints  # county of the last observation; 0: the person is new
    silent_slots: Ints  # slots of silence from the last observation to midnight


def unpack(lo: NDArray[np.int64], hi: NDArray[np.int64]) -> Bools:
    """The 96 slots of each pair of bitmaps, in order of time."""
    words = [np.unpackbits(word.astype("<i8")[:, None].view(np.uint8), axis=1, bitorder="little") for word in (lo, hi)]
    return np.hstack([bits[:, :SLOTS_A_WORD] for bits in words]).astype(bool)


def resolve(sightings: Sightings, before: Before) -> Ints:
    """County of each observed slot (96 x persons), 0 where the person was silent.

    Of several counties in a slot it is that of the preceding resolved slot, else the one with the most slots that day,
    ties to the smaller code. Before the day's first slot stands the county of the last observation.
    """
    ranked = _ranked(sightings)
    persons = len(before.county)
    entry_sees = np.ascontiguousarray(np.vstack([ranked.seen, np.zeros(SLOTS_A_DAY, bool)]).T)  # NO_ROW sees nothing
    first = _first_ranked(ranked, entry_sees, persons)
    last = np.full(persons, NO_ROW, np.int32)
    same = np.flatnonzero(ranked.county == before.county[ranked.person])
    last[ranked.person[same]] = same
    resolved = np.empty((SLOTS_A_DAY, persons), np.int32)
    for slot in range(SLOTS_A_DAY):
        resolved[slot] = np.where(entry_sees[slot, last], last, first[slot])
        last = np.where(resolved[slot] == NO_ROW, last, resolved[slot])
    return np.append(ranked.county, np.int32(0))[resolved]


def _ranked(s: Sightings) -> Sightings:
    order = np.lexsort((s.county, -s.seen.sum(axis=1), s.person))
    return Sightings(s.person[order], s.county[order], s.seen[order])


def _first_ranked(ranked: Sightings, entry_sees: Bools, persons: int) -> Ints:
    """Entry of the county with the most slots of the day among those of each slot (96 x persons)."""
    first = np.full((SLOTS_A_DAY, persons), NO_ROW, np.int32)
    entry = np.arange(len(ranked.person), dtype=np.int32)
    rank = entry - np.searchsorted(ranked.person, ranked.person)
    for one in range(rank.max(), -1, -1):  # from the last rank to the first, which covers the others
        of_rank = entry[rank == one]
        columns = ranked.person[of_rank]
        first[:, columns] = np.where(entry_sees[:, of_rank], of_rank, first[:, columns])
    return first


def fill(observed: Ints, before: Before) -> Ints:
    """County of each slot (97 x persons), silence filled; 0 where the person cannot be placed.

    Row 0 stands for the last observation before midnight, as far as its run is still open. Silence between two
    observations keeps the county of the first; over 8 hours of it end the run. After the day's last observation the
    county holds to midnight.
    """
    counties = np.vstack([before.county, observed])
    time = np.arange(-1, SLOTS_A_DAY, dtype=np.int16)[:, None]
    seen_at = np.where(counties > 0, time, NEVER)
    seen_at[0] = np.where(before.county > 0, -1 - before.silent_slots, NEVER)
    last = np.maximum.accumulate(seen_at, axis=0)
    next_ = np.minimum.accumulate(np.where(observed > 0, time[1:], LATER)[::-1], axis=0)[::-1]
    next_ = np.vstack([next_[0], next_])
    for slot in range(1, len(counties)):
        counties[slot] = np.where(counties[slot] > 0, counties[slot], counties[slot - 1])
    is_open = (next_ - last - 1 <= MAX_GAP_SLOTS) | (next_ == LATER)
    return np.where(is_open, counties, 0)


def silence(observed: Ints) -> Ints:
    """Slots of silence between each person's last observation and midnight."""
    return np.argmax(observed[::-1] > 0, axis=0).astype(np.int32)


def absorb_ping_pong(counties: Ints) -> Ints:
    """Counties by slot, with every visit of at most 2 slots undone that leads back to the county before it.

    From left to right: what has been absorbed lengthens the run, and only runs of at most 2 slots are visits.
    """
    counties = counties.copy()
    current, length, previous = counties[0], (counties[0] > 0).astype(np.int32), np.zeros_like(counties[0])
    for slot in range(1, len(counties)):
        new = counties[slot]
        changes = new != current
        returns = changes & (new == previous) & (new > 0) & (length <= PING_PONG_SLOTS)
        for back in range(1, PING_PONG_SLOTS + 1):
            visited = returns & (length >= back)
            counties[slot - back, visited] = new[visited]
        previous = np.where(returns, 0, np.where(changes, current, previous))
        length = np.where(returns, PING_PONG_SLOTS + 1, np.where(changes, 1, length + 1))
        current = new
    return counties

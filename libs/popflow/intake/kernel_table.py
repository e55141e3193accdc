"""The table of SIM-days and the index of cells, compiled.

A table has four words for each SIM, date and county: 128 bits of token; the place (16 bits: date and number of the
county) above the slots of the first half of the day; a mark that the row is taken above those of the second.
"""

from __future__ import annotations

import numpy as np

from popflow.intake.kernel_cache import compiled

TAKEN = np.uint64(1) << np.uint64(63)
SLOTS = np.uint64((1 << 48) - 1)
DAY_BITS = 14  # counties are numbered below it
ENTRIES = 2  # place in `state` of the rows that a table has


@compiled
def _mixed(value):
    """A word whose bits all depend on all bits of the other (the finaliser of MurmurHash3)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@compiled
def numbered_cell(keys, places, key):
    """Place of a cell in its table by number; -1 where there is none."""
    mask = np.uint64(len(keys) - 1)
    at = _mixed(np.uint64(key)) & mask
    while places[at] >= 0:
        if keys[at] == key:
            return places[at]
        at = (at + np.uint64(1)) & mask
    return np.int32(-1)


@compiled
def text_hash(buffer, start, end, value):
    """FNV-1a over bytes, going on from a value."""
    for at in range(start, end):
        value = (value ^ np.uint64(buffer[at])) * np.uint64(0x100000001B3)
    return value


@compiled
def named_cell(hashes, places, texts, offsets, buffer, start, end):
    """Place of a cell in its table by text; -1 where there is none."""
    mask = np.uint64(len(hashes) - 1)
    value = text_hash(buffer, start, end, np.uint64(0xCBF29CE484222325))
    at = _mixed(value) & mask
    while places[at] >= 0:
        place = places[at]
        if hashes[at] == value:
            begin = offsets[place]
            if offsets[place + 1] - begin == end - start:
                same = True
                for step in range(end - start):
                    if texts[begin + step] != buffer[start + step]:
                        same = False
                        break
                if same:
                    return place
        at = (at + np.uint64(1)) & mask
    return np.int32(-1)


@compiled
def index_numbers(keys, places, numbers):
    """Fill the table of cells by number."""
    mask = np.uint64(len(keys) - 1)
    for place in range(len(numbers)):
        at = _mixed(np.uint64(numbers[place])) & mask
        while places[at] >= 0:
            at = (at + np.uint64(1)) & mask
        keys[at], places[at] = numbers[place], place


@compiled
def index_texts(hashes, places, texts, offsets):
    """Fill the table of cells by text."""
    mask = np.uint64(len(hashes) - 1)
    for place in range(len(offsets) - 1):
        value = text_hash(texts, offsets[place], offsets[place + 1], np.uint64(0xCBF29CE484222325))
        at = _mixed(value) & mask
        while places[at] >= 0:
            at = (at + np.uint64(1)) & mask
        hashes[at], places[at] = value, place


@compiled
def _home(high, low, top):
    """Where the search for a row begins, before the mask."""
    return _mixed(low ^ (high * np.uint64(0x9E3779B97F4A7C15)) ^ top)


@compiled
def _row_of(table, state, high, low, top):
    """Where the row of a SIM and place is, made if it was not there."""
    mask = np.uint64((len(table) >> 2) - 1)
    at = np.int64((_home(high, low, top) & mask) << np.uint64(2))
    while table[at + 3] != 0:
        if table[at + 1] == low and table[at] == high and (table[at + 2] & ~SLOTS) == top:
            return at
        at = np.int64(np.uint64(at + 4) & (mask << np.uint64(2)))
    table[at], table[at + 1], table[at + 2], table[at + 3] = high, low, top, TAKEN
    state[ENTRIES] += 1
    return at


@compiled
def _put_row(table, state, high, low, placed, high_slots):
    """OR the slots of a day's two halves into the row of a SIM; placed: its place above those of the first half."""
    at = _row_of(table, state, high, low, placed & ~SLOTS)
    table[at + 2] |= placed
    table[at + 3] |= high_slots


@compiled
def _put_slot(table, state, high, low, place, slot):
    """OR a slot into the row of a SIM and place."""
    at = _row_of(table, state, high, low, np.uint64(place) << np.uint64(48))
    if slot < 48:
        table[at + 2] |= np.uint64(1) << np.uint64(slot)
    else:
        table[at + 3] |= np.uint64(1) << np.uint64(slot - 48)


@compiled
def take(table, state, days, counties, window, high, low, time, cell):
    """Take a record in where its time and cell leave no doubt; whether it was."""
    offset = time - window[0]
    if time < 0 or offset < 0 or offset >= window[1] * 288:
        return False
    quarter = offset // window[1]
    day = quarter // 96
    county = counties[day, cell]
    if county < 0:
        return False
    slot = quarter % 96
    _put_slot(table, state, high, low, (day << DAY_BITS) | county, slot)
    days[day, 0] += 1
    days[day, 1 if slot < 48 else 2] |= np.int64(1) << (slot if slot < 48 else slot - 48)
    return True


@compiled
def regrown(table, larger):
    """Move all rows into a larger table."""
    mask = np.uint64((len(larger) >> 2) - 1)
    for one in range(0, len(table), 4):
        if table[one + 3] != 0:
            at = np.int64((_home(table[one], table[one + 1], table[one + 2] & ~SLOTS) & mask) << np.uint64(2))
            while larger[at + 3] != 0:
                at = np.int64(np.uint64(at + 4) & (mask << np.uint64(2)))
            for word in range(4):
                larger[at + word] = table[one + word]


@compiled
def merged(source, start, table, state, limit):
    """OR the rows of a table, from one on, into another; where it stopped, since that had reached its limit."""
    for one in range(start, len(source), 4):
        if source[one + 3] != 0:
            if state[ENTRIES] >= limit:
                return one
            _put_row(table, state, source[one], source[one + 1], source[one + 2], source[one + 3] & SLOTS)
    return len(source)


@compiled
def put_rows(words, places, low_slots, high_slots, start, table, state, limit):
    """OR SIM-days into a table, from one on; where it stopped, since the table had reached its limit.

    words: two a token. places: date and county.
    """
    for one in range(start, len(places)):
        if state[ENTRIES] >= limit:
            return one
        top = np.uint64(places[one]) << np.uint64(48)
        _put_row(
            table, state, words[one, 0], words[one, 1], top | np.uint64(low_slots[one]), np.uint64(high_slots[one])
        )
    return len(places)


@compiled
def rows_out(table, digits, tokens, places, low_slots, high_slots):
    """Write all rows of a table into arrays: tokens as their text, places, slots of both halves of the day."""
    row = 0
    for one in range(0, len(table), 4):
        if table[one + 3] == 0:
            continue
        for digit in range(digits):
            word = table[one + 1] if digit < 16 else table[one]
            value = np.uint8((word >> np.uint64(4 * (digit % 16))) & np.uint64(15))
            tokens[row * digits + digits - 1 - digit] = value + (48 if value < 10 else 87)
        places[row] = table[one + 2] >> np.uint64(48)
        low_slots[row] = table[one + 2] & SLOTS
        high_slots[row] = table[one + 3] & SLOTS
        row += 1
    return row

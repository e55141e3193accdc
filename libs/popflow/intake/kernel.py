"""The compiled part of the reduction: plainly well formed records go from bytes to bitmaps, all others are set aside.

numba compiles each function once a machine and keeps it on disk. Nothing here knows a feed: what a contract says comes
as numbers (`popflow.intake.kernel_plan`). A record is taken only where it is beyond doubt: its token has the form, its
time is digits within the delivery's dates, its cell is known. Whatever is not goes to the slow way, which classifies.

The table has a row of four words for each SIM, date and county: 128 bits of token; the place (16 bits: date and number
of the county) above the slots of the first half of the day; a mark that the row is taken above those of the second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TAKEN = np.uint64(1) << np.uint64(63)
SLOTS = np.uint64((1 << 48) - 1)
DAY_BITS = 14  # counties are numbered below it
NEWLINE, RETURN, SPACE, TAB, QUOTE, BACKSLASH = 10, 13, 32, 9, 34, 92
ZERO, NINE = 48, 57
LONGEST_NUMBER = 18  # digits that fit a long whatever they are
SAMPLED = np.uint64(63)  # a token whose last byte is 0 below this mask is of the sample, which the slow way counts
DONE, ODD_FULL, TABLE_FULL = 0, 1, 2  # why a call came back
ROW, POSITION, ENTRIES, ODD = 0, 1, 2, 3  # places of `state`: rows read, next byte, rows of the table, records set aside
FAST = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**FAST)
def _hex(buffer, at, digits, value_of):
    """A token's value as two words, and whether it is lower-case hexadecimal throughout.

    value_of: for each byte its value as a digit, 255 for none.
    """
    high, low, wrong = np.uint64(0), np.uint64(0), np.uint8(0)
    split = max(digits - 16, 0)
    for place in range(at, at + split):
        value = value_of[buffer[place]]
        wrong |= value
        high = (high << np.uint64(4)) | np.uint64(value)
    for place in range(at + split, at + digits):
        value = value_of[buffer[place]]
        wrong |= value
        low = (low << np.uint64(4)) | np.uint64(value)
    return high, low, wrong < 16


@njit(**FAST)
def _number(buffer, start, end, base):
    """A whole number of digits alone; -1 where it is none, or too long."""
    if end <= start or end - start > (LONGEST_NUMBER if base == 10 else 15):
        return np.int64(-1)
    value = np.int64(0)
    for at in range(start, end):
        c = buffer[at]
        if 48 <= c <= 57:
            digit = c - 48
        elif base == 16 and 97 <= c <= 102:
            digit = c - 87
        elif base == 16 and 65 <= c <= 70:
            digit = c - 55
        else:
            return np.int64(-1)
        value = value * base + digit
    return value


@njit(**FAST)
def _days(year, month, day):
    """Days from 1970-01-01 to a date of the Gregorian calendar; -1 where there is no such date."""
    if month < 1 or month > 12 or day < 1 or year < 1970:
        return np.int64(-1)
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    last = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        last = 30
    elif month == 2:
        last = 29 if leap else 28
    if day > last:
        return np.int64(-1)
    y = year - (1 if month <= 2 else 0)
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return np.int64(era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468)


@njit(**FAST)
def _text_time(buffer, start, end, form, units):
    """A local time of fixed width as a number of the feed's unit; -1 where it is none.

    form: for each byte of the text the part that its digit belongs to (0 to 5: year to second), or 16 + the literal.
    """
    if end - start != len(form):
        return np.int64(-1)
    year, month, day, hour, minute, second = 0, 0, 0, 0, 0, 0
    for place in range(len(form)):
        c = np.int64(buffer[start + place])
        kind = form[place]
        if kind >= 16:
            if c != kind - 16:
                return np.int64(-1)
            continue
        if c < 48 or c > 57:
            return np.int64(-1)
        digit = c - 48
        if kind == 0:
            year = year * 10 + digit
        elif kind == 1:
            month = month * 10 + digit
        elif kind == 2:
            day = day * 10 + digit
        elif kind == 3:
            hour = hour * 10 + digit
        elif kind == 4:
            minute = minute * 10 + digit
        else:
            second = second * 10 + digit
    days = _days(year, month, day)
    if days < 0 or hour > 23 or minute > 59 or second > 59:
        return np.int64(-1)
    return (days * 86_400 + hour * 3_600 + minute * 60 + second) * units


@njit(**FAST)
def _mixed(value):
    """A word whose bits all depend on all bits of the other (the finaliser of MurmurHash3)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(**FAST)
def numbered_cell(keys, places, key):
    """Place of a cell in its table by number; -1 where there is none."""
    mask = np.uint64(len(keys) - 1)
    at = _mixed(np.uint64(key)) & mask
    while places[at] >= 0:
        if keys[at] == key:
            return places[at]
        at = (at + np.uint64(1)) & mask
    return np.int32(-1)


@njit(**FAST)
def text_hash(buffer, start, end, value):
    """FNV-1a over bytes, going on from a value."""
    for at in range(start, end):
        value = (value ^ np.uint64(buffer[at])) * np.uint64(0x100000001B3)
    return value


@njit(**FAST)
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


@njit(**FAST)
def index_numbers(keys, places, numbers):
    """Fill the table of cells by number."""
    mask = np.uint64(len(keys) - 1)
    for place in range(len(numbers)):
        at = _mixed(np.uint64(numbers[place])) & mask
        while places[at] >= 0:
            at = (at + np.uint64(1)) & mask
        keys[at], places[at] = numbers[place], place


@njit(**FAST)
def index_texts(hashes, places, texts, offsets):
    """Fill the table of cells by text."""
    mask = np.uint64(len(hashes) - 1)
    for place in range(len(offsets) - 1):
        value = text_hash(texts, offsets[place], offsets[place + 1], np.uint64(0xCBF29CE484222325))
        at = _mixed(value) & mask
        while places[at] >= 0:
            at = (at + np.uint64(1)) & mask
        hashes[at], places[at] = value, place


@njit(**FAST)
def _home(high, low, top):
    """Where the search for a row begins, before the mask."""
    return _mixed(low ^ (high * np.uint64(0x9E3779B97F4A7C15)) ^ top)


@njit(**FAST)
def _put(table, state, high, low, place, slot):
    """OR a slot into the row of a SIM and place."""
    mask = np.uint64((len(table) >> 2) - 1)
    top = np.uint64(place) << np.uint64(48)
    at = np.int64((_home(high, low, top) & mask) << np.uint64(2))
    while table[at + 3] != 0:
        if table[at + 1] == low and table[at] == high and (table[at + 2] & ~SLOTS) == top:
            break
        at = np.int64(np.uint64(at + 4) & (mask << np.uint64(2)))
    else:
        table[at], table[at + 1], table[at + 2], table[at + 3] = high, low, top, TAKEN
        state[ENTRIES] += 1
    if slot < 48:
        table[at + 2] |= np.uint64(1) << np.uint64(slot)
    else:
        table[at + 3] |= np.uint64(1) << np.uint64(slot - 48)


@njit(**FAST)
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
    _put(table, state, high, low, (day << DAY_BITS) | county, slot)
    days[day, 0] += 1
    days[day, 1 if slot < 48 else 2] |= np.int64(1) << (slot if slot < 48 else slot - 48)
    return True


@njit(**FAST)
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


@njit(**FAST)
def _fields(buffer, start, delimiter, bounds):
    """First and last byte of the first fields of a line; the number found, and where the search ended.

    bounds: (fields x 2). A carriage return before the line's end ends the last field.
    """
    field, begin, at = 0, start, start
    while True:
        c = buffer[at]
        if c == delimiter:
            bounds[field, 0], bounds[field, 1] = begin, at
            field += 1
            begin = at + 1
            if field == len(bounds):
                return field, at
        elif c == NEWLINE:
            bounds[field, 0] = begin
            bounds[field, 1] = at - 1 if at > begin and buffer[at - 1] == RETURN else at
            return field + 1, at
        at += 1


@njit(**FAST)
def _members(buffer, start, end, names, name_offsets, bounds, quoted):
    """The needed members of a flat JSON object, each once; whether the line is one beyond doubt.

    bounds: first and last byte of each value, without its quotes; quoted: whether it had them.
    """
    found = 0
    bounds[:, 0] = -1
    at = start
    while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
        at += 1
    if at >= end or buffer[at] != 123:
        return False
    at += 1
    while True:
        while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
            at += 1
        if at >= end or buffer[at] != QUOTE:
            return False
        at += 1
        name = at
        while at < end and buffer[at] != QUOTE:
            if buffer[at] == BACKSLASH or buffer[at] < 32 or buffer[at] > 126:
                return False
            at += 1
        name_end = at
        at += 1
        while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
            at += 1
        if at >= end or buffer[at] != 58:
            return False
        at += 1
        while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
            at += 1
        if at >= end:
            return False
        text = buffer[at] == QUOTE
        if text:
            at += 1
        value = at
        if text:
            while at < end and buffer[at] != QUOTE:
                if buffer[at] == BACKSLASH or buffer[at] < 32 or buffer[at] > 126:
                    return False
                at += 1
            if at >= end:
                return False
        else:
            while at < end and 48 <= buffer[at] <= 57:
                at += 1
            if at == value or (buffer[value] == 48 and at - value > 1):
                return False
        value_end = at
        if text:
            at += 1
        for one in range(len(bounds)):
            width = name_offsets[one + 1] - name_offsets[one]
            if width == name_end - name:
                same = True
                for step in range(width):
                    if names[name_offsets[one] + step] != buffer[name + step]:
                        same = False
                        break
                if same:
                    if bounds[one, 0] >= 0:
                        return False
                    bounds[one, 0], bounds[one, 1], quoted[one] = value, value_end, text
                    found += 1
        while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
            at += 1
        if at >= end:
            return False
        if buffer[at] == 125:
            at += 1
            while at < end and (buffer[at] == SPACE or buffer[at] == TAB):
                at += 1
            return at == end and found == len(bounds)
        if buffer[at] != 44:
            return False
        at += 1


@njit(**FAST)
def text_lines(buffer, form, cells, sizes, window, table, state, days, odd, limit):
    """Take in the lines of a buffer that ends with a line, from state[POSITION] on.

    form: (is_json, delimiter, bounds, quoted, names, name_offsets, places of token, time and cell parts, token_digits, value of
    each byte as a digit, time_form, time_unit, number_base). cells: (keys, places, texts, offsets, counties). odd: (start, end, row) of the
    lines that were set aside. limit: rows of the table. Returns DONE, ODD_FULL or TABLE_FULL; then call again.
    """
    is_json, delimiter, bounds, quoted, names, name_offsets, needed, digits, value_of, time_form, unit, base = form
    keys, hashes, places, texts, offsets, counties = cells
    size = len(buffer)
    at = state[POSITION]
    while at < size:
        if state[ODD] == len(odd):
            state[POSITION] = at
            return ODD_FULL
        if state[ENTRIES] >= limit:
            state[POSITION] = at
            return TABLE_FULL
        state[ROW] += 1
        if is_json:
            end = at
            while buffer[end] != NEWLINE:
                end += 1
            stop = end - 1 if end > at and buffer[end - 1] == RETURN else end
            good = _members(buffer, at, stop, names, name_offsets, bounds, quoted)
            good = good and quoted[needed[0]]
        else:
            found, end = _fields(buffer, at, delimiter, bounds)
            good = found == len(bounds)
            while buffer[end] != NEWLINE:
                end += 1
        if good and bounds[needed[0], 1] - bounds[needed[0], 0] == digits:
            high, low, right = _hex(buffer, bounds[needed[0], 0], digits, value_of)
            if right and low & SAMPLED:
                first, last = bounds[needed[1], 0], bounds[needed[1], 1]
                if len(time_form):
                    time = _text_time(buffer, first, last, time_form, unit)
                else:
                    time = _number(buffer, first, last, 10)
                first, last = bounds[needed[2], 0], bounds[needed[2], 1]
                cell = np.int32(-1)
                if base == 0:
                    if not is_json or quoted[needed[2]]:
                        cell = named_cell(hashes, places, texts, offsets, buffer, first, last)
                else:
                    key = _number(buffer, first, last, base)
                    if needed[3] >= 0:
                        part = _number(buffer, bounds[needed[3], 0], bounds[needed[3], 1], base)
                        fits = 0 <= key < (1 << 27) and 0 <= part < (1 << 36)
                        key = (key << 36) + part if fits else np.int64(-1)
                    if key >= 0:
                        cell = numbered_cell(keys, places, key)
                good = cell >= 0 and take(table, state, days, counties, window, high, low, time, cell)
            else:
                good = False
        else:
            good = False
        if not good:
            odd[state[ODD], 0], odd[state[ODD], 1], odd[state[ODD], 2] = at, end, state[ROW]
            state[ODD] += 1
        at = end + 1
    state[POSITION] = at
    return DONE

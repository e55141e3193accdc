"""Lines of text, compiled: plainly well formed records go into the table, all others are set aside."""

from __future__ import annotations

import numpy as np

from popflow.intake.kernel_cache import compiled
from popflow.intake.kernel_table import ENTRIES, named_cell, numbered_cell, take
from popflow.intake.kernel_values import text_time, token_words, whole_number

NEWLINE, RETURN, SPACE, TAB, QUOTE, BACKSLASH = 10, 13, 32, 9, 34, 92
SAMPLED = np.uint64(63)  # a token whose last byte has none of these bits is of the sample, which the slow way counts
DONE, ODD_FULL, TABLE_FULL = 0, 1, 2  # why a call came back
ROW, POSITION, ODD = 0, 1, 3  # places in `state`: rows read, next byte, records set aside


@compiled
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


@compiled
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


@compiled
def text_lines(buffer, form, cells, window, table, state, days, odd, limit):
    """Take in the lines of a buffer that ends with a line, from state[POSITION] on.

    form: (is_json, delimiter, bounds, quoted, names, name_offsets, places of token, time and cell parts, token_digits,
    value of each byte as a digit, time_form, time_unit, number_base). cells: (keys, hashes, places, texts, offsets,
    counties). odd: (start, end, row) of the lines that were set aside. limit: rows of the table. Returns DONE, or
    ODD_FULL or TABLE_FULL; then call again.
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
            high, low, right = token_words(buffer, bounds[needed[0], 0], digits, value_of)
            if right and low & SAMPLED:
                first, last = bounds[needed[1], 0], bounds[needed[1], 1]
                if len(time_form):
                    time = text_time(buffer, first, last, time_form, unit)
                else:
                    time = whole_number(buffer, first, last, 10)
                first, last = bounds[needed[2], 0], bounds[needed[2], 1]
                cell = np.int32(-1)
                if base == 0:
                    if not is_json or quoted[needed[2]]:
                        cell = named_cell(hashes, places, texts, offsets, buffer, first, last)
                else:
                    key = whole_number(buffer, first, last, base)
                    if needed[3] >= 0:
                        part = whole_number(buffer, bounds[needed[3], 0], bounds[needed[3], 1], base)
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

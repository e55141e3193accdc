"""Token, number and time as numbers, compiled; what is not plainly one is none."""

from __future__ import annotations

import numpy as np

from popflow.intake.kernel_cache import compiled

LONGEST_DECIMAL, LONGEST_HEX = 18, 15  # digits that fit a long whatever they are


@compiled
def token_words(buffer, at, digits, value_of):
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


@compiled
def whole_number(buffer, start, end, base):
    """A whole number of digits alone; -1 where it is none, or too long."""
    if end <= start or end - start > (LONGEST_DECIMAL if base == 10 else LONGEST_HEX):
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


@compiled
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


@compiled
def text_time(buffer, start, end, form, units):
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

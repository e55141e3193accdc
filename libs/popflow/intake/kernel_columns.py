"""Columns of a Parquet file, compiled: what each different value means, then record by record into the table."""

from __future__ import annotations

import numpy as np

from popflow.intake.kernel_cache import compiled
from popflow.intake.kernel_lines import DONE, ODD, POSITION, SAMPLED, TABLE_FULL
from popflow.intake.kernel_table import ENTRIES, named_cell, numbered_cell, take
from popflow.intake.kernel_values import token_words, whole_number


@compiled
def words_of(data, offsets, digits, value_of, words, good):
    """Tokens as two words each, and whether each is beyond doubt; form as in `kernel_values.token_words`."""
    for one in range(len(good)):
        good[one] = offsets[one + 1] - offsets[one] == digits
        if good[one]:
            words[one, 0], words[one, 1], good[one] = token_words(data, offsets[one], digits, value_of)


@compiled
def numbers_of(data, offsets, base, numbers):
    """Texts as whole numbers, -1 where they are none beyond doubt."""
    for one in range(len(numbers)):
        numbers[one] = whole_number(data, offsets[one], offsets[one + 1], base)


@compiled
def numbered(first, second, both, keys, places, found):
    """Places of cells by one or two numbers each, -1 where there is none."""
    for one in range(len(found)):
        key = first[one]
        if both:
            fits = 0 <= key < (1 << 27) and 0 <= second[one] < (1 << 36)
            key = (key << 36) + second[one] if fits else np.int64(-1)
        found[one] = numbered_cell(keys, places, key)


@compiled
def named(data, offsets, skipped, hashes, places, texts, text_offsets, found):
    """Places of cells by their texts without the first bytes, -1 where there is none."""
    for one in range(len(found)):
        start, end = offsets[one] + skipped, offsets[one + 1]
        found[one] = named_cell(hashes, places, texts, text_offsets, data, start, end) if end > start else -1


@compiled
def records(tokens, words, good, times, cells, counties, window, table, state, days, odd, limit):
    """Take in records from state[POSITION] on; DONE or TABLE_FULL, then call again.

    tokens: place of each record's token in words and good; cells: place of its cell; either is -1 where it is none.
    odd: room for the places of all records, of which state[ODD] are set aside.
    """
    for one in range(state[POSITION], len(tokens)):
        if state[ENTRIES] >= limit:
            state[POSITION] = one
            return TABLE_FULL
        token, cell = tokens[one], cells[one]
        taken = False
        if token >= 0 and cell >= 0 and good[token] and words[token, 1] & SAMPLED:
            taken = take(table, state, days, counties, window, words[token, 0], words[token, 1], times[one], cell)
        if not taken:
            odd[state[ODD]] = one
            state[ODD] += 1
    state[POSITION] = len(tokens)
    return DONE

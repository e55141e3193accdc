"""Random streams that depend on what they are for, never on the order in which processes run."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa

Stream = np.random.Generator


def stream(seed: int, purpose: str, *numbers: int) -> Stream:
    """The stream of a purpose (and a day, a part ...) under a seed; the same arguments give the same numbers."""
    words = [seed, zlib.crc32(purpose.encode()), *numbers]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))


def hex_tokens(draw: Stream, count: int, digits: int) -> pa.StringArray:
    """`count` random tokens of `digits` hexadecimal digits."""
    text = draw.bytes(count * digits // 2).hex().encode()
    offsets = np.arange(0, len(text) + 1, digits, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))

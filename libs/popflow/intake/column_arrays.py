"""Arrow columns as numpy arrays for the compiled part: different values and their places, whole numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popflow.intake.file_checks import WholeFile


class Unplain(Exception):  # noqa: N818 - a verdict, not an error
    """A column that only DuckDB reads."""


def encoded(column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Of each row the place of its value, -1 for none; and the different values, as text or bytes."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values = column.dictionary
    if not (pa.types.is_string(values.type) or pa.types.is_binary(values.type)) or values.null_count:
        raise Unplain
    places = pc.fill_null(column.indices, -1).cast(pa.int32()).to_numpy()
    if len(places) and not (places.min() >= -1 and places.max() < len(values)):
        raise WholeFile("file_damaged")  # compiled code checks no bounds
    return read_only(places), values


def whole_numbers(column: pa.Array) -> np.ndarray:
    """A column of whole numbers, -1 for null, which is not a number that a record has."""
    if not pa.types.is_integer(column.type):
        raise Unplain
    try:
        return read_only(pc.fill_null(column.cast(pa.int64()), -1).to_numpy())
    except pa.ArrowInvalid:  # beyond a long
        raise Unplain from None


def read_only(array: np.ndarray) -> np.ndarray:
    """The array, closed to writing: compiled code is compiled anew for each kind."""
    array.flags.writeable = False
    return array

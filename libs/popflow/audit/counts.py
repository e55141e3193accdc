"""The finest cells of a release as exact integers, read from `base_cells`, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

WIDE = "without_"  # before an MNO's name: its part of persons_without as a column
NATURAL_COLUMNS = ("origin_code", "destination_code", "persons", "persons_registered")


class Malformed(ValueError):  # noqa: N818 - it names the state of the frame
    """The frame is not what its contract says."""


@dataclass(frozen=True)
class Counts:
    """Persons in every finest cell of a release.

    values[0] are persons, values[1] registered ones, values[2 + i] registered ones without any SIM at mnos[i]; each is
    a matrix of origins x destinations. Cells that the base cells leave out hold 0.
    """

    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    mnos: tuple[str, ...]
    values: np.ndarray

    def digest(self) -> str:
        """SHA-256 of codes and numbers, whichever order the base cells came in."""
        seen = hashlib.sha256(repr((self.origins, self.destinations, self.mnos)).encode())
        seen.update(np.ascontiguousarray(self.values).tobytes())
        return seen.hexdigest()

    def on(self, origins: Sequence[str], destinations: Sequence[str]) -> np.ndarray:
        """The values on other axes; persons in a cell that those do not have are an error."""
        rows, row_known = _positions(self.origins, origins)
        columns, column_known = _positions(self.destinations, destinations)
        lost = self.values[0].sum() - self.values[0][np.ix_(row_known, column_known)].sum()
        if lost:
            raise Malformed(f"{lost} persons in cells that no origin or destination of the release holds")
        moved = np.zeros((len(self.values), len(origins), len(destinations)), dtype=np.int64)
        moved[:, rows[row_known][:, None], columns[column_known]] = self.values[:, row_known][:, :, column_known]
        return moved


def nobody() -> Counts:
    """Counts of no cell and no MNO."""
    return Counts((), (), (), np.zeros((2, 0, 0), dtype=np.int64))


def _positions(codes: Sequence[str], axis: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    place = {code: i for i, code in enumerate(axis)}
    found = np.array([place.get(code, -1) for code in codes], dtype=np.int64)
    return found, found >= 0


def counts_of(base_cells: pd.DataFrame, mnos: Sequence[str], destinations: Collection[str] = ()) -> Counts:
    """Counts of base cells of one release and kind of change; destinations: more codes for the axis, with 0 persons.

    Raises Malformed for a null, a negative, a double, an MNO too many or too few, and for parts over their whole.
    """
    mnos = tuple(sorted(mnos))
    measures = measure_columns(base_cells, mnos)
    origins, rows = _axis(base_cells["origin_code"], ())
    columns_axis, columns = _axis(base_cells["destination_code"], destinations)
    shape = (len(origins), len(columns_axis))
    cell = rows * max(shape[1], 1) + columns
    if _any_double(cell):
        raise Malformed("the same finest cell stands twice in the base cells")
    values = np.zeros((len(measures), shape[0] * shape[1]), dtype=np.int64)
    for i, measure in enumerate(measures):
        values[i, cell] = measure
    return Counts(tuple(origins), tuple(columns_axis), mnos, values.reshape(len(measures), *shape))


def measure_columns(base_cells: pd.DataFrame, mnos: Sequence[str]) -> list[np.ndarray]:
    """Persons, registered persons and those without each MNO, as integer columns."""
    for column in NATURAL_COLUMNS:
        if column not in base_cells or base_cells[column].isna().any():
            raise Malformed(f"base_cells: column {column} is missing or has nulls")
    persons = _whole(base_cells["persons"], "persons")
    registered = _whole(base_cells["persons_registered"], "persons_registered")
    without = [_whole(column, f"persons_without {mno}") for mno, column in without_columns(base_cells, mnos).items()]
    if (registered > persons).any() or any((part > registered).any() for part in without):
        raise Malformed("base_cells: more registered persons than persons, or more without an MNO than registered ones")
    return [persons, registered, *without]


def without_columns(base_cells: pd.DataFrame, mnos: Sequence[str]) -> dict[str, pd.Series]:
    """persons_without as one column an MNO; a frame may bring columns without_<mno> in its place."""
    if "persons_without" not in base_cells:
        if strange := {name for name in map(str, base_cells.columns) if name.startswith(WIDE)} - {
            WIDE + m for m in mnos
        }:
            raise Malformed(
                f"base_cells: {', '.join(sorted(strange))} of no MNO of the release, which has {', '.join(mnos)}"
            )
        if missing := [mno for mno in mnos if f"without_{mno}" not in base_cells]:
            raise Malformed(f"base_cells: no persons_without for {', '.join(missing)}")
        return {mno: base_cells[f"without_{mno}"] for mno in mnos}
    pairs = [list(one.items()) if isinstance(one, dict) else one for one in base_cells["persons_without"]]
    maps = pa.array(pairs, type=pa.map_(pa.string(), pa.int64()))
    names, figures = maps.keys.dictionary_encode(), maps.items
    wrong = Malformed(f"base_cells: persons_without has other MNOs than the release, which has {', '.join(mnos)}")
    if len(names) != len(pairs) * len(mnos) or figures.null_count or set(names.dictionary.to_pylist()) - set(mnos):
        raise wrong
    row = np.repeat(np.arange(len(pairs)), np.diff(maps.offsets.to_numpy()))
    places = np.array([mnos.index(name) for name in names.dictionary.to_pylist()], dtype=np.int64)
    column = places[names.indices.to_numpy()]
    if _any_double(row * max(len(mnos), 1) + column):
        raise wrong
    table = np.zeros((len(pairs), len(mnos)), dtype=np.int64)
    table[row, column] = figures.to_numpy()
    return {mno: pd.Series(table[:, i]) for i, mno in enumerate(mnos)}


def wide_base_cells(table: pa.Table) -> pd.DataFrame:
    """Base cells with persons_without as columns without_<mno>; as they are where rows name different MNOs."""
    maps = table["persons_without"].combine_chunks()
    maps = maps.chunk(0) if isinstance(maps, pa.ChunkedArray) else maps
    names = maps.keys.dictionary_encode()
    width = len(names.dictionary)
    places = names.indices.to_numpy()
    alike = width and len(places) == len(maps) * width and (places.reshape(-1, width) == places[:width]).all()
    if not alike or maps.null_count or maps.items.null_count:
        return table.to_pandas(date_as_object=True)
    figures = maps.items.to_numpy().reshape(-1, width)
    columns = {f"{WIDE}{names.dictionary[place].as_py()}": figures[:, n] for n, place in enumerate(places[:width])}
    return table.drop_columns(["persons_without"]).to_pandas(date_as_object=True).assign(**columns)


def _any_double(places: np.ndarray) -> bool:
    return len(places) > 0 and bool(np.bincount(places).max() > 1)


def _whole(column: pd.Series, name: str) -> np.ndarray:
    if len(column) and not pd.api.types.is_integer_dtype(column):
        raise Malformed(f"base_cells: {name} is not of whole numbers")
    if (column < 0).any():
        raise Malformed(f"base_cells: {name} has negative numbers")
    return column.to_numpy(dtype=np.int64)


def _axis(codes: pd.Series, more: Collection[str]) -> tuple[list[str], np.ndarray]:
    places, found = pd.factorize(codes)
    axis = sorted({*found, *more})
    position = {code: i for i, code in enumerate(axis)}
    order = np.array([position[code] for code in found], dtype=np.int64)
    return axis, order[places] if len(found) else places.astype(np.int64)

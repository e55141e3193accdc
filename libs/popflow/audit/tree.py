"""What the published rows mean: every step of a chain as a grid of origins x destinations, with what each cell holds.

This is the auditor's own reading of an indicator's steps. A chain is a tree: a cell of one grid lies in one cell of
the grid before. The sums come from the base cells, what is shown comes from the rows, and rows that no grid has a
place for are kept apart as strays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from popflow.audit.chains import REST, Chain, Spec, prefecture_of, province_of
from popflow.audit.counts import Counts, Malformed, nobody

NOT_SHOWN = -1
FINEST = ("county", "county")


@dataclass
class Grid:
    """One step of a chain. values: [measure, origin, destination]; shown: persons published, or NOT_SHOWN.

    up: for each origin and each destination its place on the axes of the grid before. rest: persons of the rest row
    below each cell of the grid before, or NOT_SHOWN; rest_on: what its label differs in. published: whether rows have a
    place on it; the cells of counties below a chain that ends above them have none.
    """

    step: str
    origin_level: str
    destination_level: str
    rest_on: str | None
    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    values: np.ndarray
    is_cell: np.ndarray
    shown: np.ndarray
    up_origin: np.ndarray
    up_destination: np.ndarray
    rest: np.ndarray
    published: bool

    def label(self, origin: int, destination: int) -> str:
        """A cell as people write it."""
        return cell_text(
            self.origin_level, self.origins[origin], self.destination_level, self.destinations[destination]
        )

    def rest_label(self, before: Grid, origin: int, destination: int) -> str:
        """The rest row below a cell of the grid before."""
        on_origin = self.rest_on == "origin"
        origin_code, destination_code = before.origins[origin], before.destinations[destination]
        if self.rest_on is None:
            return f"what is left of {before.label(origin, destination)}"
        return cell_text(
            self.origin_level,
            REST + origin_code if on_origin else origin_code,
            self.destination_level,
            destination_code if on_origin else REST + destination_code,
        )

    def parents(self) -> np.ndarray:
        """For each cell, flat, the flat place of the cell that holds it on the grid before."""
        width = self.rest.shape[1]
        return (self.up_origin[:, None] * width + self.up_destination).ravel()


@dataclass
class Tree:
    """One chain of one release: its grids from the root on, its finest counts, and the rows without a place."""

    chain: Chain
    grids: list[Grid]
    values: np.ndarray
    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    mnos: tuple[str, ...]
    used: set[int] = field(default_factory=set)

    def grid(self, step: str) -> Grid:
        """The grid of a step."""
        return next(grid for grid in self.grids if grid.step == step)

    def at(self, origin_level: str, destination_level: str) -> Grid:
        """The grid of some levels; ask `has` before."""
        levels = (origin_level, destination_level)
        return next(grid for grid in self.grids if (grid.origin_level, grid.destination_level) == levels)

    def has(self, origin_level: str, destination_level: str) -> bool:
        """Whether the chain's rows go down to some levels."""
        levels = [(one.origin_level, one.destination_level) for one in self.grids if one.published]
        return (origin_level, destination_level) in levels


def cell_text(origin_level: str, origin: str, destination_level: str, destination: str) -> str:
    """A row's label: levels always beside their codes."""
    return f"[{origin_level} {origin} -> {destination_level} {destination}]"


def labelled(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str, str], str, int]]:
    """Each row's place, its label, and its persons."""
    columns = (rows[name] for name in ("origin_level", "origin_code", "destination_level", "destination_code"))
    for *place, persons in zip(*columns, rows["persons"], strict=True):
        at = (str(place[0]), str(place[1]), str(place[2]), str(place[3]))
        yield at, cell_text(*at), int(persons)


def build_tree(chain: Chain, counts: Counts | None, covered: Collection[str], covered_before: Collection[str]) -> Tree:
    """The grids of a chain with their sums, without rows yet; counts: None where the base cells are gone, then all 0.

    Children are the counties in which somebody can have been, where they went (covered) and where they came from
    (covered_before), with 0 persons too, and every code that the base cells know.
    """
    counts = nobody() if counts is None else counts
    mine = {code for code in {*covered_before, *counts.origins} if chain.holds(code)}
    origins, destinations = tuple(sorted(mine)), tuple(sorted({*covered, *counts.destinations}))
    values = counts.on(origins, destinations)
    # The origin's own prefecture is not a destination.
    home, away = np.array([o[:4] for o in origins], dtype="U4"), np.array([d[:4] for d in destinations], dtype="U4")
    is_cell = home[:, None] != away
    if values[0][~is_cell].any():
        raise Malformed("base_cells: moves within a prefecture, which are never published")
    tree = Tree(chain, [], values, origins, destinations, counts.mnos)
    before: tuple[np.ndarray, np.ndarray] | None = None
    for one in chain.steps:
        before = _add_grid(tree, one, is_cell, before)
    if not tree.has(*FINEST):
        _add_grid(tree, ("cells", *FINEST, None), is_cell, before, published=False)
    return tree


def _add_grid(
    tree: Tree, spec: Spec, is_cell: np.ndarray, before: tuple[np.ndarray, np.ndarray] | None, *, published: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    step, origin_level, destination_level, rest_on = spec
    origin_codes, rows = _axis([_at(origin_level, tree.chain)(code) for code in tree.origins])
    codes, columns = _axis([_at(destination_level, tree.chain)(code) for code in tree.destinations])
    shape = (len(origin_codes), len(codes))
    values = gather(gather(tree.values, rows, shape[0], 1), columns, shape[1], 2)
    cells = gather(gather(is_cell[None].astype(np.int64), rows, shape[0], 1), columns, shape[1], 2)[0] > 0
    up_origin, up_destination = np.zeros(shape[0], dtype=np.int64), np.zeros(shape[1], dtype=np.int64)
    parent_shape = tree.grids[-1].shown.shape if tree.grids else (1, 1)
    if before is not None:
        up_origin[rows], up_destination[columns] = before
    tree.grids.append(
        Grid(
            step,
            origin_level,
            destination_level,
            rest_on,
            tuple(origin_codes),
            tuple(codes),
            values,
            cells,
            np.full(shape, NOT_SHOWN, dtype=np.int64),
            up_origin,
            up_destination,
            np.full(parent_shape, NOT_SHOWN, dtype=np.int64),
            published,
        )
    )
    return rows, columns


def gather(values: np.ndarray, places: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Sums along an axis by the place of each; every place has some."""
    if size == values.shape[axis] and (places == np.arange(size)).all():
        return values
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(size))  # every place occurs: axes are made of their own codes
    in_order = values if (order == np.arange(len(order))).all() else values.take(order, axis)
    return np.add.reduceat(in_order, starts, axis) if len(places) else np.zeros_like(values)


def _axis(codes: list[str]) -> tuple[list[str], np.ndarray]:
    axis = sorted(set(codes))
    place = {code: i for i, code in enumerate(axis)}
    return axis, np.array([place[code] for code in codes], dtype=np.int64)


def _at(level: str, chain: Chain) -> Callable[[str], str]:
    def side(code: str) -> str:
        return f"{'inside' if province_of(code) == chain.province else 'outside'}_{chain.province}"

    levels: dict[str, Callable[[str], str]] = {
        "area": lambda _: chain.name,
        "all": lambda _: "all",
        "county": lambda code: code,
        "border": side,
        "prefecture": prefecture_of,
        "province": province_of,
    }
    return levels[level]


@dataclass(frozen=True)
class Codes:
    """A column of codes: which distinct one each row bears."""

    places: np.ndarray
    distinct: list[str]

    @classmethod
    def of(cls, column: pd.Series) -> Codes:
        """Codes of a column."""
        places, distinct = pd.factorize(column)
        return cls(places, [str(code) for code in distinct])

    def on(self, axis: Sequence[str], prefix: str) -> np.ndarray:
        """For each row the place of its code on an axis, behind a prefix; -1 where it has none."""
        place = {prefix + code: i for i, code in enumerate(axis)}
        found = np.array([place.get(code, -1) for code in self.distinct], dtype=np.int64)
        return found[self.places] if len(found) else self.places


def place_rows(tree: Tree, rows: pd.DataFrame) -> None:
    """Put each published row in its place on the grids; tree.used holds the positions of those that have one."""
    levels = Codes.of(rows["origin_level"] + ">" + rows["destination_level"])
    codes = Codes.of(rows["origin_code"]), Codes.of(rows["destination_code"])
    persons = rows["persons"].to_numpy(dtype=np.int64)
    for before, grid in zip([None, *tree.grids[:-1]], tree.grids, strict=True):
        if not grid.published:
            continue
        mine = levels.on([f"{grid.origin_level}>{grid.destination_level}"], "") == 0
        _place(tree, mine, codes, persons, grid.shown, (grid, grid.is_cell), None)
        if before is not None and grid.rest_on:
            _place(tree, mine, codes, persons, grid.rest, (before, before.is_cell), grid.rest_on)


def _place(
    tree: Tree,
    mine: np.ndarray,
    codes: tuple[Codes, Codes],
    persons: np.ndarray,
    target: np.ndarray,
    axes: tuple[Grid, np.ndarray],
    rest_on: str | None,
) -> None:
    grid, is_cell = axes
    origin = codes[0].on(grid.origins, REST if rest_on == "origin" else "")
    column = codes[1].on(grid.destinations, REST if rest_on == "destination" else "")
    at = np.flatnonzero(mine & (origin >= 0) & (column >= 0))
    at = at[is_cell[origin[at], column[at]]]
    target[origin[at], column[at]] = persons[at]
    tree.used.update(at.tolist())


def take_figures_from_rows(tree: Tree) -> None:
    """Let every cell that is shown hold the persons that its row says, all of them registered, and others nobody."""
    for grid in tree.grids:
        grid.values = np.stack([np.where(grid.shown == NOT_SHOWN, 0, grid.shown)] * 2)


def not_shown_by(old: Grid, grid: Grid) -> np.ndarray:
    """For each cell of a grid whether another release's grid of the same step has no row of its own for it."""
    rows, columns = ({code: i for i, code in enumerate(axis)} for axis in (old.origins, old.destinations))
    i = np.array([rows.get(code, -1) for code in grid.origins], dtype=np.int64)
    j = np.array([columns.get(code, -1) for code in grid.destinations], dtype=np.int64)
    padded = np.pad(old.shown != NOT_SHOWN, ((0, 1), (0, 1)))  # -1: a code that the other does not have
    return ~padded[np.ix_(i, j)]

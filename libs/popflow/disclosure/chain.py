"""The chain of an indicator as a tree: for each step its nodes, their parents and their codes.

A tree is built from the codes of the places alone, so it holds every cell that could have persons, those with 0 too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from popflow.contracts import Area
from popflow.disclosure.exact import ENDS, counts_of, refuse_uncovered
from popflow.disclosure.rules import Bools, Ints, summed
from popflow.geography.codes import prefecture_of, province_of
from popflow.indicators import Indicator

Codes = npt.NDArray[np.str_]
Labels = dict[str, pd.Categorical]  # for each kind of label (county, prefecture, chain ...) one for every finest cell


@dataclass(frozen=True)
class Step:
    """One step of a chain as the gate reads it: level and label of origin and destination."""

    name: str
    origin: tuple[str, str]
    destination: tuple[str, str]
    rest: Literal["", "origin_code", "destination_code"] = ""  # in which code the rest row differs from a shown one
    rest_of: str = ""  # label that names the parent there


ORIGINS = {"area": "chain", "prefecture": "origin_prefecture", "county": "origin_county"}  # level -> label
DESTINATIONS = {"all": "all", "border": "side", "province": "province", "prefecture": "prefecture", "county": "county"}


def steps_of(indicator: Indicator) -> list[Step]:
    """The steps of an indicator's chain, the root first."""
    found: list[Step] = []
    for one in indicator.steps:
        origin, destination = ORIGINS[one.origin], DESTINATIONS[one.destination]
        above = {"origin": found[-1].origin[1], "destination": found[-1].destination[1]} if found else {}
        rest: tuple[Any, str] = (f"{one.rest}_code", above[one.rest]) if one.rest else ("", "")
        found.append(Step(one.step, (one.origin, origin), (one.destination, destination), *rest))
    return found


@dataclass(frozen=True)
class Nodes:
    """The cells of one step. They are numbered in the order of their codes."""

    step: Step
    codes: pd.DataFrame  # origin_level, origin_code, destination_level, destination_code
    rest_codes: pd.DataFrame  # the same for the rest that the node would stand in
    parent: Ints  # number of the node's parent in the step before
    of_cell: Ints  # for every finest cell its node

    def counts(self, cells: Ints) -> Ints:
        """Counts of the nodes from those of the finest cells."""
        return summed(cells, self.of_cell, len(self.codes))


@dataclass(frozen=True)
class Tree:
    """The finest cells of a date and the steps above them."""

    cells: pd.MultiIndex  # origin and destination code
    steps: list[Nodes]
    places: dict[str, Sequence[str]]  # for origin_code and destination_code the covered counties that can stand there

    def refuse_uncovered(self, frame: pd.DataFrame) -> None:
        """Raise PopflowError where a cell lies in none of the places."""
        refuse_uncovered(frame, self.places)

    def counts(self, cells: pd.DataFrame, mnos: Sequence[str]) -> Ints:
        """Counts of all finest cells from those with persons; cells that the tree does not hold are left out."""
        cell = self.cells.get_indexer(pd.MultiIndex.from_frame(cells[ENDS]))
        return summed(counts_of(cells, mnos)[cell >= 0], cell[cell >= 0], len(self.cells))


def flow_tree(
    indicator: Indicator, chain: str, area: Area, destinations: Iterable[str], origins: Iterable[str]
) -> Tree:
    """The tree of moves from a chain's counties to all, those within a prefecture left out.

    destinations, origins: codes of the covered counties in which the date can end for somebody, and the day before.
    """
    starts, ends = set(origins), set(destinations)
    code = np.array(sorted(starts | ends))
    above = _above(code)
    origin = np.flatnonzero(np.char.startswith(code, own_digits(area)) & np.isin(code, list(starts)))
    destination = np.flatnonzero(np.isin(code, list(ends)))
    pair = np.repeat(np.arange(origin.size), destination.size), np.tile(destination, origin.size)
    crosses = above["prefecture"][origin[pair[0]]] != above["prefecture"][pair[1]]
    o, d = origin[pair[0]][crosses], pair[1][crosses]
    inside = above["province"][o] == above["province"][d]
    sides = np.where(inside, "inside_", "outside_").astype(object) + above["province"][o].astype(object)
    labels = {
        "all": _labelled(np.zeros(o.size, dtype=int), np.array(["all"])),
        "chain": _labelled(np.zeros(o.size, dtype=int), np.array([chain])),
        "side": pd.Categorical(sides),
        "origin_county": _labelled(o, code),
        "origin_prefecture": _labelled(o, above["prefecture"]),
        "county": _labelled(d, code),
        "prefecture": _labelled(d, above["prefecture"]),
        "province": _labelled(d, above["province"]),
    }
    nodes: list[Nodes] = []
    for step in steps_of(indicator):
        nodes.append(_nodes(step, labels, nodes[-1].of_cell if nodes else None))
    cells = pd.MultiIndex.from_arrays([labels["origin_county"], labels["county"]], names=ENDS)
    return Tree(cells, nodes, dict(zip(ENDS, (sorted(starts), sorted(ends)), strict=True)))


def never_alone(tree: Tree, sensitive: Collection[str]) -> list[Bools]:
    """For each step which nodes show a sensitive county alone: all their cells begin in it, or all end in it."""
    closed = [np.zeros(len(nodes.codes), dtype=bool) for nodes in tree.steps]
    if not sensitive:
        return closed
    for place, counties in zip(tree.cells.codes, tree.cells.levels, strict=True):
        alone = counties.isin(sensitive)
        for nodes, shows in zip(tree.steps, closed, strict=True):
            first, last = np.full(shows.size, len(counties)), np.zeros(shows.size, dtype=np.int64)
            np.minimum.at(first, nodes.of_cell, place)
            np.maximum.at(last, nodes.of_cell, place)
            shows |= (first == last) & alone[last]
    return closed


def _above(code: Codes) -> dict[str, Codes]:
    return {
        "prefecture": np.array([prefecture_of(one) for one in code]),
        "province": np.array([province_of(one) for one in code]),
    }


def own_digits(area: Area) -> str:
    """How the codes of all places in an area begin."""
    return area.code[:2] if area.level == "province" else area.code[:4]


def _labelled(index: Ints, names: Codes) -> pd.Categorical:
    unique, position = np.unique(names, return_inverse=True)
    return pd.Categorical.from_codes(position[index], categories=pd.Index(unique))


def _nodes(step: Step, labels: Labels, above: Ints | None) -> Nodes:
    origin, destination = labels[step.origin[1]], labels[step.destination[1]]
    key = origin.codes.astype(np.int64) * len(destination.categories) + destination.codes
    _, first, of_cell = np.unique(key, return_index=True, return_inverse=True)
    parent = np.zeros(first.size, dtype=np.int64) if above is None else above[first]
    codes = pd.DataFrame(
        {
            "origin_level": step.origin[0],
            "origin_code": np.asarray(origin[first], dtype=object),
            "destination_level": step.destination[0],
            "destination_code": np.asarray(destination[first], dtype=object),
        }
    )
    rest_codes = codes
    if step.rest:
        parent_name = np.asarray(labels[step.rest_of][first], dtype=object)
        rest_codes = codes.assign(**{step.rest: "rest_of_" + parent_name})
    return Nodes(step, codes, rest_codes, parent, of_cell)

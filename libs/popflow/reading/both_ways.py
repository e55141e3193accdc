"""Inflow, net flow and matrices: views of the rows of all chains, with bounds; nothing of them is published.

Each chain tells what left its prefectures. So what came to a place is a sum over chains, which share no person on a
date: at least what their rows show for it, at most that and every row in which it may be hidden.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from popflow.contracts import Area, chains
from popflow.errors import PopflowError
from popflow.indicators import Indicator
from popflow.reading import bounds as tree
from popflow.reading.names import Place, Places, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

OriginLevel = Literal["province", "prefecture"]
ORIGIN_LEVELS: tuple[OriginLevel, ...] = ("province", "prefecture")
MATRIX_LEVELS = ("province", "prefecture", "county")
STEPS = {"province": tree.PROVINCE, "prefecture": tree.PREFECTURE, "county": tree.COUNTY}
BOUNDS = ["persons_at_least", "persons_at_most"]


@dataclass(frozen=True)
class Toward:
    """What is asked of the rows of all chains: figures by destination and origin, of some dates.

    place: the destination, None for every one of the level.
    """

    indicator: Indicator
    place: Place | None
    level: str
    origins: OriginLevel
    first: dt.date
    last: dt.date
    as_of: dt.datetime | None = None
    daily: bool = False

    @property
    def step(self) -> int:
        """The step of the chain that shows the level. Raises PopflowError where the indicator has none."""
        if STEPS[self.level] >= len(self.indicator.steps):
            raise PopflowError(f"{self.indicator.indicator} has no rows by {self.level}")
        return STEPS[self.level]


def origin_level(level: str) -> OriginLevel:
    """The level of origins that a text names. Raises PopflowError where it is none."""
    for known in ORIGIN_LEVELS:
        if known == level:
            return known
    raise PopflowError(f"--by {level}{did_you_mean(level, ORIGIN_LEVELS)}; origins are told by province or prefecture")


def filters(asked: Toward, areas: Mapping[str, Area]) -> dict[str, list[str]]:
    """What narrows the reading of `flows` down: the steps to the level, and the rows that can hold the place."""
    kinds = [kind for kind, step in tree.numbered(asked.indicator).items() if step <= asked.step]
    levels = {"origin_level": sorted({o for o, _ in kinds}), "destination_level": sorted({d for _, d in kinds})}
    if asked.place is None:
        return levels
    codes = {"all"}
    for area in chains(asked.indicator.areas_of(areas)).values():
        side, *within = tree.destination_codes(asked.place.level, asked.place.code, area.province_code)
        sides = {f"inside_{area.province_code}", f"outside_{area.province_code}"}
        codes |= {*sides, f"{tree.REST}{side}", *within, *(f"{tree.REST}{code}" for code in within if code)}
    return levels | {"destination_code": sorted(codes - {""})}


@dataclass(frozen=True)
class ChainTree:
    """One chain's rows with their place in its tree, and the finest rows, which hold each person once."""

    view: tree.View
    rows: pd.DataFrame
    finest: pd.DataFrame


def trees(asked: Toward, flows: pd.DataFrame, areas: Mapping[str, Area]) -> list[ChainTree]:
    """Trees of all chains from which anybody can have come to the place.

    In: rows of the contract `flows` of the releases that are served, of all chains.
    """
    steps, by_chain, found = tree.numbered(asked.indicator), _by_chain(flows, areas), []
    for name, area in chains(asked.indicator.areas_of(areas)).items():
        crosses = asked.place is None or asked.place.code != area.code  # moves within a province do not come into it
        if crosses and (own := by_chain.get(name)) is not None:
            prefecture = area.code if area.level == "prefecture" else None
            view = tree.View(name, area.province_code, prefecture, steps, whole=True)
            rows = tree.placed(own, view)
            finest = tree.finest_rows(rows, asked.step)
            if asked.place is not None and asked.level != "province":
                finest = finest[
                    finest["origin"] != asked.place.code[:4] + "00"
                ]  # whoever left the place's own prefecture
            found.append(ChainTree(view, rows, finest))
    return found


def figures(asked: Toward, of: Sequence[ChainTree], places: Places) -> pd.DataFrame:
    """Persons by origin and destination, at least and at most.

    Grain: origin and destination (and date where asked daily), those of which the most is 0 left out. Columns: date,
    origin, destination (codes), persons_at_least, persons_at_most (person-trips over several dates), dates_shown.
    """
    import pandas as pd

    columns = ["date", "origin", "destination", *BOUNDS, "dates_shown"]
    found = [_of_chain(asked, one, places) for one in of]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def total(asked: Toward, of: Sequence[ChainTree], places: Places) -> tuple[int, int]:
    """Persons who came to the place from all origins together, at least and at most; see `figures`.

    A row that hides several origins counts once, so this is less than the sum of each origin's most.
    """
    together = figures(replace(asked, origins="province", daily=False), of, places)
    return int(together["persons_at_least"].sum()), int(together["persons_at_most"].sum())


def _of_chain(asked: Toward, of: ChainTree, places: Places) -> pd.DataFrame:
    """Figures of one chain: each destination's bounds for each of its origins."""
    rows, step, level = of.rows, asked.step, asked.level
    view = replace(of.view, by_origin=asked.origins == "prefecture")
    by = ["date"] if asked.daily else []
    units = _units(asked, view, places)
    if asked.daily:
        units = units.merge(rows[["date"]].drop_duplicates(), how="cross")
    if view.by_origin:
        by.append("origin")
        origins = [one.code for one in places.all("prefecture") if one.code[:2] == view.province[:2]]
        units = units.merge(_frame({"origin": origins}), how="cross")
        own = units["county"].str[:4] + "00" if level == "county" else units.get("prefecture", "")
        units = units[units["origin"] != own].reset_index(drop=True)
    hidden = tree.bounds(rows, of.finest, view, step, by, units)
    shown = rows[(rows["step"] == step) & ~rows["is_rest"] & (rows["origin"] != "rest")]
    sums = shown.groupby([*by, level], as_index=False).agg(
        persons_at_least=("persons", "sum"), dates_shown=("date", "nunique")
    )
    found = units.merge(sums, on=[*by, level], how="left")
    low = found["persons_at_least"].fillna(0).astype("int64")
    found = found.assign(
        persons_at_least=low,
        persons_at_most=low + hidden.to_numpy(),
        dates_shown=found["dates_shown"].fillna(0).astype("int64"),
        destination=found[level],
    )
    for column, value in (("date", None), ("origin", view.prefecture or view.province)):
        if column not in by:
            found[column] = value
    return found[found["persons_at_most"] > 0]


def _units(asked: Toward, view: tree.View, places: Places) -> pd.DataFrame:
    """Destinations that are asked for; moves within a prefecture are in no row."""
    wanted = [asked.place] if asked.place else places.all(asked.level)
    codes = [tree.destination_codes(one.level, one.code, view.province) for one in wanted]
    columns = dict(zip(("side", "province", "prefecture", "county"), map(list, zip(*codes, strict=True)), strict=True))
    return _frame(columns)


def _by_chain(flows: pd.DataFrame, areas: Mapping[str, Area]) -> dict[str, pd.DataFrame]:
    """The rows of each chain, told by the origin that a row names."""
    import pandas as pd

    of = chains(areas)
    place, codes = pd.factorize(flows["origin_code"])
    owner = pd.Series([_owner(str(code).removeprefix(tree.REST), of) for code in codes], dtype=object)
    return {str(name): mine for name, mine in flows.groupby(owner.to_numpy()[place])}


def _owner(code: str, of: Mapping[str, Area]) -> str:
    if code in of:
        return code
    within = (name for name, area in of.items() if code.startswith(area.code[: 2 if area.level == "province" else 4]))
    return next(within, "")


def _frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)

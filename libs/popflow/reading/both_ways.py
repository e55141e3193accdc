"""Inflow, net flow and matrices: views of the rows of all chains, with bounds; nothing of them is published.

Each chain tells what left its prefectures. So what came to a place is a sum over chains, which share no person on a
date: at least what their rows show for it, at most that and every row in which it may be hidden. A date on which a
chain shows nothing, not even its root, says nothing of how many came from there at most: that is unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
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
class Trees:
    """Rows of some chains with their place in the chain's tree, and the finest rows, which hold each person once.

    dates: one row for each chain and date that is served; known: whether the chain shows anything on it.
    """

    views: list[tree.View]
    rows: pd.DataFrame
    finest: pd.DataFrame
    dates: pd.DataFrame

    @property
    def unknown(self) -> list[tree.View]:
        """The chains that show nothing on one of the dates, or on several."""
        return [self.views[chain] for chain in sorted(set(self.dates.loc[~self.dates["known"], "chain"]))]


def trees(asked: Toward, flows: pd.DataFrame, areas: Mapping[str, Area], dates: Iterable[dt.date]) -> Trees:
    """Trees of all chains from which anybody can have come to the place.

    In: rows of the contract `flows` of the releases that are served, of all chains; the dates that are served. Moves
    within a province do not come into what is asked of the province, nor those within a prefecture into what is asked
    of it or a county of it.
    """
    import pandas as pd

    steps = tree.numbered(asked.indicator)
    views = [
        tree.View(name, area.province_code, area.code if area.level == "prefecture" else None, steps, whole=True)
        for name, area in chains(asked.indicator.areas_of(areas)).items()
        if asked.place is None or asked.place.code != area.code
    ]
    rows = tree.placed(flows, views)
    finest = tree.finest_rows(rows, asked.step)
    if asked.place is not None and asked.level != "province":
        finest = finest[finest["origin"] != asked.place.code[:4] + "00"]
    roots = set(rows.loc[rows["step"] == 0, ["chain", "date"]].itertuples(index=False, name=None))
    each = [(chain, date, (chain, date) in roots) for chain in range(len(views)) for date in dates]
    return Trees(views, rows, finest, pd.DataFrame(each, columns=["chain", "date", "known"]).astype({"known": bool}))


def figures(asked: Toward, of: Trees, places: Places) -> pd.DataFrame:
    """Persons by origin and destination, at least and at most.

    Grain: origin and destination (and date where asked daily), those of which the most is 0 left out. Columns: date,
    origin, destination (codes), persons_at_least, persons_at_most (person-trips over several dates; null where the
    chain shows nothing on a date), dates_shown.
    """
    rows, step, level = of.rows, asked.step, asked.level
    views = [replace(view, by_origin=asked.origins == "prefecture") for view in of.views]
    by = ["chain", *(["date"] if asked.daily else []), *(["origin"] if asked.origins == "prefecture" else [])]
    units = _units(asked, of, places)
    hidden = tree.bounds(rows, of.finest, views, step, by, units)
    shown = rows[(rows["step"] == step) & ~rows["is_rest"] & (rows["origin"] != "rest")]
    of_unit = shown.groupby([*by, level])
    sums = of_unit["persons"].sum().to_frame("persons_at_least").assign(dates_shown=of_unit["date"].nunique())
    found = units.merge(sums.reset_index(), on=[*by, level], how="left")
    low = found["persons_at_least"].fillna(0).astype("int64")
    found = found.assign(
        persons_at_least=low,
        persons_at_most=(low + hidden.to_numpy()).astype("Int64").mask(_unknown(of, units, asked)),
        dates_shown=found["dates_shown"].fillna(0).astype("int64"),
        destination=found[level],
    )
    if not asked.daily:
        found["date"] = None
    if "origin" not in by:
        found["origin"] = found["chain"].map(dict(enumerate(view.prefecture or view.province for view in views)))
    columns = ["date", "origin", "destination", *BOUNDS, "dates_shown"]
    return found.loc[found["persons_at_most"].ne(0).fillna(True), columns].reset_index(drop=True)


def _unknown(of: Trees, units: pd.DataFrame, asked: Toward) -> Any:
    """Whether the chain of each unit shows nothing on a date."""
    keys = ["chain", "date"] if asked.daily else ["chain"]
    dark = of.dates.loc[~of.dates["known"], keys].drop_duplicates()
    return units[keys].merge(dark.assign(dark=True), on=keys, how="left")["dark"].notna().to_numpy()


def total(asked: Toward, of: Trees, places: Places) -> tuple[int, int | None]:
    """Persons who came to the place from all origins together, at least and at most (None: unknown); see `figures`.

    A row that hides several origins counts once, so this is less than the sum of each origin's most.
    """
    together = figures(replace(asked, origins="province", daily=False), of, places)[BOUNDS]
    low, high = together.sum(skipna=False) if len(together) else (0, 0)
    return int(low), None if together["persons_at_most"].isna().any() else int(high)


def by_date(asked: Toward, of: Trees, places: Places) -> pd.DataFrame:
    """Persons who came to the place on each date from all origins together, at least and at most; see `total`.

    Index: date, those of which the most is 0 left out. Columns: persons_at_least, persons_at_most (null: unknown).
    """
    daily = figures(replace(asked, origins="province", daily=True), of, places).set_index("date")[BOUNDS]
    sums = daily.groupby(level="date").sum()
    unknown = daily.index[daily["persons_at_most"].isna()]
    return sums.assign(persons_at_most=sums["persons_at_most"].mask(sums.index.isin(unknown)))


def _units(asked: Toward, of: Trees, places: Places) -> pd.DataFrame:
    """What is asked for: of each chain the destinations, by date and by origin as it is asked.

    Moves within a prefecture are in no row.
    """
    import pandas as pd

    wanted = [asked.place] if asked.place else places.all(asked.level)
    prefectures = [one.code for one in places.all("prefecture")]
    parts = []
    for chain, view in enumerate(of.views):
        codes = [tree.destination_codes(one.level, one.code, view.province) for one in wanted]
        part = pd.DataFrame(codes, columns=list(tree.PLACES), dtype=object).assign(chain=chain)
        if asked.origins == "prefecture":
            origins = [code for code in prefectures if code[:2] == view.province[:2]]
            part = part.merge(pd.DataFrame({"origin": origins}, dtype=object), how="cross")
            own = part["county"].str[:4] + "00" if asked.level == "county" else part["prefecture"]
            part = part[part["origin"] != own]
        parts.append(part)
    units = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["chain", "origin", *tree.PLACES])
    return units.merge(of.dates[["chain", "date"]], on="chain") if asked.daily else units

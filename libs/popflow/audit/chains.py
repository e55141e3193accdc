"""The chains of an indicator, and which of them each row and each cell belongs to: no row and no cell to two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow.contracts import Area
from popflow.indicators import Indicator

REST = "rest_of_"
NO_CHAIN = -1


Spec = tuple[str, str, str, str | None]  # step, origin level, destination level, what its rest row differs in


@dataclass(frozen=True)
class Chain:
    """A chain of published rows: its name, province, the prefecture that it is narrowed to, if any, and its steps."""

    name: str
    province: str
    prefecture: str | None
    indicator: str
    steps: tuple[Spec, ...]

    def holds(self, origin: str) -> bool:
        """Whether an origin county or prefecture belongs to the chain."""
        return prefecture_of(origin) == self.prefecture if self.prefecture else province_of(origin) == self.province


def chains_of(areas: Mapping[str, Area], indicator: Indicator) -> list[Chain]:
    """Chains of an indicator: each province of its areas, and each prefecture whose province is none."""
    mine = indicator.areas_of(areas)
    about = indicator.indicator, tuple((one.step, one.origin, one.destination, one.rest) for one in indicator.steps)
    provinces = {area.code for area in mine.values() if area.level == "province"}
    chains = [Chain(name, area.code, None, *about) for name, area in mine.items() if area.level == "province"]
    alone = {n: a for n, a in mine.items() if a.level == "prefecture" and a.province_code not in provinces}
    return chains + [Chain(name, area.province_code, area.code, *about) for name, area in alone.items()]


def owners(chains: Sequence[Chain], areas: Mapping[str, Area], rows: pd.DataFrame) -> np.ndarray:
    """For each row the place of the chain that its origin names, NO_CHAIN where it names none."""
    places, distinct = pd.factorize(rows["origin_code"])
    found = np.array([_owner(chains, areas, str(code).removeprefix(REST)) for code in distinct], dtype=np.int64)
    return found[places] if len(found) else places.astype(np.int64)


def _owner(chains: Sequence[Chain], areas: Mapping[str, Area], code: str) -> int:
    code = areas[code].code if code in areas else code
    if len(code) != 6 or not code.isdigit():
        return NO_CHAIN
    return next((place for place, chain in enumerate(chains) if chain.holds(code)), NO_CHAIN)


def prefecture_of(code: str) -> str:
    """Code of the prefecture that a county or prefecture lies in."""
    return code[:4] + "00"


def province_of(code: str) -> str:
    """Code of the province that a code lies in."""
    return code[:2] + "0000"

"""A small nation's arrivals: moves between counties, what the gate publishes of them, and who came from nearby."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from popflow import contracts
from popflow.audit import wide_base_cells
from popflow.audit.arrived import Trees
from popflow.audit.hundreds import Figures
from popflow.contracts import chains
from popflow.disclosure import Arrived, ProtectedTable, arrived, finest_cells, protect_counts, protect_flows
from popflow.geography.counties import county_table

DATE = dt.date(2020, 1, 22)
MNOS = ("mobile", "unicom", "telecom")
KEY = bytes(range(32))
OF = county_table().groupby("prefecture_code")["county_code"]
PREFECTURES = {"420100": 5, "420200": 3, "420500": 4, "430100": 4, "430200": 3, "330100": 4, "110100": 3}
COUNTIES = sorted(code for prefecture, few in PREFECTURES.items() for code in sorted(OF.get_group(prefecture))[:few])


@dataclass(frozen=True)
class Toy:
    """One date: exact moves and arrivals, and the released flows."""

    moves: pd.DataFrame
    arrivals: pd.DataFrame
    flows: ProtectedTable

    def arrived(self) -> Arrived:
        """What the flows show and hide of arrivals, as the gate sees it."""
        known = contracts.load()
        cells = finest_cells(self.flows.base_cells, MNOS)
        return arrived(self.flows.rows, cells, chains(known.areas), COUNTIES, COUNTIES, MNOS)

    def figures(self, drawn: tuple[str, ...] = (), key: bytes = KEY) -> Figures:
        """The gate's figures, with what the attacker knows."""
        known = contracts.load()
        indicator = known.hundreds["arrivals"]
        about = {"date": DATE, "mnos": MNOS, "rules": known.disclosure, "key": key, "counties": COUNTIES}
        table = protect_counts(self.arrivals, indicator=indicator, trees=self.arrived(), **about)
        rows = table.rows_table.to_pandas(date_as_object=True)
        cells = wide_base_cells(self.flows.base_cells_table)
        trees = Trees(self.flows.rows, cells, known.areas, frozenset(COUNTIES))
        return Figures(indicator, DATE, rows, MNOS, known.disclosure, self.arrivals, key, trees=trees, drawn=drawn,
                       draws=table.draws)  # fmt: skip


def toy(seed: int, many: float = 0.012) -> Toy:
    """A date drawn by a seed; many: the smaller, the more persons move."""
    draw = np.random.default_rng(seed)
    pairs = itertools.product(COUNTIES, COUNTIES)
    moved = [(o, d, int(n)) for o, d in pairs if o[:4] != d[:4] and (n := draw.negative_binomial(0.4, many))]
    moves = _counted(pd.DataFrame(moved, columns=["origin_county", "destination_county", "persons"]), draw)
    cross = moves.groupby("destination_county", as_index=False).agg(
        persons=("persons", "sum"), persons_registered=("persons_registered", "sum"),
        persons_without=("persons_without", lambda maps: {m: sum(one[m] for one in maps) for m in MNOS}),
    ).rename(columns={"destination_county": "county_code"}).assign(part="cross")  # fmt: skip
    own = pd.DataFrame({"county_code": COUNTIES, "persons": draw.integers(5, 120, len(COUNTIES))})
    both = pd.concat([cross, _counted(own, draw).assign(part="own")], ignore_index=True)
    known = contracts.load()
    about = {"areas": known.areas, "rules": known.disclosure, "indicator": known.headline}
    flows = protect_flows(moves.assign(date=DATE), date=DATE, release=1, covered_counties=COUNTIES, mnos=MNOS, **about)
    return Toy(moves, both.assign(date=DATE, definition=known.hundreds["arrivals"].definition), flows)


def _counted(frame: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """The rows with registered persons, and those of them without each MNO."""
    registered = [int(draw.binomial(n, 0.99)) for n in frame["persons"]]
    without = [{mno: int(draw.binomial(n, 0.65)) for mno in MNOS} for n in registered]
    return frame.assign(persons_registered=registered, persons_without=without)

"""An attack on all that is published of a date, by linear programs: what of a prefecture's moves do the rows determine?

Every row of every chain is an equation on the exact moves between counties, read here anew, without a line of gate,
auditor or reader. For a withheld group the least and the greatest number of persons that fit all equations are found;
where both are one number from 1 to 19, the group is told. The same for an MNO, which knows its own persons.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from popflow import contracts
from popflow.disclosure import protect_flows
from popflow.geography.counties import county_table

DAY = dt.date(2020, 1, 22)
MNOS = ("mobile", "unicom", "telecom")
K, FLOOR = 20, 10
KNOWN = county_table().groupby("prefecture_code")["county_code"]
# Chains that lead into each other: Hubei to Hunan, Hunan to Zhejiang and Hubei, and Beijing to all of them.
PREFECTURES = {"420100": 3, "420200": 3, "420500": 2, "430100": 3, "430200": 3, "430300": 2, "330100": 3, "110100": 3}
COUNTIES = [code for prefecture, few in PREFECTURES.items() for code in sorted(KNOWN.get_group(prefecture))[:few]]
PAIRS = [(o, d) for o, d in itertools.product(COUNTIES, COUNTIES) if o[:4] != d[:4]]
AREAS = {area.code[:2]: name for name, area in contracts.load().areas.items() if area.level == "province"}
Place = Callable[[str], bool]


def moves(seed: int) -> pd.DataFrame:
    """Exact moves, most of them small; of each MNO some two thirds of the persons have no SIM."""
    draw = np.random.default_rng(seed)
    rows = [(o, d, int(n)) for o, d in PAIRS if (n := draw.negative_binomial(0.35, 0.012))]
    frame = pd.DataFrame(rows, columns=["origin_county", "destination_county", "persons"])
    without = [{mno: int(draw.binomial(n, 0.65)) for mno in MNOS} for n in frame["persons"]]
    return frame.assign(date=DAY, persons_registered=frame["persons"], persons_without=without)


def published(exact: pd.DataFrame) -> pd.DataFrame:
    known = contracts.load()
    about = {"areas": known.areas, "rules": known.disclosure, "indicator": known.headline}
    return protect_flows(exact, date=DAY, release=1, covered_counties=COUNTIES, mnos=MNOS, **about).rows


def equations(rows: pd.DataFrame) -> tuple[csr_array, np.ndarray]:
    """Each row as a sum of cells of PAIRS, and its persons; a rest is what its parent has beside the children shown."""
    shown = set(zip(rows.origin_level, rows.origin_code, rows.destination_level, rows.destination_code, strict=True))
    at, of = [], []
    for number, row in enumerate(rows.itertuples(index=False)):
        for place, (o, d) in enumerate(PAIRS):
            if _at_origin(row, o, shown) and _at_destination(row, o, d, shown):
                at.append(number)
                of.append(place)
    matrix = csr_array((np.ones(len(at)), (at, of)), shape=(len(rows), len(PAIRS)))
    return matrix, rows["persons"].to_numpy(float)


def _at_origin(row, o: str, shown: set) -> bool:
    area = AREAS[o[:2]]
    own = {"area": area, "prefecture": f"{o[:4]}00", "county": o}[row.origin_level]
    if not row.origin_code.startswith("rest_of_"):
        return row.origin_code == own
    above = {"prefecture": area, "county": f"{o[:4]}00"}[row.origin_level]
    sibling = (row.origin_level, own, row.destination_level, row.destination_code)
    return row.origin_code == f"rest_of_{above}" and sibling not in shown


def _at_destination(row, o: str, d: str, shown: set) -> bool:
    side = f"{'inside' if o[:2] == d[:2] else 'outside'}_{o[:2]}0000"
    codes = {"all": "all", "border": side, "province": f"{d[:2]}0000", "prefecture": f"{d[:4]}00", "county": d}
    own = codes[row.destination_level]
    if not row.destination_code.startswith("rest_of_"):
        return row.destination_code == own
    above = {"province": side, "prefecture": codes["province"], "county": codes["prefecture"]}[row.destination_level]
    sibling = (row.origin_level, row.origin_code, row.destination_level, own)
    return row.destination_code == f"rest_of_{above}" and sibling not in shown


def groups(prefecture: str) -> Iterator[tuple[str, np.ndarray]]:
    """Groups around a prefecture that somebody may ask for: who left it and who came, by county and by prefecture."""
    ends: dict[str, Place] = {place: (lambda code, place=place: code[:4] == place[:4]) for place in PREFECTURES}
    ends |= {county: (lambda code, county=county: code == county) for county in COUNTIES}
    own = [name for name in ends if name[:4] == prefecture[:4]]
    for here, there in itertools.product(own, ends):
        for o, d in ((here, there), (there, here)):
            mask = np.array([ends[o](a) and ends[d](b) for a, b in PAIRS])
            if mask.any():
                yield f"{o} to {d}", mask.astype(float)


def told(
    matrix: csr_array, persons: np.ndarray, exact: pd.DataFrame, prefecture: str, small: int, known: np.ndarray
) -> list[str]:
    """Groups of 1 to small-1 persons that one number alone fits; known: those of whom the attacker knows already."""
    cells = exact.set_index(["origin_county", "destination_county"])["persons"]
    truth = np.array([cells.get(pair, 0) for pair in PAIRS], float) - known
    left = persons - matrix @ known
    assert np.allclose(matrix @ truth, left), "the rows are not sums of the moves: the attack reads them wrongly"
    found = []
    for name, mask in groups(prefecture):
        size = int(mask @ truth)
        if 1 <= size < small:
            ends = [linprog(sign * mask, A_eq=matrix, b_eq=left, bounds=(0, None)).fun * sign for sign in (1, -1)]
            if np.ceil(ends[0] - 1e-6) == np.floor(ends[1] + 1e-6):
                found.append(f"{name}: {size}")
    return found


@pytest.mark.parametrize(
    ("seed", "drawn"), [(0, 1), *(pytest.param(seed, 3, marks=pytest.mark.slow) for seed in range(1, 9))]
)
def test_no_linear_program_tells_of_a_small_group(seed: int, drawn: int) -> None:
    exact = moves(seed)
    matrix, persons = equations(published(exact))
    cells, mno = exact.set_index(["origin_county", "destination_county"]), MNOS[seed % len(MNOS)]
    mine = cells["persons"] - cells["persons_without"].map(lambda without: without[mno])
    known = np.array([mine.get(pair, 0) for pair in PAIRS], float)
    for prefecture in np.random.default_rng(seed).choice(list(PREFECTURES), drawn, replace=False):
        assert told(matrix, persons, exact, prefecture, K, np.zeros(len(PAIRS))) == []
        assert told(matrix, persons, exact, prefecture, FLOOR, known) == []


def test_the_attack_finds_a_county_that_its_siblings_give_away() -> None:
    """A prefecture that shows no county, and then all of them but one."""
    exact = moves(0)
    rows = published(exact)
    by_county = exact.groupby([exact["origin_county"].str[:4] + "00", "destination_county"])["persons"].sum()
    open_ones = rows[(rows["origin_level"] == "prefecture") & (rows["destination_level"] == "prefecture")]
    closed = set(rows.loc[rows["destination_level"] == "county", ["origin_code", "destination_code"]].itertuples(
        index=False, name=None))  # fmt: skip
    origin, counties = next(
        (row.origin_code, below)
        for row in open_ones.itertuples()
        if row.origin_code in PREFECTURES
        and row.destination_code in PREFECTURES
        and len(below := _below(by_county, row.origin_code, row.destination_code)) > 1
        and 1 <= below.iloc[0] < K
        and not {(row.origin_code, county) for county in below.index} & closed
    )
    shown = [
        open_ones.iloc[0].to_dict()
        | {"origin_code": origin, "destination_level": "county", "destination_code": county, "persons": persons}
        for county, persons in counties.iloc[1:].items()
    ]
    matrix, persons = equations(pd.concat([rows, pd.DataFrame(shown)], ignore_index=True))
    found = told(matrix, persons, exact, origin, K, np.zeros(len(PAIRS)))
    assert f"{origin} to {counties.index[0]}: {counties.iloc[0]}" in found


def _below(by_county: pd.Series, origin: str, destination: str) -> pd.Series:
    """Persons from a prefecture by county of another, the fewest first, those with nobody too."""
    of = [county for county in COUNTIES if county[:4] == destination[:4]]
    return by_county[origin].reindex(of, fill_value=0).sort_values()

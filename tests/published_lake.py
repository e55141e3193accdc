"""A published lake made without Spark: flows folded by a plain reading of the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from popflow import contracts as contracts_module

K = 20
RELEASED = dt.datetime(2020, 1, 25, 2, 0, tzinfo=dt.UTC)
FLOW = ["origin_level", "origin_code", "destination_level", "destination_code", "persons"]


def write_table(lake: Path, name: str, frame: pd.DataFrame) -> None:
    """Append rows to a table under its contract's schema and properties."""
    contract = contracts_module.load().table(name)
    frame = frame.assign(**{c: None for c in contract.columns if c not in frame})
    table = pa.Table.from_pandas(frame[list(contract.columns)], schema=contract.arrow_schema(), preserve_index=False)
    properties = {key: value for key, value in contract.delta_properties().items() if key.startswith("delta.")}
    place = lake / contract.zone / name
    write_deltalake(place, table, mode="append", partition_by=contract.partition_by, configuration=properties)


def release_row(
    date: dt.date,
    release: int = 1,
    status: str = "released",
    at: dt.datetime = RELEASED,
    indicator: str = "outflow",
) -> dict:
    """One row of `releases`."""
    return {
        "indicator": indicator,
        "date": date,
        "release": release,
        "status": status,
        "run_id": f"run-{date}-{release}",
        "code_version": "0.1.0",
        "definition": "day-end-1",
        "input_fingerprint": "0" * 64,
        "mnos": ["mobile", "telecom", "unicom"],
        "reason": "first release",
        "signed_by": "the night",
        "persons_rounded": 1000,
        "pair_share_percent": 50,
        "county_share_percent": 90,
        "released_at_utc": at,
    }


def flow_rows(date: dt.date, rows: Iterable[tuple], release: int = 1, indicator: str = "outflow") -> pd.DataFrame:
    """Rows of `flows` from (origin_level, origin_code, destination_level, destination_code, persons)."""
    frame = pd.DataFrame(list(rows), columns=FLOW)
    return frame.assign(indicator=indicator, date=date, release=release, definition="day-end-1")


def publish(
    lake: Path,
    date: dt.date,
    rows: Iterable[tuple],
    release: int = 1,
    at: dt.datetime = RELEASED,
    indicator: str = "outflow",
) -> None:
    """One release of one date."""
    write_table(lake, "flows", flow_rows(date, rows, release, indicator))
    write_table(lake, "releases", pd.DataFrame([release_row(date, release, at=at, indicator=indicator)]))


def chain_rows(moves: Mapping[tuple[str, str], int], counties: pd.DataFrame, province: str = "420000") -> list[tuple]:
    """The chain of one date, folded: rows of `flow_rows`. moves: (origin county, destination county) -> persons."""
    frame = pd.DataFrame([(o, d, n) for (o, d), n in moves.items()], columns=["o", "d", "persons"])
    frame["side"] = (frame.d.str[:2] == province[:2]).map({True: "inside_", False: "outside_"}) + province
    frame["op"], frame["prefecture"] = frame.o.str[:4] + "00", frame.d.str[:4] + "00"
    frame["province"] = frame.d.str[:2] + "0000"
    frame = frame[frame.op != frame.prefecture]
    rows = [("area", "hubei", "all", "all", int(frame.persons.sum()))]
    for side, of_side in frame.groupby("side"):
        rows.append(("area", "hubei", "border", side, int(of_side.persons.sum())))
        origins = counties.loc[counties.province_code == province, "prefecture_code"].nunique()
        shown, rest = _fold(of_side.groupby("op").persons.sum(), origins)
        rows += [("prefecture", "rest_of_hubei", "border", side, rest)] if rest else []
        for origin, persons in shown.items():
            rows.append(("prefecture", origin, "border", side, persons))
            rows += _destinations(of_side[of_side.op == origin], origin, str(side), counties)
    return rows


def _destinations(moves: pd.DataFrame, origin: str, side: str, counties: pd.DataFrame) -> list[tuple]:
    steps, rows, shown = ["province", "prefecture", "county"], [], {side: 0}
    for above, level in zip(["side", *steps], steps, strict=False):
        parents, shown = shown, {}
        for parent in parents:
            within = moves[moves[above if above != "county" else "d"] == parent]
            column = "d" if level == "county" else level
            provinces = 1 if side.startswith("inside") else counties.province_code.nunique() - 1
            siblings = provinces if level == "province" else _children(counties, parent, level)
            found, rest = _fold(within.groupby(column).persons.sum(), siblings)
            rows += [("prefecture", origin, level, code, persons) for code, persons in found.items()]
            rows += [("prefecture", origin, level, f"rest_of_{parent}", rest)] if rest else []
            shown |= found
    origins = _children(counties, origin, "county")
    for county in shown:
        found, rest = _fold(moves[moves.d == county].groupby("o").persons.sum(), origins)
        rows += [("county", code, "county", county, persons) for code, persons in found.items()]
        rows += [("county", f"rest_of_{origin}", "county", county, rest)] if rest else []
    return rows


def _children(counties: pd.DataFrame, parent: str, level: str) -> int:
    above = "province" if level == "prefecture" else "prefecture"
    return counties.loc[counties[f"{above}_code"] == parent, f"{level}_code"].nunique()


def _fold(persons: pd.Series, children: int) -> tuple[dict[str, int], int]:
    """Children that are shown and the rest's figure, 0 where all are shown or none is."""
    if children == 1:
        return {str(code): int(n) for code, n in persons.items()}, 0
    shown = persons[persons >= K].sort_values()
    withheld, rest = children - len(shown), int(persons[persons < K].sum())
    while withheld and len(shown) and (withheld < 3 or rest < K):
        withheld, rest, shown = withheld + 1, rest + int(shown.iloc[0]), shown.iloc[1:]
    if len(shown) == 0:
        return {}, 0
    return {str(code): int(n) for code, n in shown.sort_index().items()}, rest

"""Figures in hundreds at full size: what gate and auditor take and show of a national date.

Dates of `popflow.synthetic.national` are drawn and their flows protected. Beside them stand a population by hour, which
is the day ends at each hour, and own parts: `local` of a county's residents came from another county of its prefecture.

    python benchmarks/hundreds.py --dates 2 --movers 100000000 10000000
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from popflow import contracts
from popflow.audit.arrived import Trees
from popflow.audit.counts import wide_base_cells
from popflow.audit.hundreds import Figures, figures_findings
from popflow.audit.planted_counts import plant_in
from popflow.contracts import chains
from popflow.disclosure import ProtectedTable, arrived, finest_cells, protect_counts, protect_flows, read_exact
from popflow.geography.counties import county_table
from popflow.synthetic.national import MOVERS_A_DAY
from popflow.synthetic.scenario import counts

MNOS = ("mobile", "unicom", "telecom")
FIRST, KEY, LOCAL, DRAWN = dt.date(2020, 1, 19), bytes(range(32)), 0.005, 1
KNOWN = contracts.load()
COUNTIES = sorted(county_table()["county_code"])


def population_exact(exact: pa.Table, date: dt.date) -> pd.DataFrame:
    """Day ends at every hour, by county."""
    ends = _by_county(read_exact(exact))
    hours = pd.concat([ends.assign(hour=hour) for hour in range(24)], ignore_index=True)
    return hours.assign(date=date, part="everyone", definition=KNOWN.hundreds["population"].definition)


def arrivals_exact(flows: ProtectedTable, ends: pd.DataFrame, date: dt.date, draw: np.random.Generator) -> pd.DataFrame:
    """Those who came from other prefectures, as the flows have them, and some from each county's own."""
    cells = wide_base_cells(flows.base_cells_table).rename(columns={"destination_code": "destination_county"})
    cross = _by_county(cells.rename(columns={f"without_{m}": f"persons_without_{m}" for m in MNOS}))
    own = ends[["county_code", "persons"]].assign(persons=draw.binomial(ends["persons"], LOCAL))
    own = own[own["persons"] > 0]
    without = [{m: int(n) for m, n in zip(MNOS, of, strict=True)}
               for of in draw.binomial(own["persons"].to_numpy()[:, None], [0.45, 0.85, 0.8])]  # fmt: skip
    own = own.assign(persons_registered=own["persons"], persons_without=without)
    both = pd.concat([cross.assign(part="cross"), own.assign(part="own")], ignore_index=True)
    return both.assign(date=date, definition=KNOWN.hundreds["arrivals"].definition)


def _by_county(frame: pd.DataFrame) -> pd.DataFrame:
    columns = ["persons", "persons_registered", *(f"persons_without_{m}" for m in MNOS)]
    summed = frame.groupby("destination_county")[columns].sum().reset_index()
    maps = [dict(zip(MNOS, map(int, row), strict=True)) for row in summed[columns[2:]].to_numpy()]
    kept = summed[["destination_county", *columns[:2]]].rename(columns={"destination_county": "county_code"})
    return kept.assign(persons_without=pd.Series(maps, dtype=object))


def measured(movers: int, dates: int) -> Iterator[dict[str, object]]:
    """One row of figures for each date and indicator."""
    draw = np.random.default_rng(1)
    for date, exact in counts(FIRST, dates, 1, MOVERS_A_DAY / movers, national=True):
        flows = protect_flows(read_exact(exact), indicator=KNOWN.headline, areas=KNOWN.areas, covered_counties=COUNTIES,
                              date=date, release=1, mnos=MNOS, rules=KNOWN.disclosure)  # fmt: skip
        population = population_exact(exact, date)
        yield {"movers": movers, **_of("population", population, date, None)}
        ends = population[population["hour"] == 0].drop(columns="hour")
        yield {"movers": movers, **_of("arrivals", arrivals_exact(flows, ends, date, draw), date, flows)}


def _of(name: str, exact: pd.DataFrame, date: dt.date, flows: ProtectedTable | None) -> dict[str, object]:
    indicator, rules, began = KNOWN.hundreds[name], KNOWN.disclosure, time.process_time()
    trees = None
    if flows is not None:
        cells = finest_cells(read_exact(flows.base_cells_table), MNOS)
        trees = arrived(flows.rows, cells, chains(KNOWN.areas), COUNTIES, COUNTIES, MNOS)
    table = protect_counts(exact, indicator=indicator, date=date, mnos=MNOS, rules=rules, key=KEY, counties=COUNTIES,
                           trees=trees)  # fmt: skip
    gate = time.process_time()
    rows = table.rows_table.to_pandas(date_as_object=True)
    figures = Figures(indicator, date, rows, MNOS, rules, exact, KEY, draws=table.draws)
    if flows is not None:
        drawn = np.random.default_rng(2).permutation(sorted({f"{c[:4]}00" for c in rows["county_code"]}))[:DRAWN]
        attacked = Trees(flows.rows, wide_base_cells(flows.base_cells_table), KNOWN.areas, frozenset(COUNTIES))
        figures = figures.planted(trees=attacked, drawn=tuple(drawn.tolist()))
    found = list(figures_findings(figures))
    planted = [leak.outcome for leak in plant_in(figures, np.random.default_rng(1), found)]
    return {
        "date": str(date), "indicator": name, "rows": len(rows), "counties": rows["county_code"].nunique(),
        "shown, %": table.shown_percent, "draws": sum(table.draws.values()), "gate, s of CPU": round(gate - began, 1),
        "audit with plants, s of CPU": round(time.process_time() - gate, 1), "findings": len(found),
        "planted": len(planted) - planted.count("not applicable"), "caught": planted.count("caught"),
        "peak, GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1),
    }  # fmt: skip


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--dates", type=int, default=1)
    words.add_argument("--movers", type=int, nargs="+", default=[MOVERS_A_DAY])
    asked = words.parse_args()
    for many in asked.movers:
        for found in measured(many, asked.dates):
            print(json.dumps(found), flush=True)

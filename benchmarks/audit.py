"""How long an audit takes on a full-size history: all counties of Hubei to all counties, 45 days, three MNOs.

    python benchmarks/audit.py [--days 45] [--movers 5000000] [--seed 1]

Journeys are drawn as counts from a gravity law; the plain publisher of the auditor's tests makes the rows. Measured are
the audit of everything and that of the last day with all others in view and found good before, as in the night.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "audit"))
import toy_publisher as toy

from popflow.audit import Candidate, audit
from popflow.geography.crosswalk import hierarchy

FIRST = dt.date(2020, 1, 9)
WITHOUT = np.array([0.33, 0.72, 0.70])  # a quarter of the persons have SIMs of two MNOs


def nation() -> pd.DataFrame:
    """Counties with their residents, and a place on a plane drawn from their codes: near codes are near."""
    counties = hierarchy()
    code = next(name for name in counties.columns if "county" in name and "code" in name)
    people = counties[[c for c in counties.columns if "pop" in c]].bfill(axis=1).iloc[:, 0].fillna(50_000)
    return pd.DataFrame({"code": counties[code].astype(str), "people": people.astype(float)}).drop_duplicates("code")


def drawn(counties: pd.DataFrame, movers: int, rng: np.random.Generator) -> dict:
    """A day's journeys out of Hubei's prefectures as atoms."""
    codes, people = counties["code"].to_numpy(), counties["people"].to_numpy()
    home = np.char.startswith(codes.astype(str), "42")
    prefecture = np.array([c[:4] for c in codes])
    distance = np.where(prefecture[home][:, None] == prefecture, np.inf, np.where(home, 1.0, 18.0))
    pull = people[home][:, None] * people / distance**1.0 * rng.lognormal(0, 1.3, (home.sum(), len(codes)))
    count = rng.poisson(pull / pull.sum() * movers)
    return {
        (o, d): (n, n, *rng.binomial(n, WITHOUT))
        for i, o in enumerate(codes[home])
        for d, n in zip(codes, count[i].tolist(), strict=True)
        if n
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--movers", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, counties = np.random.default_rng(asked.seed), nation()
    covered = tuple(counties["code"])
    rows, atoms, started = [], {}, time.perf_counter()
    for day in range(asked.days):
        date = FIRST + dt.timedelta(days=day)
        cells = drawn(counties, asked.movers, rng)
        rows.append(toy.flows_frame(toy.publish(cells, covered), date))
        atoms[date] = toy.atoms_frame(cells, date)
    print(
        f"{asked.days} days drawn and published in {time.perf_counter() - started:.0f} s: {len(cells)} pairs,", end=" "
    )
    print(f"{len(rows[-1])} rows on the last")
    history, last = pd.concat(rows[:-1] or rows, ignore_index=True), FIRST + dt.timedelta(days=asked.days - 1)
    options = {"covered": covered, "mnos": toy.MNOS, "seed": asked.seed}

    def load(_indicator: str, date: dt.date, _release: int) -> pd.DataFrame:
        return atoms[date]

    everything = audit(history, load, plant=False, time_limit_s=60 * asked.days, **options)
    print(f"all of it, no leaks planted: {everything.seconds:.1f} s, {everything.seconds / asked.days:.2f} s a day")
    print(everything.text())
    night = audit(history, load, candidate=Candidate(rows[-1], atoms[last]), passed=everything.passed, **options)
    print(f"the last day as candidate, leaks planted: {night.seconds:.1f} s")
    print(night.text())


if __name__ == "__main__":
    main()

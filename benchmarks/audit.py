"""How long an audit takes on a full-size history: all counties of Hubei to all counties, 45 days, three MNOs.

    python benchmarks/audit.py [--days 45] [--distinct 2] [--movers 5000000] [--seed 1]

Journeys are drawn as counts from a gravity law; the plain publisher of the auditor's tests makes the rows. It is slow,
so `distinct` days are drawn and then published in turn. Measured are the audit of one date with its planted leaks, as
in the night, and that of all dates, as `popflow audit --all` makes it. CPU seconds are of one core: on a busy machine
they say more than the clock.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "audit"))
import toy_publisher as toy

from popflow.audit import Candidate, Verdict, audit
from popflow.geography.crosswalk import hierarchy

WITHOUT = np.array([0.33, 0.72, 0.70])  # a quarter of the persons have SIMs of two MNOs
FIRST = dt.date(2020, 1, 9)


def nation() -> pd.DataFrame:
    """Counties with their residents."""
    counties = hierarchy()
    code = next(name for name in counties.columns if "county" in name and "code" in name)
    people = counties[[name for name in counties.columns if "pop" in name]].bfill(axis=1).iloc[:, 0].fillna(50_000)
    return pd.DataFrame({"code": counties[code].astype(str), "people": people.astype(float)}).drop_duplicates("code")


def drawn(counties: pd.DataFrame, movers: int, rng: np.random.Generator) -> dict:
    """A day's journeys out of Hubei's prefectures as base_cells."""
    codes, people = counties["code"].to_numpy(), counties["people"].to_numpy()
    home = np.char.startswith(codes.astype(str), "42")
    prefecture = np.array([code[:4] for code in codes])
    distance = np.where(prefecture[home][:, None] == prefecture, np.inf, np.where(home, 1.0, 18.0))
    pull = people[home][:, None] * people / distance * rng.lognormal(0, 1.3, (home.sum(), len(codes)))
    count = rng.poisson(pull / pull.sum() * movers)
    return {
        (o, d): (n, n, *rng.binomial(n, WITHOUT))
        for i, o in enumerate(codes[home])
        for d, n in zip(codes, count[i].tolist(), strict=True)
        if n
    }


def as_a_lake_gives_them(base_cells: pd.DataFrame) -> pd.DataFrame:
    """Maps as lists of pairs."""
    return base_cells.assign(persons_without=[list(one.items()) for one in base_cells["persons_without"]])


class Drawn:
    """A history, with its base cells behind the function that the auditor loads them with."""

    def __init__(self, days: int, distinct: int, movers: int, seed: int) -> None:
        rng, counties = np.random.default_rng(seed), nation()
        self.covered = tuple(counties["code"])
        self.cells = [drawn(counties, movers, rng) for _ in range(min(distinct, days))]
        self.published = [toy.publish(cells, self.covered) for cells in self.cells]
        self.frames = [as_a_lake_gives_them(toy.base_cells_frame(cells, FIRST)) for cells in self.cells]
        self.dates = [FIRST + dt.timedelta(days=i) for i in range(days)]

    def rows(self, date: dt.date) -> pd.DataFrame:
        """What a date publishes."""
        return toy.flows_frame(self.published[self._turn(date)], date)

    def load(self, _indicator: str, date: dt.date, _release: int) -> pd.DataFrame:
        """Atoms of a release."""
        return self.frames[self._turn(date)].assign(date=date)

    def _turn(self, date: dt.date) -> int:
        return (date - FIRST).days % len(self.cells)


def timed(name: str, run: Callable[[], Verdict]) -> Verdict:
    """Run, and print what it took."""
    began = time.process_time()
    verdict = run()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    spent = time.process_time() - began
    print(f"{name}: {verdict.seconds:.1f} s by the clock, {spent:.1f} s of CPU, {memory:.1f} GB at most")
    print(verdict.text(), flush=True)
    return verdict


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--distinct", type=int, default=2)
    parser.add_argument("--movers", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.process_time()
    made = Drawn(asked.days, asked.distinct, asked.movers, asked.seed)
    print(f"drawn and published in {time.process_time() - began:.0f} s of CPU: {len(made.cells[0]):,} pairs a day,")
    print(f"{len(made.published[0]):,} rows a day", flush=True)
    history = pd.concat([made.rows(date) for date in made.dates], ignore_index=True)
    limit = 600 * asked.days
    options = {"covered": made.covered, "mnos": toy.MNOS, "seed": asked.seed, "time_limit_s": limit}
    last = made.dates[-1]
    candidate = Candidate(made.rows(last), made.load("outflow", last, 1))
    timed("one date", lambda: audit(history.iloc[:0], made.load, candidate=candidate, **options))
    timed("all dates", lambda: audit(history, made.load, plant=False, **options))


if __name__ == "__main__":
    main()

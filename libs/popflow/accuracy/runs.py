"""Nations by trouble and seed: simulate, measure, score, forget; what is done is kept, so that a long run can stop."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from popflow.accuracy.nights import Way, measured, truth
from popflow.accuracy.scores import SCORES, scores
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.progress import Progress
from popflow.synthetic.demand import WUHAN
from popflow.synthetic.nation import simulate
from popflow.synthetic.troubles import Troubles

FIRST = dt.date(2020, 1, 20)
ALL, NONE, PROMISED = "all", "none", "promised"
NOT_PROMISED = (
    "late_arrivals", "evenings_out", "midnight_trains", "border_dwellers", "thin_phones",
    "commuters", "local_moves", "unseen", "abroad", "return_wave",
)  # fmt: skip
OF_A_NATION = ["trouble", "seed", *SCORES]
CELL = ["trouble", "quantity", "level"]
FIGURES = ["wmape", "bias", "found", "rank"]
THIN = " records a day"
THIN_MOVERS = 0.094  # out of Hubei's prefectures, so that a fifth of all person-days are moves, as in replayed tracks


@dataclass(frozen=True)
class Asked:
    """What to measure: nations of so many persons and dates, one for each seed and trouble; how, and where to keep it.

    troubles: names of troubles, each alone; all, every one at its rate; promised, all but those of NOT_PROMISED; none;
    `8 records a day` and the like, every one at its rate and all phones so thin. The first date has no yesterday: flows
    and day ends are scored from the second on.
    """

    out: Path
    persons: int
    days: int
    seeds: tuple[int, ...]
    troubles: tuple[str, ...] = (ALL, PROMISED, NONE, *Troubles.names())
    way: Way = "short"

    @property
    def dates(self) -> list[dt.date]:
        """Every date of a nation."""
        return [FIRST + dt.timedelta(days=day) for day in range(self.days)]

    def file(self, trouble: str, seed: int) -> Path:
        """Where the scores of one nation are kept."""
        return self.out / "nations" / f"{trouble.replace(' ', '_')}-{seed}-{self.persons}-{self.days}-{self.way}.csv"


def troubles_named(name: str) -> Troubles:
    """The troubles of a name, as `Asked` lists them; thin phones speak by day and night, at home and on the way."""
    if name.endswith(THIN):
        often = {"thin_phones": 1.0, "night_silence": 0.0, "phone_off": 0.0}
        return replace(Troubles.all(), **often, thin_records=float(name.removesuffix(THIN)))
    of_several = {
        ALL: Troubles.all(),
        PROMISED: replace(Troubles.all(), **dict.fromkeys(NOT_PROMISED, 0.0)),
        NONE: Troubles.none(),
    }
    return of_several.get(name) or Troubles.only(name)


def accuracy(asked: Asked, known: Contracts, say: Progress) -> pd.DataFrame:
    """Scores of every nation asked for: trouble, seed, the columns of `scores`. What was done before is read back."""
    if asked.days < 2:
        raise PopflowError(f"days = {asked.days}: at least 2, since the first date has no flows")
    for name in asked.troubles:
        troubles_named(name)  # a name that is off is refused before the first nation
    return pd.concat([_nation(asked, known, *one, say) for one in _nations(asked)], ignore_index=True)


def spread(all_scores: pd.DataFrame) -> pd.DataFrame:
    """One row per trouble, quantity and level: each figure's mean over the seeds, its least and its greatest."""
    cells = all_scores.groupby(CELL, sort=False)
    columns = {"seeds": cells["seed"].nunique(), "cells": cells["cells"].mean(), "persons": cells["persons"].mean()}
    for figure in FIGURES:
        columns |= {f"{figure}_{what}": cells[figure].agg(what) for what in ("mean", "min", "max")}
    return pd.DataFrame(columns).reset_index()


def _nations(asked: Asked) -> Iterator[tuple[str, int, str]]:
    """Trouble, seed and how far it is."""
    pairs = [(name, seed) for seed in asked.seeds for name in asked.troubles]
    return ((*pair, f"nation {at} of {len(pairs)}") for at, pair in enumerate(pairs, start=1))


def _nation(asked: Asked, known: Contracts, trouble: str, seed: int, place: str, say: Progress) -> pd.DataFrame:
    file = asked.file(trouble, seed)
    if not file.exists():
        found = _measured(asked, known, trouble, seed, lambda text: say(f"{place} ({trouble}, seed {seed}): {text}"))
        file.parent.mkdir(parents=True, exist_ok=True)
        found.assign(trouble=trouble, seed=seed)[OF_A_NATION].to_csv(file.with_suffix(".part"), index=False)
        file.with_suffix(".part").rename(file)
    return pd.read_csv(file)


def _measured(asked: Asked, known: Contracts, trouble: str, seed: int, say: Progress) -> pd.DataFrame:
    work = asked.out / "work"
    shutil.rmtree(work, ignore_errors=True)  # what a run that was stopped has left
    nation = work / "simulation"
    say("simulating")
    movers = round(THIN_MOVERS * asked.persons) if trouble.endswith(THIN) else None
    simulate(nation, FIRST, asked.days, asked.persons, seed, troubles_named(trouble), movers=movers)
    found = measured(nation, asked.dates, work / "nights", asked.way, known, say)
    scored = scores(found.on(asked.dates[1:]), truth(nation).on(asked.dates[1:]), WUHAN)
    shutil.rmtree(work)
    return scored

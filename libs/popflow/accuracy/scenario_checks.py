"""What the scenario was fed with, beside what came out of its nights: the pipeline hands it through, and no more.

The scenario is fed with Jia's figures by prefecture and with Baidu's daily index. That they come out again shows that
nothing is lost on the way; it validates neither the model nor the real January of 2020.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd

from popflow.geography.codes import prefecture_of
from popflow.lake import Lake
from popflow.synthetic.demand import CALIBRATION_DATES, WUHAN, jia_figures, wuhan_index
from popflow.synthetic.places import shipped_places

CLOSED = dt.date(2020, 1, 25)  # from here on next to nobody leaves
LARGE = 20  # persons from which a prefecture's share is more than chance
LIMITS = {"rank": 0.98, "curve": 0.98, "after": 0.1}


def wuhans_outflow(lake: Lake) -> pd.DataFrame:
    """Persons who left Wuhan by date and prefecture, before protection, of every date that the lake holds."""
    flows = lake.read_pandas("flows_exact", ["date", "origin_county", "destination_county", "persons"])
    origin, destination = (flows[name].map(prefecture_of) for name in ("origin_county", "destination_county"))
    left = flows.assign(prefecture=destination)[(origin == WUHAN) & (destination != WUHAN)]
    return left.groupby(["date", "prefecture"])["persons"].sum().reset_index()


def scenario_checks(outflow: pd.DataFrame) -> pd.DataFrame:
    """One row per check: what, figure, what it should reach, over how many prefectures or dates, persons in them.

    A check is left out where the dates that it needs are missing: the shares need some of 10 to 24 January, the curve
    three dates of the index, the end a date before 23 January and one from 25 January on.
    """
    checks = [*_shares(outflow), *_curve(outflow), *_end(outflow)]
    return pd.DataFrame(checks, columns=["check", "figure", "limit", "over", "persons"])


Check = tuple[str, float, str, str, int]


def _shares(outflow: pd.DataFrame) -> list[Check]:
    """Spearman's rank correlation with Jia's figures, over all prefectures that have one, and over the larger ones."""
    of_dates = outflow[outflow["date"].isin(CALIBRATION_DATES)]
    if of_dates.empty:
        return []
    jia = pd.Series(jia_figures(shipped_places()), shipped_places().prefecture_codes).dropna()
    persons = of_dates.groupby("prefecture")["persons"].sum().reindex(jia.index, fill_value=0)
    named = {"": persons, f" of {LARGE} persons and more": persons[persons >= LARGE]}
    dates = f"{of_dates['date'].min():%-d} to {of_dates['date'].max():%-d} January"
    return [
        (f"share by prefecture{which}, {dates}, against Jia's: rank correlation",
         some.corr(jia[some.index], method="spearman"), f">= {LIMITS['rank']}", f"{len(some)} prefectures",
         int(some.sum()))
        for which, some in named.items() if len(some) > 2
    ]  # fmt: skip


def _curve(outflow: pd.DataFrame) -> list[Check]:
    daily = outflow.groupby("date")["persons"].sum()
    index = pd.Series(wuhan_index()).reindex(daily.index).dropna()
    if len(index) < 3:
        return []
    figure = daily[index.index].corr(index)
    persons = int(daily[index.index].sum())
    return [("daily outflow against Baidu's index: correlation", figure, f">= {LIMITS['curve']}", f"{len(index)} dates",
             persons)]  # fmt: skip


def _end(outflow: pd.DataFrame) -> list[Check]:
    """A day's outflow from 25 January on, relative to a day's before the 23rd."""
    daily = outflow.groupby("date")["persons"].sum()
    before, after = daily[daily.index < dt.date(2020, 1, 23)], daily[daily.index >= CLOSED]
    if before.empty or after.empty:
        return []
    return [("a day's outflow after 24 January over one's before the 23rd", after.mean() / before.mean(),
             f"<= {LIMITS['after']}", f"{len(after)} dates", int(after.sum()))]  # fmt: skip

"""Which dates of early 2020 were working days, and where: weekends, public holidays, and the decrees that moved them.

The decrees are `data/holidays_2020.csv`, in the order in which they overrule each other; their sources are in
`data/SOURCES.md`. A date that none names is a working day from Monday to Friday. The decrees end on 6 April 2020.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.demand import shipped_rows

NATION = "000000"
SATURDAY = 5
SAID = {"yes": True, "no": False}


@dataclass(frozen=True)
class Decree:
    """Whether a province, or the nation, works from one date to another."""

    area_code: str
    first: dt.date
    last: dt.date
    working: bool


@functools.cache
def decrees() -> tuple[Decree, ...]:
    """All decrees; a later one overrules those before it."""
    return tuple(
        Decree(
            row["area_code"],
            dt.date.fromisoformat(row["first_date"]),
            dt.date.fromisoformat(row["last_date"]),
            SAID[row["working"]],
        )
        for row in shipped_rows("holidays_2020.csv")
    )


def working_provinces(date: dt.date, province_codes: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Whether a date is a working day in each of the provinces."""
    working = np.full(len(province_codes), date.weekday() < SATURDAY)
    for decree in decrees():
        if decree.first <= date <= decree.last:
            working[(province_codes == decree.area_code) | (decree.area_code == NATION)] = decree.working
    return working

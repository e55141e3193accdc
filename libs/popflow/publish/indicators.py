"""The published indicators as an analyst asks for them: their levels, their dates, and the unit of their figures.

Outflow is of every date. Blocks of 14 days and stock are of block ends alone, every 14 days from 2020-01-22 on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from popflow.errors import PopflowError

Level = Literal["province", "prefecture", "county", "pair"]
LEVELS: tuple[Level, ...] = ("province", "prefecture", "county", "pair")
BLOCK_ANCHOR = dt.date(2020, 1, 9)  # first day of a block, for ever (popflow.movement.definition)
BLOCK_DAYS = 14
ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Indicator:
    """One indicator of the contract `flows`: its name there, how people call it, the levels that its chain has."""

    name: str
    called: str
    levels: tuple[Level, ...]
    unit_of_sums: str
    of_block_ends: bool = True


OUTFLOW = Indicator("outflow", "outflow", LEVELS, "person-trips", of_block_ends=False)
BLOCKS = Indicator("outflow_block", "blocks", LEVELS[:2], "person-blocks")
STOCK = Indicator("stock", "stock", LEVELS[:3], "persons")


def dates_between(indicator: Indicator, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The dates of a range, both ends included, that the indicator has a release of.

    Raises PopflowError where the range holds no block end and the indicator is of block ends alone.
    """
    days = tuple(first + ONE_DAY * i for i in range((last - first).days + 1))
    if not indicator.of_block_ends:
        return days
    ends = tuple(day for day in days if _ends_block(day))
    if not ends:
        before, after = block_of(first)[0] - ONE_DAY, block_of(first)[1]
        near = f"{before} and {after}" if _ends_block(before) else str(after)
        raise PopflowError(
            f"{indicator.called}: figures are of the last day of each block of {BLOCK_DAYS} days, and "
            f"{first if first == last else f'{first} to {last}'} holds none; the nearest: {near}"
        )
    return ends


def block_of(date: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of the block that a date lies in; dates before the first block count as in it."""
    start = date - ONE_DAY * ((date - BLOCK_ANCHOR).days % BLOCK_DAYS) if date >= BLOCK_ANCHOR else BLOCK_ANCHOR
    return start, start + ONE_DAY * (BLOCK_DAYS - 1)


def unit(indicator: Indicator, dates: int) -> str:
    """Unit of figures that are sums over so many dates."""
    return "persons" if dates == 1 else indicator.unit_of_sums


def _ends_block(date: dt.date) -> bool:
    return date >= BLOCK_ANCHOR and block_of(date)[1] == date

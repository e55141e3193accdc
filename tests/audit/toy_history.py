"""A few nights of the toy publisher, as a history to audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import toy_publisher as toy


@dataclass
class Toy:
    """Published rows and base cells of a few nights."""

    rows: pd.DataFrame
    base_cells: pd.DataFrame


def nights(count: int, seed: int = 7, first: dt.date = dt.date(2020, 1, 9), scale: float = 8.0) -> Toy:
    rng = np.random.default_rng(seed)
    rows, base_cells = [], []
    for i in range(count):
        date, cells = first + dt.timedelta(days=i), toy.random_base_cells(rng, scale)
        rows.append(toy.flows_frame(toy.publish(cells, toy.COVERED), date))
        base_cells.append(toy.base_cells_frame(cells, date))
    return Toy(pd.concat(rows, ignore_index=True), pd.concat(base_cells, ignore_index=True))

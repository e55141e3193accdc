"""Three dates of a small share, and their rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

D20, D21, D22 = (dt.date(2020, 1, day) for day in (20, 21, 22))
ROWS = [
    ("area", "hubei", "all", "all", 1000),
    ("area", "hubei", "border", "inside_420000", 400),
    ("area", "hubei", "border", "outside_420000", 600),
    ("prefecture", "420100", "border", "outside_420000", 450),
    ("prefecture", "rest_of_hubei", "border", "outside_420000", 150),
]
TWICE = [(*row[:4], 2 * row[4]) for row in ROWS]
Profile = Callable[..., Path]

"""What `deliveries` knows of each delivery, from its log: no cost grows with the files that were ever taken in."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popflow.lake import Lake

Key = tuple[str, str]  # mno, delivery_id


def delivery_dates(lake: Lake) -> dict[Key, dt.date]:
    """The date that each delivery is of, by mno and delivery_id; empty for a lake that has taken in nothing."""
    dates: dict[Key, dt.date] = {}
    unsaid: list[str] = []
    for partition, _, newest in lake.spans("deliveries", "delivery_date"):
        key = partition["mno"], partition["delivery_id"]
        if newest is None:
            unsaid.append(key[1])
        else:
            dates[key] = max(newest, dates.get(key, newest))
    if unsaid:  # whoever wrote them kept no statistics
        rows = lake.read_pandas("deliveries", ["mno", "delivery_id", "delivery_date"], delivery_id=sorted(set(unsaid)))
        dates |= {(mno, delivery): date for mno, delivery, date in rows.itertuples(index=False, name=None)}
    return dates

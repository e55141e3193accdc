"""The example's feed, files and cells, for the tests of what an MNO does by itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from popflow.contracts import Contracts, load
from popflow.feeds import Feed

D = dt.date(2020, 1, 22)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "virtual"
TOKEN = "0123456789abcdef0123456789abcdef"
HEADER = "token;event_time;lac;ci;event"
VIRTUAL = {
    "feed": "virtual", "mno": "virtual", "mno_bit": 3, "meaning": "x", "format": "csv", "file_pattern": "*.csv",
    "retention_days": 7, "delimiter": ";", "header": True, "columns": HEADER.split(";"),
    "fields": {
        "sim_token": {"from": "token", "pattern": "^[0-9a-f]{32}$"},
        "time": {"from": "event_time", "kind": "zoned_text", "format": "%Y-%m-%dT%H:%M:%S%z"},
        "cell_id": {"from": ["lac", "ci"], "base": "hex", "prefix": "460-20"},
        "event": {"from": "event", "kinds": {"A": "attach"}},
    },
}  # fmt: skip


def virtual(**changes) -> tuple[Contracts, Feed]:
    """The contracts with the example's feed, some of its keys changed."""
    feed = Feed.model_validate(VIRTUAL | changes)
    return load().model_copy(update={"feeds": {"virtual": feed}}), feed


def line(token: str = TOKEN, at: str = "2020-01-22T10:00:00+08:00", lac: str = "1801", ci: str = "1A") -> str:
    """A line of the example's feed."""
    return f"{token};{at};{lac};{ci};A"


def csv(*lines: str) -> str:
    """A file of the example's feed."""
    return "".join(f"{one}\n" for one in (HEADER, *lines))

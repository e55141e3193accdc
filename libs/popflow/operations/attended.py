"""A run that is attended: on the trail, under a stated purpose, logged, one at a time, summed up however it ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from popflow.operations.events import RunLog, outcome_of, reason_of
from popflow.operations.purposes import stated, watcher
from popflow.operations.trail import Trail
from popflow.operations.turns import one_at_a_time

if TYPE_CHECKING:
    from popflow.lake import Lake

Turn = Literal["refuse", "wait", "share"]


@contextmanager
def attended(lake: Lake, date: dt.date, run_id: str, doing: str, turn: Turn = "refuse") -> Iterator[RunLog]:
    """Do something to a date under the eyes of trail, purpose and log; the caller says `finish` where it went well.

    turn: what to do while another run holds the lake's lock: refuse, wait for it, or share the lake with it (for what
    writes partitions of its own). What the lake told of its accesses before is told on.
    """
    told = lake.on_access
    watch = watcher(lake.contracts, Trail.of(lake), run_id, stated())

    def on_access(table: str, verb: str) -> None:
        watch(table, verb)
        told(table, verb)

    log = RunLog.of(lake, date, run_id)
    lake.on_access = on_access
    try:
        if turn == "share":
            yield log
        else:
            with one_at_a_time(lake, f"{doing} of {date}", wait=turn == "wait"):
                yield log
    except BaseException as error:
        log.finish(outcome_of(error), reason_of(error))
        raise
    finally:
        lake.on_access = told

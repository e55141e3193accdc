"""A run on the record: on the trail, under a stated purpose, in the log, one at a time, summed up however it ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from popflow.operations.events import RunLog, outcome_of, reason_of
from popflow.operations.purposes import stated, watcher
from popflow.operations.turns import one_at_a_time

if TYPE_CHECKING:
    from popflow.lake import Lake

WhenBusy = Literal["refuse", "wait", "share"]


@contextmanager
def recorded_run(
    lake: Lake, date: dt.date, run_id: str, doing: str, when_busy: WhenBusy = "refuse"
) -> Iterator[RunLog]:
    """Do something to a date under the eyes of trail, purpose and log; the caller says `finish` where it went well.

    when_busy: what to do while another run holds the lake's lock: refuse, wait for it, or share the lake with it (for
    what writes partitions of its own). Whoever listened to the lake's accesses before goes on listening.
    """
    earlier = lake.on_access
    watch = watcher(lake, run_id, stated())

    def on_access(table: str, verb: str) -> None:
        watch(table, verb)
        earlier(table, verb)

    log = RunLog.of(lake, date, run_id)
    lake.on_access = on_access
    try:
        if when_busy == "share":
            yield log
        else:
            with one_at_a_time(lake, f"{doing} of {date}", wait=when_busy == "wait"):
                yield log
    except BaseException as error:
        log.finish(outcome_of(error, begun=bool(log.stages)), reason_of(error))
        raise
    finally:
        lake.on_access = earlier

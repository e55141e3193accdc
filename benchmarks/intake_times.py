"""Seconds by the clock and of processors, and what of a difference of two such times is more than their noise."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
CLEAR = 3  # a difference counts where it is so many times its noise
UNKNOWN = 0.15  # noise of a time that was taken once, as a share of it


class Times(NamedTuple):
    """Seconds of each run: by the clock, and of processors, in this process and all below it."""

    clock: list[float]
    cpu: list[float]


class Net(NamedTuple):
    """A difference of two times in seconds, and its noise: the ranges of both, put together."""

    seconds: float
    noise: float

    @property
    def clear(self) -> bool:
        """Whether the difference says anything."""
        return self.seconds > CLEAR * self.noise


def measured(runs: int, work: Callable[[], object], before: Callable[[], object] = lambda: None) -> Times:
    """Times of some runs; before: what is done ahead of each and does not count."""
    times = Times([], [])
    for _ in range(runs):
        before()
        begun, spent = time.perf_counter(), cpu_seconds(os.getpid())
        work()
        times.clock.append(time.perf_counter() - begun)
        times.cpu.append(cpu_seconds(os.getpid()) - spent)
    return times


def net(seconds: list[float], fixed: list[float]) -> Net:
    """Medians' difference."""
    noise = (noise_of(seconds) ** 2 + noise_of(fixed) ** 2) ** 0.5
    return Net(statistics.median(seconds) - statistics.median(fixed), noise)


def noise_of(seconds: list[float]) -> float:
    """Half the range; of one run alone a share of it, since nothing is known."""
    return (max(seconds) - min(seconds)) / 2 if len(seconds) > 1 else UNKNOWN * seconds[0]


def rate(records: float, taken: Net) -> str:
    """Records a second with their noise; or that the difference says nothing."""
    if not taken.clear:
        return "within the noise"
    return f"{records / taken.seconds:,.0f} ± {100 * taken.noise / taken.seconds:.0f} %"


def ratio(one: Net, other: Net) -> str:
    """How many times the other's time one takes, with the noise of both; or that it cannot be said."""
    if not (one.clear and other.clear):
        return "within the noise"
    share = ((one.noise / one.seconds) ** 2 + (other.noise / other.seconds) ** 2) ** 0.5
    return f"{one.seconds / other.seconds:.2f} x ± {100 * share:.0f} %"


def cpu_seconds(root: int) -> float:
    """Processor seconds of a process and of all below it, those that have ended too."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        process = int(stat.parent.name)
        parents[process], spent[process] = int(fields[1]), sum(map(int, fields[11:15])) / TICKS
    known = [root]
    for process in known:  # grows while it is walked
        known += [child for child, parent in parents.items() if parent == process]
    return sum(spent.get(process, 0.0) for process in known)

"""The slot logic once more, for one person and without numpy: short enough to be checked by reading METHODS.md.

A day is a list of 96 sets of counties; yesterday is (county of the last observation, slots of silence since) or
None. Nothing here imports popflow: the numbers are written out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass
class PlainDay:
    day_end_county: str
    hour_counties: dict[int, str | None]
    trailing_county: str
    silent_slots: int


def plain_day(day: list[set[str]], before: tuple[str, int] | None) -> PlainDay:
    """What the slot logic must find for one person."""
    observed = resolved(day, before)
    counties = without_ping_pong(filled(observed, before))
    last = max(t for t in range(96) if observed[t])
    return PlainDay(
        day_end_county=day_end(counties[1:]),
        hour_counties=changes([counties[1 + 4 * hour] for hour in range(24)]),
        trailing_county=counties[-1],
        silent_slots=95 - last,
    )


def resolved(day: list[set[str]], before: tuple[str, int] | None) -> list[str | None]:
    slots_of_the_day = {c: sum(c in slot for slot in day) for slot in day for c in slot}
    preceding = before[0] if before else None
    counties: list[str | None] = []
    for slot in day:
        if not slot:
            counties.append(None)
            continue
        if preceding not in slot:
            preceding = min(slot, key=lambda c: (-slots_of_the_day[c], c))
        counties.append(preceding)
    return counties


def filled(observed: list[str | None], before: tuple[str, int] | None) -> list[str | None]:
    """97 entries: how the person came into the day, then the day."""
    out: list[str | None] = [None, *observed]
    seen = [t for t in range(96) if observed[t]]
    if before and seen[0] + before[1] <= 32:
        out[: seen[0] + 1] = [before[0]] * (seen[0] + 1)
    for here, there in itertools.pairwise(seen):
        if there - here - 1 <= 32:
            out[here + 1 : there + 1] = [observed[here]] * (there - here)
    out[seen[-1] + 1 :] = [observed[seen[-1]]] * (96 - seen[-1])
    return out


def without_ping_pong(counties: list[str | None]) -> list[str | None]:
    runs: list[list] = []  # [county, length], from left to right
    for county in counties:
        if runs and runs[-1][0] == county:
            runs[-1][1] += 1
            continue
        if len(runs) > 1 and county and runs[-2][0] == county and runs[-1][1] <= 2:
            visit = runs.pop()
            runs[-1][1] += visit[1] + 1
            continue
        runs.append([county, 1])
    return [county for county, length in runs for _ in range(length)]


def day_end(day: list[str | None]) -> str:
    runs = [(county, start, length) for county, start, length in runs_of(day) if county]
    long_enough = [run for run in runs if run[2] >= 4]
    stayed = long_enough[-1] if long_enough else max(runs, key=lambda run: (run[2], run[1]))
    return [county for county, _, _ in runs if county[:4] == stayed[0][:4]][-1]


def runs_of(values):
    runs = []
    for at, value in enumerate(values):
        if runs and runs[-1][0] == value:
            runs[-1][2] += 1
        else:
            runs.append([value, at, 1])
    return [tuple(run) for run in runs]


def changes(hours):
    return {h: c for h, c in enumerate(hours) if (c if h == 0 else c != hours[h - 1])}

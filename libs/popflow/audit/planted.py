"""A7: leaks planted at random places and of random sizes in copies of what was looked at, which the auditor must find.

Each is a mistake that a release could be made with, planted in one chain of one release, drawn anew for every leak. A
plant counts as caught when the audit of the copy says something that the audit before did not, of a kind that this
mistake is told by. What has no place for it is listed as not applicable and never counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from popflow.audit.attack import Attack
from popflow.audit.history import Part, Strand
from popflow.audit.plants_linear import linear_program_only
from popflow.audit.plants_links import one_late_record, views_of_two_areas
from popflow.audit.plants_rows import (
    Result,
    changed_code,
    mno_by_any_sim,
    naive_threshold,
    orphan_rest,
    published_zero,
    rest_at_its_corner,
    rest_of_two,
    retired_indicator,
    unregistered_counted,
    wrong_level,
)
from popflow.audit.verdict import Finding, Planted

Plant = Callable[[Part, np.random.Generator, int, int], Result]


@dataclass(frozen=True)
class Leak:
    """A kind of leak: its name, how it is planted, the codes that tell it."""

    name: str
    plant: Plant
    told_by: tuple[str, ...]


LEAKS = (
    Leak("naive threshold", naive_threshold, ("A1", "A2")),
    Leak("orphan rest", orphan_rest, ("A6",)),
    Leak("rest of two", rest_of_two, ("A6",)),
    Leak("published zero", published_zero, ("A6",)),
    Leak("window of days", retired_indicator, ("A6",)),
    Leak("republication after one late record", one_late_record, ("A5",)),
    Leak("rest at its corner", rest_at_its_corner, ("A3",)),
    Leak("linear program alone", linear_program_only, ("A5",)),
    Leak("MNO subtracting its own by any SIM", mno_by_any_sim, ("A2",)),
    Leak("view of Wuhan against view of Hubei", views_of_two_areas, ("A5",)),
    Leak("county that changed its code", changed_code, ("A6",)),
    Leak("code read at the wrong level", wrong_level, ("A6",)),
    Leak("unregistered SIM counted towards k", unregistered_counted, ("A1",)),
)
TRIES = 6  # parts in which a place is looked for, before a leak is called not applicable
CHAINS = 2  # that leaks are planted in, drawn anew in each run by how many rows they have


def plant_all(
    attack: Attack, strands: Sequence[Strand], known: frozenset[Finding], rng: np.random.Generator
) -> Iterator[Planted]:
    """Plant each leak in a copy of its own, in a part of one of the chains drawn, and audit the copy."""
    rows = np.array([sum(len(one.rows) for one in strand.slices) for strand in strands])
    drawn: Sequence[int] = []
    if rows.any():
        drawn = rng.choice(
            len(strands), min(CHAINS, int((rows > 0).sum())), replace=False, p=rows / rows.sum()
        ).tolist()
    shown = [part for place in sorted(drawn) for part in strands[place].parts() if len(part.rows)]
    for leak in LEAKS:
        attack.tick()
        yield _tried(leak, attack, shown, known, rng)


def _drawn(strands: Sequence[Strand], rng: np.random.Generator) -> list[Strand]:
    """Some chains that show anything, those with many rows the more often."""
    rows = np.array([sum(len(one.rows) for one in strand.slices) for strand in strands])
    many = min(CHAINS, int((rows > 0).sum()))
    places: Sequence[int] = rng.choice(len(strands), many, replace=False, p=rows / rows.sum()).tolist() if many else ()
    return [strands[place] for place in sorted(places)]


def _tried(
    leak: Leak, attack: Attack, parts: Sequence[Part], known: frozenset[Finding], rng: np.random.Generator
) -> Planted:
    planted: Result = "nothing is published"
    for _ in range(TRIES if parts else 0):
        planted = leak.plant(parts[int(rng.integers(len(parts)))], rng, attack.limits.k, attack.limits.floor)
        if not isinstance(planted, str):
            break
        attack.tick()
    if isinstance(planted, str):
        return Planted(leak.name, "not applicable", planted)
    copy, where = planted
    new = {finding.code for finding in _new_findings(replace(attack, counts={}), copy, known)}
    caught = bool(new & set(leak.told_by))
    return Planted(leak.name, "caught" if caught else "missed", where, tuple(sorted(new)))


def _new_findings(second: Attack, copy: Part, known: frozenset[Finding]) -> Sequence[Finding]:
    return [finding for finding in second.part(copy) if finding not in known]

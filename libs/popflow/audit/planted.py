"""A7: leaks planted at random places and of random sizes in a copy of the history, which the auditor must find.

Each is a mistake that a release could be made with. A plant counts as caught when the audit of the copy says something
that the audit of the history did not, of a kind that this mistake is told by. What a history has no place for is
listed as not applicable and never counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from popflow.audit.attack import Attack
from popflow.audit.history import History, Release
from popflow.audit.plants_linear import linear_program_only
from popflow.audit.plants_links import (
    block_beside_days,
    one_late_record,
    rolling_window,
    stock_of_two_areas,
    views_of_two_areas,
)
from popflow.audit.plants_rows import (
    changed_code,
    mno_by_any_sim,
    naive_threshold,
    orphan_rest,
    published_zero,
    rest_of_two,
    unregistered_counted,
    wrong_level,
)
from popflow.audit.verdict import Finding, Planted

Trees = Callable[[Release], list]
Plant = Callable[[History, Trees, np.random.Generator, int, int], "tuple[History, str] | str"]


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
    Leak("rolling window", rolling_window, ("A6",)),
    Leak("republication after one late record", one_late_record, ("A5",)),
    Leak("block beside days", block_beside_days, ("A5",)),
    Leak("linear program alone", linear_program_only, ("A5",)),
    Leak("MNO subtracting its own by any SIM", mno_by_any_sim, ("A2",)),
    Leak("stock of Wuhan against stock of Hubei", stock_of_two_areas, ("A5",)),
    Leak("view of Wuhan against view of Hubei", views_of_two_areas, ("A5",)),
    Leak("county that changed its code", changed_code, ("A6",)),
    Leak("code read at the wrong level", wrong_level, ("A6",)),
    Leak("unregistered SIM counted towards k", unregistered_counted, ("A1",)),
)
TRIES = 6  # releases in which a place is looked for, before a leak is called not applicable


def plant_all(attack: Attack, history: History, rng: np.random.Generator) -> Iterator[Planted]:
    """Plant each leak in a copy of its own and audit the copy."""
    for leak in LEAKS:
        attack.tick()
        yield _tried(leak, attack, history, rng)


def _tried(leak: Leak, attack: Attack, history: History, rng: np.random.Generator) -> Planted:
    planted: tuple[History, str] | str = "the history is empty"
    for _ in range(TRIES):
        planted = leak.plant(history, attack.trees_of, rng, attack.limits.k, attack.limits.floor)
        if not isinstance(planted, str):
            break
        attack.tick()
    if isinstance(planted, str):
        return Planted(leak.name, "not applicable", planted)
    copy, where = planted
    second = replace(attack, passed=attack.good, good={}, counts={})
    new = {finding.code for finding in _new_findings(second, copy, history, attack)}
    caught = bool(new & set(leak.told_by))
    return Planted(leak.name, "caught" if caught else "missed", where, tuple(sorted(new)))


def _new_findings(second: Attack, copy: History, history: History, attack: Attack) -> Sequence[Finding]:
    known = set(attack.found)
    return [finding for finding in second.findings(copy) if finding not in known]

"""Differential privacy as a second mechanism: noise in place of the chain for another indicator, never beside it.

There is one such indicator, inflow: persons who came to a prefecture of a chain from another one, by where they were.

Only publishable cells get a number, so noise comes on top of the thresholds. Which cells those are is not covered by
epsilon: the guarantee is for the numbers, given the cells. A person's move on a date adds one to one cell on each of
the L steps of the chain, so a person who is added or taken away changes the counts by L1 = L and L2 = sqrt(L).
Needs OpenDP (`pip install popflow[dp]`), whose samplers are exact on integers.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from popflow.contracts import Area, Disclosure, Mechanism, Noise
from popflow.disclosure.chain import FLOWS, flow_tree
from popflow.disclosure.exact import finest_cells
from popflow.disclosure.protect import OUTFLOW, OUTFLOW_BLOCK, STOCK, moves_out
from popflow.disclosure.rules import PERSONS, Ints, Rules, publishable
from popflow.errors import PopflowError

UNITS: dict[Mechanism, str] = {"laplace": "epsilon", "gaussian": "rho"}  # pure and zero-concentrated
BY_THE_CHAIN = (OUTFLOW, OUTFLOW_BLOCK, STOCK)
INFLOW = "inflow"
OTHER_END = {"origin": "destination", "destination": "origin"}


@dataclass
class Ledger:
    """What noisy releases have cost so far, by date of the data; it refuses to go over.

    Budgets and costs are epsilon for laplace and rho for gaussian; both add up over releases. keep: is given the costs
    as text before anything is drawn, so that a run that dies has spent them.
    """

    budget: Noise
    spent: dict[str, float] = field(default_factory=dict)  # by date
    keep: Callable[[str], object] = lambda text: None

    def spend(self, date: dt.date, cost: float) -> None:
        """Book a cost, before anything is drawn. Raises PopflowError, and books nothing, where it goes over."""
        unit = UNITS[self.budget.mechanism]
        if not cost > 0:
            raise PopflowError(f"{unit}: {cost} is no cost; it is more than 0")
        of_day = self.spent.get(date.isoformat(), 0.0) + cost
        if of_day > self.budget.a_day:
            raise PopflowError(f"{date}: {unit} {of_day:g} is over the {self.budget.a_day:g} of a day")
        if sum(self.spent.values()) + cost > self.budget.in_total:
            raise PopflowError(f"{date}: {unit} is over the {self.budget.in_total:g} that there is in total")
        self.spent[date.isoformat()] = of_day
        self.keep(json.dumps({"mechanism": self.budget.mechanism, "spent": self.spent}, sort_keys=True))

    @classmethod
    def kept(cls, text: str | None, budget: Noise, keep: Callable[[str], object]) -> Ledger:
        """The ledger that was kept as such a text; a new one where there is none.

        Raises PopflowError where it is of the other mechanism, whose costs cannot be added, or not to be read.
        """
        try:
            found = json.loads(text) if text else {"mechanism": budget.mechanism, "spent": {}}
            mechanism, spent = found["mechanism"], {str(day): float(cost) for day, cost in found["spent"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise PopflowError("the ledger of noise cannot be read; without it nothing is drawn") from None
        if mechanism != budget.mechanism:
            raise PopflowError(f"noise: the ledger is of {mechanism}; disclosure.yaml must stay with it")
        return cls(budget, spent, keep)


def noisy_flows(
    exact: pd.DataFrame,
    *,
    indicator: str,
    date: dt.date,
    areas: Mapping[str, Area],
    covered_counties: Sequence[str],
    mnos: Sequence[str],
    rules: Disclosure,
    ledger: Ledger,
    cost: float,
) -> pd.DataFrame:
    """Publishable cells of an indicator with noise: step, levels and codes of origin and destination, persons (>= 0).

    exact: as for `protect_flows`. cost: what this release takes from the ledger. There are no rests, and rows do not
    add up. Raises PopflowError for an indicator that the chain publishes, and where the ledger would go over.
    """
    if indicator in BY_THE_CHAIN:
        raise PopflowError(f"{indicator} is published by the chain; noise beside it would protect nothing")
    if indicator != INFLOW:
        raise PopflowError(f"no indicator '{indicator}' is published with noise; there is {INFLOW}")
    tree = flow_tree(areas, covered_counties, FLOWS)
    moves = moves_out(_other_way(exact, "county"), date, areas)
    tree.refuse_uncovered(moves)
    finest = tree.counts(finest_cells(moves, mnos), mnos)
    parts = []
    for nodes in tree.steps:
        counts = nodes.counts(finest)
        large = publishable(counts, Rules.of(rules))
        parts.append(nodes.codes[large].assign(step=nodes.step.name, persons=counts[large, PERSONS]))
    cells = pd.concat(parts, ignore_index=True)
    ledger.spend(date, cost)
    noisy = with_noise(cells["persons"].to_numpy(), len(tree.steps), ledger.budget.mechanism, cost)
    return _other_way(cells.assign(persons=noisy), "level", "code")


def _other_way(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The frame with origin and destination exchanged: an inflow is an outflow seen from its other end."""
    renamed = {f"{end}_{column}": f"{other}_{column}" for end, other in OTHER_END.items() for column in columns}
    return frame.rename(columns=renamed)


def scale_of(mechanism: Mechanism, steps: int, cost: float) -> float:
    """Scale of the noise in persons: L / epsilon of Laplace, sqrt(L / 2 rho) of the Gaussian."""
    return steps / cost if mechanism == "laplace" else math.sqrt(steps / (2 * cost))


def with_noise(persons: Ints, steps: int, mechanism: Mechanism, cost: float) -> Ints:
    """Counts of all steps of a chain with integer noise, never below 0; one person is in one count of each step."""
    dp = _opendp()
    laplace = mechanism == "laplace"
    metric = dp.l1_distance(T=int) if laplace else dp.l2_distance(T=float)
    space = dp.vector_domain(dp.atom_domain(T=int)), metric
    noise = dp.m.then_laplace if laplace else dp.m.then_gaussian
    measurement = space >> noise(scale_of(mechanism, steps, cost))
    asked = measurement.map(steps if laplace else math.sqrt(steps))
    if asked > cost * (1 + 1e-9):
        raise PopflowError(f"{UNITS[mechanism]}: the noise costs {asked:g}, more than the {cost:g} that was booked")
    return np.maximum(np.array(measurement(persons.tolist()), dtype=np.int64), 0)


def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError:
        raise PopflowError("noise needs OpenDP: pip install 'popflow[dp]'") from None
    dp.enable_features("contrib")
    return dp

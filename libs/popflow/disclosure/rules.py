"""The thresholds of the promise, and the one test that every published figure must pass.

Counts of a cell are one row of integers: persons, persons whose SIM stands in the register, and for each MNO of the
night the registered persons without any SIM at it. With a single MNO the last part has no subject and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popflow.contracts import FLOOR_MINIMUM, K_MINIMUM, Disclosure
from popflow.indicators import Thresholds

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

REST_CHILDREN_MINIMUM = 3  # with k and floor a constant of the promise
PERSONS, REGISTERED, WITHOUT = 0, 1, 2  # columns of counts; from WITHOUT on, one for each MNO


@dataclass(frozen=True)
class Rules:
    """k persons, floor persons without each MNO, and how many children a rest holds, at least."""

    k: int
    floor: int
    rest_children: int

    @classmethod
    def of(cls, parameters: Disclosure, own: Thresholds | None = None) -> Rules:
        """The parameters of disclosure.yaml and an indicator's own thresholds.

        Either can raise the constants of the promise and never lower them.
        """
        own = own or Thresholds()
        return cls(
            max(parameters.k, own.k, K_MINIMUM),
            max(parameters.floor, own.floor, FLOOR_MINIMUM),
            max(parameters.rest_children, REST_CHILDREN_MINIMUM),
        )


def publishable(counts: Ints, rules: Rules) -> Bools:
    """Whether a group of persons is large enough to be shown: to everyone, and to each MNO.

    Both parts go by registered persons: a SIM that the register does not know may be a counted person's second.
    """
    large = counts[..., REGISTERED] >= rules.k
    return large & (counts[..., WITHOUT:] >= rules.floor).all(axis=-1)


def nobody_or_publishable(counts: Ints, rules: Rules) -> Bools:
    """Whether a group is empty or publishable."""
    return (counts[..., PERSONS] == 0) | publishable(counts, rules)


def summed(counts: Ints, group: Ints, groups: int) -> Ints:
    """Counts summed by group; group gives each row's."""
    columns = [np.bincount(group, weights=column, minlength=groups) for column in counts.T]  # exact below 2**53
    return np.stack(columns, axis=1).astype(np.int64)

"""Who lives in the nation, and which SIMs they carry.

A part of the nation is a run of persons; what a part holds follows from the seed and the part's number alone, so that
every process can make it again instead of keeping it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from popflow.synthetic.places import Floats, Ints, Places
from popflow.synthetic.randomness import Stream, hex_tokens, stream
from popflow.synthetic.troubles import Troubles

PART_PERSONS = 100_000
MNOS = ("mobile", "unicom", "telecom")  # in the order of the landing contracts' mno_bit
SHARES = np.array([0.58, 0.20, 0.22])
LINE_KINDS = ("person", "data_only", "iot")


@dataclass(frozen=True)
class Sims:
    """The SIMs of one part; person counts from 0 within the part, the others are indexes into MNOS and LINE_KINDS.

    second: the person's SIM at a second MNO. In the order of persons.
    """

    person: Ints
    mno: Ints
    kind: Ints
    second: NDArray[np.bool_]
    registered: NDArray[np.bool_]
    token: pa.StringArray

    def __len__(self) -> int:
        return len(self.person)

    def of_persons(self, first: int, last: int) -> Sims:
        """SIMs of persons first..last-1, counted from first."""
        cut = slice(*np.searchsorted(self.person, [first, last]))
        return Sims(
            self.person[cut] - first,
            self.mno[cut],
            self.kind[cut],
            self.second[cut],
            self.registered[cut],
            self.token[cut],
        )


def parts_of(persons: int) -> list[slice]:
    """The parts of a nation of so many persons."""
    return [slice(first, min(first + PART_PERSONS, persons)) for first in range(0, persons, PART_PERSONS)]


def homes(places: Places, persons: int, needed: Floats, seed: int) -> Ints:
    """The county in which each person lives on the first morning, persons in random order.

    needed: persons (P) that each prefecture must hold whatever its share, so that every mover of the demand is one of
    them; the others live where the residents live. Within a prefecture: by residents.
    """
    draw = stream(seed, "homes")
    of_prefecture = np.repeat(np.arange(len(needed)), np.ceil(needed).astype(int))
    sampled = draw.choice(
        len(needed), persons - len(of_prefecture), p=places.prefecture_population / places.prefecture_population.sum()
    )
    prefectures = draw.permutation(np.concatenate([of_prefecture, sampled]))
    return places.draw_county(prefectures, draw.random(persons))


def mno_shares(places: Places, troubles: Troubles, seed: int) -> Floats:
    """Share of the MNOs in each province (provinces x MNOs)."""
    spread = stream(seed, "shares").normal(0, 1, (len(places.province_codes), len(MNOS)))
    shares = SHARES * np.exp(troubles.unequal_shares * spread)
    return shares / shares.sum(axis=1, keepdims=True)


def sims_of_part(part: int, homes_of_part: Ints, places: Places, troubles: Troubles, seed: int) -> Sims:
    """The SIMs of a part's persons: one by the MNOs' shares in the home province, the further ones by the troubles."""
    draw = stream(seed, "sims", part)
    shares = mno_shares(places, troubles, seed)[places.province[homes_of_part]]
    first = _choose(shares, draw)
    everyone = np.arange(len(homes_of_part))
    dual = everyone[draw.random(len(everyone)) < troubles.several_sims]
    others = shares[dual].copy()
    others[np.arange(len(dual)), first[dual]] = 0
    extra = [(dual, _choose(others, draw), 0, True)]
    for kind, rate in ((1, troubles.data_only_lines), (2, troubles.iot_lines)):
        owners = everyone[draw.random(len(everyone)) < rate]
        extra.append((owners, _choose(shares[owners], draw), kind, False))
    return _assembled([(everyone, first, 0, False), *extra], troubles, draw)


def _assembled(groups: list[tuple[Ints, Ints, int, bool]], troubles: Troubles, draw: Stream) -> Sims:
    person = np.concatenate([group[0] for group in groups])
    order = np.argsort(person, kind="stable")
    mno = np.concatenate([group[1] for group in groups])
    kind = np.concatenate([np.full(len(group[0]), group[2]) for group in groups])
    second = np.concatenate([np.full(len(group[0]), group[3]) for group in groups])
    registered = draw.random(len(person)) >= troubles.unregistered_sims
    return Sims(person[order], mno[order], kind[order], second[order], registered, hex_tokens(draw, len(person), 32))


def person_tokens(part: int, persons: int, seed: int) -> pa.StringArray:
    """The person tokens of a part: keyed hashes under a key that the MNOs share, here plain random digits."""
    return hex_tokens(stream(seed, "person_tokens", part), persons, 64)


def _choose(shares: Floats, draw: Stream) -> Ints:
    """An MNO for each row of relative shares."""
    upper = np.cumsum(shares, axis=1)
    target = draw.random(len(shares)) * upper[:, -1]
    return (target[:, None] >= upper).sum(axis=1)

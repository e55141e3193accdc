"""A small publisher for the auditor's tests: the rules of docs/design, section 6, written once more and plainly.

It shares nothing with the code that protects or with the auditor. Atoms are a dict from (origin, destination) to a
tuple of persons, registered persons and, per MNO in order, those without it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

MNOS = ("mobile", "telecom", "unicom")
FLOW_STEPS = (
    ("area", "chain", "border", "side"),
    ("prefecture", "prefecture", "border", "side"),
    ("prefecture", "prefecture", "province", "province"),
    ("prefecture", "prefecture", "prefecture", "prefecture"),
    ("prefecture", "prefecture", "county", "county"),
    ("county", "county", "county", "county"),
)
STOCK_STEPS = (
    ("area", "county", "all", "all"),
    ("area", "county", "province", "province"),
    ("area", "county", "prefecture", "prefecture"),
    ("area", "county", "county", "county"),
)
STEPS = {"outflow": FLOW_STEPS, "outflow_block": FLOW_STEPS[:4], "stock": STOCK_STEPS}
HUBEI = "420102 420103 420104 420105 420106 420202 420203 420204 420205 421002 421003 421023 429004 429005 429006"
ELSEWHERE = (
    "110101 110102 110105 430102 430103 430104 430105 430202 430203 430204 430302 430304 430321 "
    "440103 440104 440105 440106 440303 440304 440305 441900 442000"
)
COVERED = tuple((HUBEI + " " + ELSEWHERE).split())


@dataclass
class Publisher:
    """k, floor and rest_children of the rules; joins: how many siblings joined because a child was exposed."""

    k: int = 20
    floor: int = 10
    mnos: tuple[str, ...] = MNOS
    exposure_rule: bool = True
    rows: list[tuple] = field(default_factory=list)

    def large(self, values: np.ndarray) -> bool:
        without = values[2:] if len(self.mnos) > 1 else values[:0]
        return bool(values[1] >= self.k and (without >= self.floor).all())

    def fold(self, children: dict[str, np.ndarray]) -> tuple[list[str], list[str]]:
        """(shown, withheld) codes; no shown ones where the parent shows no children."""
        if len(children) == 1:
            return list(children), []
        hidden = [code for code, values in children.items() if not self.large(values)]
        if not hidden:
            return list(children), []
        others = sorted((c for c in children if c not in hidden), key=lambda c: (children[c][0], c))
        while not self._fine(children, hidden, others):
            if not others or len(children) < 3:
                return [], list(children)
            hidden.append(others.pop(0))
        return (others, hidden) if others else ([], list(children))

    def _fine(self, children: dict[str, np.ndarray], hidden: list[str], others: list[str]) -> bool:
        total = sum(children[code] for code in hidden)
        if len(hidden) < 3 or not self.large(total):
            return False
        return not self.exposure_rule or len(hidden) > 4 or not others or self._unclear(children, hidden, others)

    def _unclear(self, children: dict[str, np.ndarray], hidden: list[str], others: list[str]) -> bool:
        """Another table can be made of each small figure by moving one person between two hidden children."""
        first = others[0]
        for knower in range(-1, len(self.mnos) if len(self.mnos) > 1 else 0):
            limit = self.k if knower < 0 else self.floor
            bounds = {}
            for code in hidden:
                persons = int(children[code][0])
                true = persons if knower < 0 else int(children[code][2 + knower])
                own = persons - true
                small = self.k if knower < 0 else max(self.k - own, self.floor)
                joined = int(children[first][0]) - own - (code > first)
                joined = joined if len(hidden) == 3 else 0
                bounds[code] = (true, 0, small - 1) if true < small else (true, small, joined)
            for code, (true, low, high) in bounds.items():
                moves = [
                    (up and true < high and t > lo) or (not up and true > low and t < hi)
                    for other, (t, lo, hi) in bounds.items()
                    if other != code
                    for up in (True, False)
                ]
                if 0 < true < limit and not any(moves):
                    return False
        return True


def code_at(kind: str, code: str, chain: str = "hubei", province: str = "420000") -> str:
    if kind == "side":
        return f"{'inside' if code[:2] == province[:2] else 'outside'}_{province}"
    return {
        "chain": chain,
        "all": "all",
        "county": code,
        "prefecture": code[:4] + "00",
        "province": code[:2] + "0000",
    }[kind]


def publish(atoms: dict, covered: tuple[str, ...], indicator: str = "outflow", publisher: Publisher | None = None):
    """Published rows as (origin_level, origin_code, destination_level, destination_code, persons)."""
    publisher = publisher or Publisher()
    zero = np.zeros(2 + len(publisher.mnos), dtype=np.int64)
    if indicator == "stock":
        origins, destinations = sorted({o for o, _ in atoms}), sorted(covered)
    elif indicator == "outflow":
        origins, destinations = [c for c in covered if c[:2] == "42"], list(covered)
    else:
        destinations = sorted({c[:4] + "00" for c in covered})
        origins = [c for c in destinations if c[:2] == "42"]
    cells = {
        (o, d): np.array(atoms.get((o, d), zero), dtype=np.int64)
        for o in origins
        for d in destinations
        if indicator == "stock" or o[:4] != d[:4]
    }
    root = sum(cells.values())
    rows: list[tuple] = []
    if publisher.large(root):
        rows.append(("area", "hubei", "all", "all", int(root[0])))
        _below(publisher, cells, STEPS[indicator], ("hubei", "all"), rows)
    return rows


def _below(publisher: Publisher, cells: dict, steps: tuple, parent: tuple[str, str], rows: list[tuple]) -> None:
    if not steps:
        return
    origin_level, origin_kind, destination_level, destination_kind = steps[0]
    members = defaultdict(dict)
    for (o, d), values in cells.items():
        members[code_at(origin_kind, o), code_at(destination_kind, d)][o, d] = values
    on_origin = len({d for _, d in members}) == 1 and parent[1] == next(iter(members))[1]
    by_code = {(o if on_origin else d): cell for cell in members for o, d in [cell]}
    shown, hidden = publisher.fold({code: sum(members[cell].values()) for code, cell in by_code.items()})
    if shown and hidden:
        rest = sum(sum(members[by_code[code]].values()) for code in hidden)
        origin = "rest_of_" + parent[0] if on_origin else parent[0]
        destination = parent[1] if on_origin else "rest_of_" + parent[1]
        rows.append((origin_level, origin, destination_level, destination, int(rest[0])))
    for code in shown:
        o, d = by_code[code]
        rows.append((origin_level, o, destination_level, d, int(sum(members[o, d].values())[0])))
        _below(publisher, members[o, d], steps[1:], (o, d), rows)


def flows_frame(rows: list[tuple], date: dt.date, indicator: str = "outflow", release: int = 1) -> pd.DataFrame:
    """Rows as the contract `flows` has them."""
    frame = pd.DataFrame(
        rows, columns=["origin_level", "origin_code", "destination_level", "destination_code", "persons"]
    )
    frame["persons"] = frame["persons"].astype("int64")
    return frame.assign(indicator=indicator, date=date, release=release, definition="day-end-1")


def atoms_frame(
    atoms: dict,
    date: dt.date,
    indicator: str = "outflow",
    release: int = 1,
    change: str = "all",
    against: int = 0,
    mnos: tuple[str, ...] = MNOS,
) -> pd.DataFrame:
    """Atoms as the contract `atoms` has them."""
    return pd.DataFrame(
        [
            (o, d, int(v[0]), int(v[1]), {m: int(n) for m, n in zip(mnos, v[2:], strict=True)})
            for (o, d), v in atoms.items()
        ],
        columns=["origin_code", "destination_code", "persons", "persons_registered", "persons_without"],
    ).assign(indicator=indicator, date=date, release=release, change=change, against_release=against)


def persons(count: int, without: tuple[int, ...] | None = None, unregistered: int = 0) -> tuple[int, ...]:
    """An atom of so many persons; by default half of them without each MNO, rounded up."""
    registered = count - unregistered
    return (count, registered, *(without if without is not None else [(registered + 1) // 2] * len(MNOS)))


def random_atoms(rng: np.random.Generator, scale: float = 8.0, covered: tuple[str, ...] = COVERED) -> dict:
    """Journeys between all counties of a small nation, with dual SIMs and a few SIMs without an entry."""
    size = {code: rng.lognormal(0, 1.2) for code in covered}
    atoms = {}
    for o in (c for c in covered if c[:2] == "42"):
        for d in covered:
            if o[:4] == d[:4]:
                continue
            count = int(rng.poisson(scale * size[o] * size[d] * rng.lognormal(0, 0.8)))
            if count:
                unregistered = int(rng.binomial(count, 0.005))
                registered = count - unregistered
                without = [int(rng.binomial(registered, p)) for p in (0.35, 0.75, 0.7)]
                atoms[o, d] = (count, registered, *without)
    return atoms

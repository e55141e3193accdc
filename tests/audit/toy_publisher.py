"""A small publisher for the auditor's tests: the rules of docs/design, section 6, written once more and plainly.

It shares nothing with the code that protects or with the auditor. Atoms are a dict from (origin, destination) to a
tuple of persons, registered persons and, per MNO in order, those without it.
"""

from __future__ import annotations

import datetime as dt
import itertools
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
HUBEI = "420102 420103 420104 420105 420106 420202 420203 420204 420205 421002 421003 421023 429004 429005 429006"
ELSEWHERE = (
    "110101 110102 110105 430102 430103 430104 430105 430202 430203 430204 430302 430304 430321 "
    "440103 440104 440105 440106 440303 440304 440305 441900 442000"
)
COVERED = tuple((HUBEI + " " + ELSEWHERE).split())


@dataclass
class Publisher:
    """k and floor of the rules, the MNOs of the night, and whether the last rule is kept."""

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
        grown = False
        while True:
            if not others or len(children) < 3:
                return [], list(children)
            large = len(hidden) >= 3 and self.large(sum(children[code] for code in hidden))
            if large and not (self.exposure_rule and self._tells(children, hidden, others, grown)):
                return others, hidden
            grown = grown or large
            hidden.append(others.pop(0))

    def _tells(self, children: dict[str, np.ndarray], hidden: list[str], others: list[str], grown: bool) -> bool:
        """Whether a knower can tell a small group of a rest that is large enough: by every table that might be it."""
        first = others[0]
        for knower in range(-1, len(self.mnos) if len(self.mnos) > 1 else 0):
            limit = self.k if knower < 0 else self.floor
            values = {code: int(children[code][0 if knower < 0 else 2 + knower]) for code in hidden}
            known = {code: int(children[code][0]) - values[code] for code in hidden}
            registered = {code: 0 if knower < 0 else int(children[code][1]) - values[code] for code in hidden}
            small = {c: self.k if knower < 0 else max(self.k - registered[c], self.floor) for c in hidden}
            first_joins = {c: int(children[first][0]) - known[c] - (c > first) for c in hidden}
            boxes = [{c: (0, small[c] - 1) for c in hidden}]
            total = sum(values.values())
            for joined in _kinds(hidden):
                box = dict(boxes[0])
                for code in joined:
                    least = small[code]
                    if len(hidden) > 3:  # without it the rest would have been too small
                        others_know = 0 if knower < 0 else sum(registered.values()) - registered[code]
                        least = max(least, min(total + others_know - self.k, total - limit) + 1)
                    box[code] = (least, first_joins[code])
                boxes.append(box)
            if _told(boxes, total, limit, grown or len(self.mnos) == 1):
                return True
        return False


def _kinds(hidden: list[str]) -> list[tuple[str, ...]]:
    pairs = itertools.combinations(hidden, 2) if len(hidden) == 3 else ()
    return [*((code,) for code in hidden), *pairs]


def _told(boxes: list[dict], total: int, limit: int, one_must_fit: bool) -> bool:
    """Whether all tables of these boxes that make the total give some child, or what is left, one small figure."""
    ends: dict[str, tuple[int, int]] = {}
    for box in boxes:
        low, high = sum(a for a, _ in box.values()), sum(b for _, b in box.values())
        if any(a > b for a, b in box.values()) or not low <= total <= high:
            continue
        for code, (a, b) in box.items():
            mine = max(a, total - high + b), min(b, total - low + a)
            old = ends.get(code, mine)
            ends[code] = min(old[0], mine[0]), max(old[1], mine[1])
    one = [a for a, b in ends.values() if a == b]
    left = total - sum(one) if ends else 0
    return any(0 < n < limit for n in [*one, left]) or (one_must_fit and not ends)


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


def publish(
    base_cells: dict,
    covered: tuple[str, ...],
    publisher: Publisher | None = None,
    chain: str = "hubei",
    province: str = "420000",
) -> list[tuple]:
    """Published rows as (origin_level, origin_code, destination_level, destination_code, persons)."""
    publisher = publisher or Publisher()
    zero = np.zeros(2 + len(publisher.mnos), dtype=np.int64)
    origins = [code for code in covered if code[:2] == province[:2]]
    cells = {
        (o, d): np.array(base_cells.get((o, d), zero), dtype=np.int64)
        for o in origins
        for d in covered
        if o[:4] != d[:4]
    }
    root = sum(cells.values())
    rows: list[tuple] = []
    if publisher.large(root):
        rows.append(("area", chain, "all", "all", int(root[0])))
        _below(publisher, cells, FLOW_STEPS, (chain, "all"), rows, chain, province)
    return rows


def _below(
    publisher: Publisher,
    cells: dict,
    steps: tuple,
    parent: tuple[str, str],
    rows: list[tuple],
    chain: str,
    province: str,
) -> None:
    if not steps:
        return
    origin_level, origin_kind, destination_level, destination_kind = steps[0]
    members = defaultdict(dict)
    for (o, d), values in cells.items():
        cell = code_at(origin_kind, o, chain, province), code_at(destination_kind, d, chain, province)
        members[cell][o, d] = values
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
        _below(publisher, members[o, d], steps[1:], (o, d), rows, chain, province)


def flows_frame(rows: list[tuple], date: dt.date, indicator: str = "outflow", release: int = 1) -> pd.DataFrame:
    """Rows as the contract `flows` has them."""
    frame = pd.DataFrame(
        rows, columns=["origin_level", "origin_code", "destination_level", "destination_code", "persons"]
    )
    frame["persons"] = frame["persons"].astype("int64")
    return frame.assign(indicator=indicator, date=date, release=release, definition="day-end-1")


def base_cells_frame(
    base_cells: dict,
    date: dt.date,
    indicator: str = "outflow",
    release: int = 1,
    change: str = "all",
    against: int = 0,
    mnos: tuple[str, ...] = MNOS,
) -> pd.DataFrame:
    """Atoms as the contract `base_cells` has them."""
    return pd.DataFrame(
        [
            (o, d, int(v[0]), int(v[1]), {m: int(n) for m, n in zip(mnos, v[2:], strict=True)})
            for (o, d), v in base_cells.items()
        ],
        columns=["origin_code", "destination_code", "persons", "persons_registered", "persons_without"],
    ).assign(indicator=indicator, date=date, release=release, change=change, against_release=against)


def persons(count: int, without: tuple[int, ...] | None = None, unregistered: int = 0) -> tuple[int, ...]:
    """A base cell of so many persons; by default half of them without each MNO, rounded up."""
    registered = count - unregistered
    return (count, registered, *(without if without is not None else [(registered + 1) // 2] * len(MNOS)))


def random_base_cells(
    rng: np.random.Generator, scale: float = 8.0, covered: tuple[str, ...] = COVERED, province: str = "42"
) -> dict:
    """Journeys from a province to all counties of a small nation, with dual SIMs and a few SIMs without an entry."""
    size = {code: rng.lognormal(0, 1.2) for code in covered}
    base_cells = {}
    for o in (c for c in covered if c[:2] == province):
        for d in covered:
            if o[:4] == d[:4]:
                continue
            count = int(rng.poisson(scale * size[o] * size[d] * rng.lognormal(0, 0.8)))
            if count:
                unregistered = int(rng.binomial(count, 0.005))
                registered = count - unregistered
                without = [int(rng.binomial(registered, p)) for p in (0.35, 0.75, 0.7)]
                base_cells[o, d] = (count, registered, *without)
    return base_cells

"""Where the gate and the auditor meet: what the one lets through, the other finds nothing in, and it sees every change.

They share no line of code; so what both hold to be safe was thought through twice.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import toy_publisher as toy
from hypothesis import given, settings
from hypothesis import strategies as st
from test_audit_changed_by_hand import COVERED, small_groups

from popflow import contracts, disclosure
from popflow.audit import Verdict, audit
from popflow.disclosure import ProtectedTable, ReleasedDay, blocks

DATE = dt.date(2020, 1, 10)
END = dt.date(2020, 1, 22)
PLACE = ["origin_level", "origin_code", "destination_level", "destination_code", "persons"]


def exact(atoms: dict) -> pd.DataFrame:
    """flows_exact of atoms as the toy publisher has them."""
    columns = {"origin_code": "origin_county", "destination_code": "destination_county"}
    return toy.atoms_frame(atoms, DATE).rename(columns=columns).drop(columns=["date", "change", "against_release"])


def protected(atoms: dict, date: dt.date = DATE, **changes) -> ProtectedTable:
    known = contracts.load()
    given = {"areas": known.areas, "rules": known.disclosure, "covered_counties": COVERED, "mnos": toy.MNOS}
    protect = disclosure.protect_blocks if "days" in changes else disclosure.protect_flows
    return protect(exact(atoms), date=date, release=1, definition="day-end-1", **(given | changes))


def verdict_on(tables: list[ProtectedTable], rows: pd.DataFrame | None = None, **options) -> Verdict:
    history = pd.concat([table.rows for table in tables], ignore_index=True) if rows is None else rows
    atoms = pd.concat([table.atoms for table in tables], ignore_index=True)
    return audit(history, atoms, **({"covered": COVERED, "mnos": toy.MNOS, "plant": False} | options))


def night(seed: int, scale: float) -> dict:
    return toy.random_atoms(np.random.default_rng(seed), scale, COVERED)


nights = given(st.integers(0, 100_000), st.sampled_from([1.0, 3.0, 8.0, 30.0]), st.data())


@settings(max_examples=20, deadline=None, derandomize=True)
@nights
def test_what_the_gate_passes_the_auditor_passes(seed: int, scale: float, data: st.DataObject) -> None:
    table = protected(night(seed, scale))
    verdict = verdict_on([table])
    assert verdict.ok, verdict.text()


@settings(max_examples=10, deadline=None, derandomize=True)
@nights
def test_a_row_that_is_dropped_is_missed_or_harmless(seed: int, scale: float, data: st.DataObject) -> None:
    atoms = night(seed, scale)
    table = protected(atoms)
    if table.rows.empty:
        return
    rows = table.rows.drop(index=data.draw(st.integers(0, len(table.rows) - 1)))
    if verdict_on([table], rows).ok:
        assert not small_groups(list(rows[PLACE].itertuples(index=False, name=None)), atoms)


@settings(max_examples=10, deadline=None, derandomize=True)
@nights
def test_a_value_off_by_one_is_caught(seed: int, scale: float, data: st.DataObject) -> None:
    table = protected(night(seed, scale))
    rows = table.rows
    if rows.empty:
        return
    rows.loc[data.draw(st.integers(0, len(rows) - 1)), "persons"] += data.draw(st.sampled_from([-1, 1]))
    assert not verdict_on([table], rows).ok


KINDS = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]])  # without each MNO


def block(seed: int, size: float) -> tuple[list[dict], dict]:
    """14 days and their block: atoms of each day, and of those of their departures that were a person's last.

    On the last day all are; before, a share that differs by cell. Some cells have nobody to speak of before the last
    day, some hardly a repeated departure.
    """
    rng = np.random.default_rng(seed)
    cells = [(o, d) for o in COVERED if o[:2] == "42" for d in COVERED if o[:4] != d[:4]]
    mean = size * rng.choice([0.05, 1.0, 4.0, 12.0], len(cells)) / len(KINDS)
    pair = np.unique([o[:4] + d[:4] for o, d in cells], return_inverse=True)[1]
    late = (rng.random(pair.max() + 1) < 0.3)[pair]
    share = rng.choice([0.3, 0.7, 0.97, 1.0], pair.max() + 1)[pair][:, None]
    last: Counter = Counter()
    days = []
    for day in range(14):
        expected = np.where(late, 20 * mean if day == 13 else 0.05, mean)[:, None]
        persons = rng.poisson(np.broadcast_to(expected, (len(cells), len(KINDS))))
        days.append(_atoms(cells, persons))
        of_block = persons if day == 13 else rng.binomial(persons, share)
        for (o, d), numbers in zip(cells, of_block, strict=True):
            last[o[:4] + "00", d[:4] + "00"] += numbers
    return days, _atoms(list(last), np.array(list(last.values())))


def _atoms(cells: list[tuple[str, str]], persons: np.ndarray) -> dict:
    without = persons @ KINDS
    return {
        cell: (int(own.sum()), int(own.sum()), *map(int, parts))
        for cell, own, parts in zip(cells, persons, without, strict=True)
        if own.sum()
    }


def released(days: list[dict], leave_out: int = 0) -> list[ProtectedTable]:
    first = END - dt.timedelta(days=13)
    return [protected(atoms, first + dt.timedelta(days=n)) for n, atoms in enumerate(days) if n >= leave_out]


def beside(tables: list[ProtectedTable]) -> list[ReleasedDay]:
    return [ReleasedDay(table.date, table.rows, table.atoms, COVERED) for table in tables]


SLOW = [
    pytest.param(seed, size, n, marks=pytest.mark.slow) for seed in range(3, 30) for size in (6, 20) for n in (0, 1)
]


@pytest.mark.parametrize(("seed", "size", "leave_out"), [(2, 6.0, 0), (4, 20.0, 1), *SLOW])
def test_a_block_that_the_gate_passes_beside_its_days_the_auditor_passes(seed, size, leave_out) -> None:
    days, whole = block(seed, size)
    tables = released(days, leave_out)
    tables.append(protected(whole, END, days=beside(tables)))
    verdict = verdict_on(tables)
    assert verdict.ok, verdict.text()
    assert verdict.counts["blocks"] == 1


TO_HUNAN = ("430102", "430202", "430302", "430402")
FIVE = ("420102", "420202", *TO_HUNAN)


def out_of_wuhan(persons: tuple[int, ...], others: int, code=lambda county: county) -> dict:
    """To four prefectures of Hunan; from Huangshi, so that origins and sides can be told apart."""
    moves = {(code("420102"), code(d)): toy.persons(n) for d, n in zip(TO_HUNAN, persons, strict=True) if n}
    more = [("420202", d) for d in TO_HUNAN] + [("420102", "420202"), ("420202", "420102")]
    return moves | {(code(o), code(d)): toy.persons(others) for o, d in more}


@pytest.mark.parametrize(("before", "shown"), [(0, True), (19, False), (20, True)])
def test_those_who_left_before_the_last_day_are_nobody_or_many(monkeypatch, before: int, shown: bool) -> None:
    """70 go to 430400 on the last day; some went on the second, when they stood in a rest, and never again."""
    days = [out_of_wuhan((60, 50, 40, 70 if n == 13 else before if n == 1 else 0), 200) for n in range(14)]
    covered = {"covered_counties": FIVE}
    tables = [protected(atoms, END - dt.timedelta(days=13 - n), **covered) for n, atoms in enumerate(days)]
    beside_days = [ReleasedDay(table.date, table.rows, table.atoms, FIVE) for table in tables]
    whole = out_of_wuhan((420, 220, 200, 70 + before), 1400, lambda county: county[:4] + "00")
    given = covered | {"days": beside_days}
    block = protected(whole, END, **given)
    assert ("430400" in set(block.rows.query("origin_code == '420100'")["destination_code"])) is shown
    assert verdict_on([*tables, block], covered=FIVE).ok

    nothing_said = lambda block, *_: np.zeros(len(block), dtype=bool)  # noqa: E731
    monkeypatch.setattr(blocks, "few_before_the_last_day", nothing_said)
    careless = verdict_on([*tables, protected(whole, END, **given)], covered=FIVE)
    assert careless.ok is shown
    assert ("whose last departure was earlier" in careless.text()) is not shown


def test_the_whole_block_less_any_day_is_a_group_too() -> None:
    """All but 7 of the block's 307 left on the 4th day, and 30 of these again later: 7 left on other days alone."""
    many, few = {("420102", "430102"): toy.persons(300)}, 7
    days = [{} for _ in range(14)]
    days[3], days[8] = many, {("420102", "430102"): toy.persons(30 + few)}
    tables = [protected(atoms, END - dt.timedelta(days=13 - n)) for n, atoms in enumerate(days) if atoms]
    whole = {("420100", "430100"): toy.persons(300 + few)}
    assert protected(whole, END, days=beside(tables)).status == "empty"
    bare = protected(whole, END, days=[])
    assert "= 7 who left on other days alone" in verdict_on([*tables, bare]).text()

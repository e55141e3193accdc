"""Corrections: who joined and who left between two releases of one date."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
import toy_publisher as toy
from test_audit_differences import BASE_CELLS, COVERED, HUNAN_COUNTIES, ROWS
from toy_publisher import persons

from popflow.audit import Candidate, Verdict, audit
from popflow.contracts import Area

DATE = dt.date(2020, 1, 10)
CELL = ("420102", "430204")


def corrected(came: int, went: int = 0, *, without: tuple[int, ...] | None = None, against: int = 1) -> Verdict:
    """The date once more, with some who joined the 40 from 420102 to 430204 and some who left."""
    joined = {CELL: persons(came, without)} if came else {}
    left = {CELL: persons(went)} if went else {}
    zero = (0,) * 5
    changed = tuple(
        a + b - c for a, b, c in zip(BASE_CELLS[CELL], joined.get(CELL, zero), left.get(CELL, zero), strict=True)
    )
    rows = [(*row[:4], row[4] + came - went) if row[4] in (440, 340, 250, 120) else row for row in ROWS]
    rows += [*HUNAN_COUNTIES[:2], (*HUNAN_COUNTIES[2][:4], 40 + came - went)]
    history = pd.concat(
        [toy.flows_frame(ROWS + HUNAN_COUNTIES, DATE), toy.flows_frame(rows, DATE, release=2)], ignore_index=True
    )
    base_cells = [
        toy.base_cells_frame(BASE_CELLS, DATE),
        toy.base_cells_frame(BASE_CELLS | {CELL: changed}, DATE, release=2),
        toy.base_cells_frame(joined, DATE, release=2, change="joined", against=against),
        toy.base_cells_frame(left, DATE, release=2, change="left", against=against),
    ]
    frame = pd.concat([one for one in base_cells if len(one)], ignore_index=True)
    return audit(history, frame, covered=COVERED, mnos=toy.MNOS, plant=False)


@pytest.mark.parametrize(("came", "ok"), [(1, False), (19, False), (20, True), (45, True)])
def test_those_who_joined_are_nobody_or_many(came: int, ok: bool) -> None:
    verdict = corrected(came)
    assert verdict.ok == ok, verdict.text()
    if not ok:
        assert f"those who joined [prefecture 420100 -> county 430204] = {came} persons" in verdict.text()


def test_as_many_who_left_do_not_hide_those_who_joined() -> None:
    """25 came and 24 went: the figures differ by one, and the 25 and 24 are many each."""
    assert corrected(25, 24).ok
    verdict = corrected(25, 5)
    assert [finding.code for finding in verdict.findings] == ["A5"] * len(verdict.findings)
    assert "those who left" in verdict.text()


def test_an_mno_takes_off_its_own_who_joined() -> None:
    assert "mobile takes off 27 of its own and keeps 3" in corrected(30, without=(3, 15, 15)).text()


def test_who_joined_must_be_told() -> None:
    """Changes against another release than the one that was read are not changes at all."""
    verdict = corrected(25, against=3)
    assert not verdict.ok
    assert "since release 1 is not there" in verdict.text()


def test_two_foldings_of_the_same_persons() -> None:
    """Nobody joined or left, but another rest is shown: 105 - 60 leaves 45, 45 - 40 leaves 5."""
    base_cells = {
        ("420102", "430102"): persons(60),
        ("420102", "430103"): persons(40),
        ("420102", "430104"): persons(5),
        ("420102", "430202"): persons(90),
        ("420202", "430202"): persons(90),
        ("420102", "420202"): persons(50),
    }
    covered = tuple(c for c in COVERED if c not in ("430203", "430204"))
    top = [
        ("area", "hubei", "all", "all", 335),
        ("area", "hubei", "border", "inside_420000", 50),
        ("area", "hubei", "border", "outside_420000", 285),
        ("prefecture", "420100", "border", "outside_420000", 195),
        ("prefecture", "420200", "border", "outside_420000", 90),
        ("prefecture", "420100", "province", "430000", 195),
        ("prefecture", "420100", "prefecture", "430100", 105),
        ("prefecture", "420100", "prefecture", "430200", 90),
    ]
    shown = [("prefecture", "420100", "county", "430102", 60), ("prefecture", "420100", "county", "430103", 40)]
    history = pd.concat(
        [toy.flows_frame(top + shown[:1], DATE), toy.flows_frame(top + shown[1:], DATE, release=2)], ignore_index=True
    )
    frame = pd.concat(
        [
            toy.base_cells_frame(base_cells, DATE),
            toy.base_cells_frame(base_cells, DATE, release=2),
            toy.base_cells_frame({("420102", "430102"): persons(0)}, DATE, release=2, change="joined", against=1),
        ],
        ignore_index=True,
    )
    verdict = audit(history, frame, covered=covered, mnos=toy.MNOS, plant=False)
    assert any("two foldings" in finding.equation for finding in verdict.findings), verdict.text()


def test_what_was_withheld_once_is_not_shown_later() -> None:
    """A county that comes out of a rest lets its former number be told from the two rests."""
    added = {("420102", "430102"): persons(25)}
    rows = [(*row[:4], row[4] + 25) if row[4] in (440, 340, 250, 130) else row for row in ROWS]
    history = [toy.flows_frame(ROWS, DATE), toy.flows_frame(rows + HUNAN_COUNTIES, DATE, release=2)]
    base_cells = [
        toy.base_cells_frame(BASE_CELLS, DATE),
        toy.base_cells_frame(BASE_CELLS | {("420102", "430102"): persons(85)}, DATE, release=2),
        toy.base_cells_frame(added, DATE, release=2, change="joined", against=1),
    ]
    verdict = audit(pd.concat(history), pd.concat(base_cells), covered=COVERED, mnos=toy.MNOS, plant=False)
    assert {finding.code for finding in verdict.findings} == {"A5"}
    assert "[prefecture 420100 -> county 430202] is shown, and the earlier release withheld it" in verdict.text()


def test_first_write_wins() -> None:
    rows, base_cells = toy.flows_frame(ROWS, DATE), toy.base_cells_frame(BASE_CELLS, DATE)
    again = Candidate(rows, base_cells)
    verdict = audit(rows, base_cells, candidate=again, covered=COVERED, mnos=toy.MNOS, plant=False)
    assert "first write wins" in verdict.text()


def test_two_chains_in_one_release(contracts) -> None:
    """Hubei and, as a chain of its own, Changsha: each is checked with its own rows, and a correction of one alone."""
    changsha = Area(level="prefecture", code="430100", name_zh="长沙", name_en="Changsha")
    areas = {"hubei": contracts.areas["hubei"], "changsha": changsha}
    second = {("430102", "420102"): persons(70), ("430103", "420202"): persons(80), ("430102", "430202"): persons(50)}
    rows = [
        ("area", "changsha", "all", "all", 200),
        ("area", "changsha", "border", "inside_430000", 50),
        ("prefecture", "430100", "border", "inside_430000", 50),
        ("area", "changsha", "border", "outside_430000", 150),
        ("prefecture", "430100", "border", "outside_430000", 150),
        ("prefecture", "430100", "province", "420000", 150),
        ("prefecture", "430100", "prefecture", "420100", 70),
        ("prefecture", "430100", "prefecture", "420200", 80),
    ]
    history = toy.flows_frame(ROWS + HUNAN_COUNTIES + rows, DATE)
    later = history.assign(release=2, persons=history["persons"] + 30 * history["persons"].isin((80, 150, 200)))
    added = {("430103", "420202"): persons(30)}
    joined = toy.base_cells_frame(added, DATE, release=2, change="joined", against=1)
    base_cells = toy.base_cells_frame(BASE_CELLS | second, DATE)
    new = toy.base_cells_frame(BASE_CELLS | second | {("430103", "420202"): persons(110)}, DATE, release=2)
    options = {"covered": COVERED, "mnos": toy.MNOS, "areas": areas, "plant": False}
    assert audit(history, base_cells, **options).ok, audit(history, base_cells, **options).text()
    both, all_base_cells = pd.concat([history, later]), pd.concat([base_cells, new, joined])
    assert audit(both, all_base_cells, **options).ok, audit(both, all_base_cells, **options).text()
    off = history.assign(persons=history["persons"] + (history["destination_code"] == "420200"))
    assert not audit(off, base_cells, **options).ok
    assert not audit(history, base_cells, **(options | {"areas": contracts.areas})).ok

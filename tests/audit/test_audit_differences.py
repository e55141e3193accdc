"""Hand-written tables: one attack each, with the equation expected."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import toy_publisher as toy
from toy_publisher import persons

from popflow.audit import Verdict, audit

DATE = dt.date(2020, 1, 10)
WUHAN, HUANGSHI = "420102", "420202"
COVERED = ("420102", "420103", "420202", "420203", "430102", "430103", "430104", "430202", "430203", "430204")
# From two counties of Wuhan to six of Hunan; the other origins send many, so that origins are all shown.
BASE_CELLS = {
    ("420102", "430102"): persons(60),
    ("420103", "430102"): persons(40),
    ("420102", "430103"): persons(7),
    ("420103", "430103"): persons(8),
    ("420102", "430104"): persons(15),
    ("420102", "430202"): persons(40),
    ("420103", "430203"): persons(40),
    ("420102", "430204"): persons(40),
    ("420102", "420202"): persons(50),
    ("420202", "420103"): persons(50),
    ("420202", "430202"): persons(90),
}
PREFECTURE = ("prefecture", "420100", "prefecture")
ROWS = [
    ("area", "hubei", "all", "all", 440),
    ("area", "hubei", "border", "inside_420000", 100),
    ("area", "hubei", "border", "outside_420000", 340),
    ("prefecture", "420100", "border", "inside_420000", 50),
    ("prefecture", "420200", "border", "inside_420000", 50),
    ("prefecture", "420100", "border", "outside_420000", 250),
    ("prefecture", "420200", "border", "outside_420000", 90),
    ("prefecture", "420100", "province", "430000", 250),
    ("prefecture", "420100", "prefecture", "430100", 130),
    ("prefecture", "420100", "prefecture", "430200", 120),
]
HUNAN_COUNTIES = [
    ("prefecture", "420100", "county", "430202", 40),
    ("prefecture", "420100", "county", "430203", 40),
    ("prefecture", "420100", "county", "430204", 40),
]


def verdict_on(
    rows: list[tuple], base_cells: dict | None = None, covered: tuple[str, ...] = COVERED, **options
) -> Verdict:
    base_cells = BASE_CELLS if base_cells is None else base_cells
    options = {"plant": False, "mnos": toy.MNOS, "covered": covered} | options
    return audit(toy.flows_frame(rows, DATE), toy.base_cells_frame(base_cells, DATE), **options)


def found(verdict: Verdict) -> dict[str, str]:
    return {finding.code: finding.equation for finding in verdict.findings}


def with_cell(cell: tuple[str, str], values: tuple[int, ...]) -> dict:
    return BASE_CELLS | {cell: values}


def test_a_table_that_follows_the_rules_passes() -> None:
    verdict = verdict_on(ROWS + HUNAN_COUNTIES)
    assert verdict.ok, verdict.text()


def test_no_row_is_no_leak() -> None:
    assert verdict_on([ROWS[0]]).ok


def test_a_parent_less_its_shown_children_is_a_small_group() -> None:
    """130 - 100 = 30 hides a rest; 130 - 100 with 15 of the others gone is 15."""
    base_cells = {cell: values for cell, values in BASE_CELLS.items() if cell != ("420102", "430104")}
    rows = [(*row[:4], row[4] - 15) if row[4] in (440, 340, 250, 130) else row for row in ROWS]
    verdict = verdict_on([*rows, ("prefecture", "420100", "county", "430102", 100)], base_cells)
    assert found(verdict)["A1"] == (
        "115 [prefecture 420100 -> prefecture 430100] - 100 [prefecture 420100 -> county 430102] = 15 persons; "
        "a group of 1 to 19"
    )


@pytest.mark.parametrize(("registered", "code"), [(0, "A1"), (9, "A1"), (19, "A1"), (20, None)])
def test_unregistered_sims_do_not_count_towards_k(registered: int, code: str | None) -> None:
    values = (40, registered, *[min(registered, 12)] * 3)
    verdict = verdict_on(ROWS + HUNAN_COUNTIES, with_cell(("420102", "430204"), values))
    assert (code in found(verdict)) if code else verdict.ok


@pytest.mark.parametrize(("without", "ok"), [(0, False), (9, False), (10, True), (19, True), (20, True)])
def test_an_mno_takes_off_its_own(without: int, ok: bool) -> None:
    verdict = verdict_on(ROWS + HUNAN_COUNTIES, with_cell(("420102", "430204"), persons(40, (20, without, 20))))
    assert verdict.ok == ok
    if not ok:
        assert f"telecom takes off {40 - without} of its own and keeps {without}" in found(verdict)["A2"]


def test_with_one_mno_there_is_nobody_to_subtract() -> None:
    base_cells = {cell: (*values[:2], 0) for cell, values in BASE_CELLS.items()}
    frame = toy.base_cells_frame(base_cells, DATE, mnos=("mobile",))
    rows = toy.flows_frame(ROWS + HUNAN_COUNTIES, DATE)
    assert audit(rows, frame, covered=COVERED, mnos=("mobile",), plant=False).ok


@pytest.mark.parametrize("count", [1, 9, 10, 19])
def test_a_cell_below_k_is_found_at_every_boundary(count: int) -> None:
    """1 to 19 persons break the contract of a row; 0 and 20 keep it."""
    base_cells = with_cell(("420102", "430204"), persons(count))
    change = count - 40
    touched = (440, 340, 250, 120)
    rows = [(*row[:4], row[4] + change) if row[4] in touched else row for row in ROWS]
    rows += [*HUNAN_COUNTIES[:2], (*HUNAN_COUNTIES[2][:4], count)]
    assert "A1" in found(verdict_on(rows, base_cells))


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (ROWS + HUNAN_COUNTIES[:2], "1 children of [prefecture 420100 -> prefecture 430200] are in no row and no rest"),
        ([*ROWS, ("prefecture", "420100", "county", "rest_of_430200", 120)], "stands alone"),
        ([*ROWS, *HUNAN_COUNTIES[:1], ("prefecture", "420100", "county", "rest_of_430200", 80)], "holds 2 withheld"),
        (
            [*ROWS[:-1], *HUNAN_COUNTIES],
            "rows stand below [prefecture 420100 -> prefecture 430200], which is not shown",
        ),
        ([*ROWS[:-1], (*ROWS[-1][:4], 121)], "is published as 121, base_cells 120"),
        ([*ROWS, ROWS[-1]], "stands more than once"),
        ([*ROWS, ("prefecture", "420100", "county", "430199", 40)], "is not a cell of the chain that night"),
        ([*ROWS, ("prefecture", "420100", "prefecture", "420100", 40)], "is not a cell of the chain that night"),
        ([*ROWS, ("county", "420102", "prefecture", "430100", 82)], "is not a cell of the chain that night"),
        ([*ROWS, ("prefecture", "420200", "county", "430203", 0)], "zeros are never published"),
    ],
)
def test_rows_outside_the_contract(rows: list[tuple], text: str) -> None:
    verdict = verdict_on(rows)
    assert not verdict.ok
    assert any(text in finding.equation and finding.code == "A6" for finding in verdict.findings), verdict.text()


def test_a_sensitive_county_is_never_shown_alone(contracts) -> None:
    rules = contracts.disclosure.model_copy(update={"sensitive_counties": ["430203"]})
    assert "a sensitive county is shown alone" in found(verdict_on(ROWS + HUNAN_COUNTIES, rules=rules))["A6"]


def test_a_county_without_a_cell_is_no_child() -> None:
    """Two of three counties shown, no rest: right where the third has no cell that night."""
    base_cells = {cell: values for cell, values in BASE_CELLS.items() if cell != ("420102", "430204")}
    rows = [(*row[:4], row[4] - 40) if row[4] in (440, 340, 250, 120) else row for row in ROWS] + HUNAN_COUNTIES[:2]
    assert verdict_on(rows, base_cells, tuple(c for c in COVERED if c != "430204")).ok
    assert not verdict_on(rows, base_cells).ok


def test_three_nights_of_the_toy_publisher_pass(three_nights) -> None:
    verdict = audit(three_nights.rows, three_nights.base_cells, covered=toy.COVERED, mnos=toy.MNOS, plant=False)
    assert verdict.ok, verdict.text()
    assert verdict.counts["withheld_cells"] > 100


def test_an_empty_release_passes() -> None:
    """A root of fewer than k: nothing is published."""
    base_cells = {("420102", "430102"): persons(12)}
    assert toy.publish(base_cells, COVERED) == []
    assert verdict_on([], base_cells).ok


def test_equations_add_up(three_nights) -> None:
    """A naive threshold on random tables: the terms of each equation give its result."""
    import re

    rng = np.random.default_rng(3)
    base_cells = toy.random_base_cells(rng, 6.0)
    shown = toy.publish(base_cells, toy.COVERED)
    rests = [row for row in shown if row[3].startswith("rest_of_") or row[1].startswith("rest_of_")]
    without_rests = [row for row in shown if row not in rests]
    small = [(*row[:4], row[4]) for row in without_rests]
    verdict = verdict_on(small, base_cells, toy.COVERED)
    for finding in verdict.findings:
        if finding.code == "A1" and " - " in finding.equation:
            left, right = finding.equation.split(" = ")[:2]
            numbers = [int(n) for n in re.findall(r"(\d+) [\[(]", left)]
            assert numbers[0] - sum(numbers[1:]) == int(right.split()[0])

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
from popflow.audit import Candidate, Verdict, audit
from popflow.contracts import Area
from popflow.disclosure import EarlierRelease, ProtectedTable, correction, feasibility
from popflow.errors import PopflowError

DATE = dt.date(2020, 1, 10)
PLACE = ["origin_level", "origin_code", "destination_level", "destination_code", "persons"]


def exact(base_cells: dict) -> pd.DataFrame:
    """flows_exact of base cells as the toy publisher has them."""
    columns = {"origin_code": "origin_county", "destination_code": "destination_county"}
    return (
        toy.base_cells_frame(base_cells, DATE)
        .rename(columns=columns)
        .drop(columns=["date", "change", "against_release"])
    )


def protected(base_cells: dict, date: dt.date = DATE, **changes) -> ProtectedTable:
    known = contracts.load()
    given = {"areas": known.areas, "rules": known.disclosure, "covered_counties": COVERED, "mnos": toy.MNOS}
    given |= {"release": 1, "indicator": known.headline, "date": date}
    return disclosure.protect_flows(exact(base_cells), **(given | changes))


def verdict_on(tables: list[ProtectedTable], rows: pd.DataFrame | None = None, **options) -> Verdict:
    history = pd.concat([table.rows for table in tables], ignore_index=True) if rows is None else rows
    base_cells = pd.concat([table.base_cells for table in tables], ignore_index=True)
    return audit(history, base_cells, **({"covered": COVERED, "mnos": toy.MNOS, "plant": False} | options))


def night(seed: int, scale: float) -> dict:
    return toy.random_base_cells(np.random.default_rng(seed), scale, COVERED)


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
    base_cells = night(seed, scale)
    table = protected(base_cells)
    if table.rows.empty:
        return
    rows = table.rows.drop(index=data.draw(st.integers(0, len(table.rows) - 1)))
    if verdict_on([table], rows).ok:
        assert not small_groups(list(rows[PLACE].itertuples(index=False, name=None)), base_cells)


@settings(max_examples=10, deadline=None, derandomize=True)
@nights
def test_a_value_off_by_one_is_caught(seed: int, scale: float, data: st.DataObject) -> None:
    table = protected(night(seed, scale))
    rows = table.rows
    if rows.empty:
        return
    rows.loc[data.draw(st.integers(0, len(rows) - 1)), "persons"] += data.draw(st.sampled_from([-1, 1]))
    assert not verdict_on([table], rows).ok


@settings(max_examples=5, deadline=None, derandomize=True)
@nights
def test_counties_that_could_be_left_and_not_reached_are_no_children_where_nobody_can_go(
    seed: int, scale: float, data: st.DataObject
) -> None:
    """Somebody was in 430104 the day before, when its cell fell silent: it can be left, and is not a destination."""
    base_cells = {cell: values for cell, values in night(seed, scale).items() if cell[1] != "430104"}
    there = tuple(code for code in COVERED if code != "430104")
    table = protected(base_cells, covered_counties=there, covered_before=COVERED)
    verdict = verdict_on([table], covered=there, covered_before=COVERED)
    assert verdict.ok, verdict.text()


def changed(rng: np.random.Generator, base_cells: dict, persons: int) -> tuple[dict, dict, dict]:
    """Atoms after so many persons joined some cells and left some; who joined and who left."""
    cells = sorted(base_cells)
    joined: Counter = Counter()
    left: Counter = Counter()
    for moved, size in ((joined, persons), (left, persons // 2)):
        for i in rng.choice(len(cells), max(1, len(cells) // 8), replace=False):
            moved[cells[i]] += toy.persons(size)[0]
    left = Counter({cell: min(number, base_cells[cell][1]) for cell, number in left.items()})
    joined_base_cells = {cell: toy.persons(number) for cell, number in joined.items() if number}
    left_base_cells = {
        cell: (number, number, *(min(number, part) for part in base_cells[cell][2:]))
        for cell, number in left.items()
        if number
    }
    now = {}
    for cell in cells:
        zero = (0,) * 5
        values = (
            np.array(base_cells[cell]) + joined_base_cells.get(cell, zero) - np.array(left_base_cells.get(cell, zero))
        )
        registered = max(int(values[1]), 0)
        now[cell] = (int(values[0]), registered, *(min(max(int(part), 0), registered) for part in values[2:]))
    return now, joined_base_cells, left_base_cells


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, 100_000), st.sampled_from([8.0, 30.0]), st.sampled_from([1, 25, 60]))
def test_a_correction_that_the_gate_passes_the_auditor_passes(seed: int, scale: float, persons: int) -> None:
    """Also where it shows less than before, since somebody was withheld then."""
    rng, base_cells = np.random.default_rng(seed), night(seed, scale)
    first = protected(base_cells)
    now, joined, left = changed(rng, base_cells, persons)
    moved = [
        toy.base_cells_frame(part, DATE, change=change) for part, change in ((joined, "joined"), (left, "left")) if part
    ]
    changes = pd.concat(moved, ignore_index=True).drop(columns=["indicator", "date", "release"])
    try:
        second = protected(now, release=2, earlier=[EarlierRelease(1, first.rows, changes)])
    except PopflowError:
        return
    verdict = verdict_on([first, second])
    assert verdict.ok, verdict.text()


def test_who_was_withheld_before_stays_so_however_many_and_is_no_child_that_joined() -> None:
    """15 to 430102 stood in a rest of four; 45 more came late, and the 60 stay there beside a shown 62 and 80."""
    to = ("430102", "430103", "430104", "430105", "430106", "430107")
    covered = ("420102", "420202", *to, "440103")
    base_cells = {("420102", d): toy.persons(n) for d, n in zip(to, (15, 8, 9, 10, 62, 80), strict=True)}
    base_cells |= {("420102", "440103"): toy.persons(200), ("420202", "430102"): toy.persons(200)}
    base_cells |= {("420102", "420202"): toy.persons(200), ("420202", "420102"): toy.persons(200)}
    first = protected(base_cells, covered_counties=covered)
    late = {("420102", "430102"): toy.persons(45)}
    changes = toy.base_cells_frame(late, DATE, change="joined").drop(columns=["indicator", "date", "release"])
    earlier = [EarlierRelease(1, first.rows, changes)]
    more = base_cells | {("420102", "430102"): toy.persons(60)}
    second = protected(more, covered_counties=covered, release=2, earlier=earlier)
    rest = second.rows.query("origin_code == '420100' and destination_code == 'rest_of_430100'")
    assert rest["persons"].tolist() == [87]
    verdict = verdict_on([first, second], covered=covered)
    assert verdict.ok, verdict.text()


HUNAN = Area(level="province", code="430000", name_zh="湖南", name_en="Hunan")


@pytest.fixture(scope="module")
def two_areas() -> dict[str, Area]:
    return contracts.load().areas | {"hunan": HUNAN}


def two_provinces(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return toy.random_base_cells(rng, 8.0) | toy.random_base_cells(rng, 8.0, province="43")


@pytest.mark.parametrize("seed", range(3))
def test_with_two_areas_a_night_passes_and_every_planted_leak_is_caught(two_areas: dict[str, Area], seed: int) -> None:
    table = protected(two_provinces(seed), areas=two_areas, covered_counties=toy.COVERED)
    assert {"hubei", "hunan"} <= set(table.rows["origin_code"])
    nothing = table.rows.iloc[:0]
    candidate = Candidate(table.rows, table.base_cells)
    options = {"covered": toy.COVERED, "mnos": toy.MNOS, "areas": two_areas}
    verdict = audit(nothing, table.base_cells.iloc[:0], candidate=candidate, seed=seed, **options)
    assert verdict.ok, verdict.text()
    assert {leak.outcome for leak in verdict.planted} <= {"caught", "not applicable"}
    assert sum(leak.outcome == "caught" for leak in verdict.planted) >= 11
    assert any("hubei" in leak.where for leak in verdict.planted)
    assert any("hunan" in leak.where for leak in verdict.planted)


def test_a_finding_in_any_chain_stops_the_date(two_areas: dict[str, Area]) -> None:
    table = protected(two_provinces(1), areas=two_areas, covered_counties=toy.COVERED)
    for origin in ("420100", "430100"):
        rows = table.rows
        rows.loc[rows.index[rows["origin_code"] == origin][0], "persons"] += 1
        verdict = verdict_on([table], rows, areas=two_areas, covered=toy.COVERED)
        assert not verdict.ok
        assert not verdict.good


def test_a_rest_that_stopped_growing_at_five_is_found_in_a_release(monkeypatch) -> None:
    """Four 19s and a 20 beside 25 and 60: the gate shows none of the seven; one that asks up to four shows two."""
    to = ("430102", "430103", "430104", "430105", "430106", "430107", "430108")
    covered = ("420102", "420202", *to, "440103")
    base_cells = {("420102", d): toy.persons(n) for d, n in zip(to, (19, 19, 19, 19, 20, 25, 60), strict=True)}
    base_cells |= {("420102", "440103"): toy.persons(200), ("420202", "430102"): toy.persons(200)}
    base_cells |= {("420102", "420202"): toy.persons(200), ("420202", "420102"): toy.persons(200)}
    table = protected(base_cells, covered_counties=covered)
    assert "430108" not in set(table.rows["destination_code"])
    assert verdict_on([table], covered=covered).ok
    rule = feasibility.Determined.__call__

    def up_to_four(self, siblings, families, withheld, grown):
        return rule(self, siblings, families, withheld, grown) & (withheld <= 4)

    monkeypatch.setattr(feasibility.Determined, "__call__", up_to_four)
    careless = protected(base_cells, covered_counties=covered)
    assert {"430107", "430108"} <= set(careless.rows["destination_code"])
    verdict = verdict_on([careless], covered=covered)
    assert "rest_of_430100] = 96 hides 5 children" in verdict.text()
    assert {finding.code for finding in verdict.findings} == {"A3", "A4"}


def test_a_sensitive_county_is_found_at_every_level_at_which_it_is_alone() -> None:
    """From Wuhan, all that is inside the province is 420202; its prefecture and its side of the border tell of it."""
    to = {"420202": 60, "430102": 50, "430103": 40, "430202": 70}
    base_cells = {("420102", code): toy.persons(number) for code, number in to.items()}
    places = {"covered_counties": tuple(to), "covered_before": ("420102",)}
    given = {"covered": places["covered_counties"], "covered_before": places["covered_before"]}
    rules = contracts.load().disclosure.model_copy(update={"sensitive_counties": ["420202"]})
    blind = verdict_on([protected(base_cells, **places)], rules=rules, **given).text()
    for place in ("border inside_420000", "province 420000", "prefecture 420200", "county 420202"):
        assert f"{place}]: a sensitive county is shown alone" in blind
    assert verdict_on([protected(base_cells, rules=rules, **places)], rules=rules, **given).ok


def test_a_correction_after_a_release_without_rows_passes_both() -> None:
    """An empty first release withheld nothing by name: the second is a first one to its readers."""
    few = {("420102", "430102"): toy.persons(15)}
    first = protected(few)
    assert first.status == "empty"
    late = {("420102", code): toy.persons(60) for code in ("430103", "430202")}
    changes = toy.base_cells_frame(late, DATE, change="joined").drop(columns=["indicator", "date", "release"])
    second = protected(few | late, release=2, earlier=[EarlierRelease(1, first.rows, changes)])
    assert second.status == "released"
    verdict = verdict_on([first, second])
    assert verdict.ok, verdict.text()


def test_a_child_that_went_into_the_rest_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """430102 had 39 and 20 left in all; beside a shown 62 and 80 it stands in the rest now: it has 19."""
    to = ("430102", "430103", "430104", "430105", "430106", "430107")
    covered = ("420102", "420202", *to, "440103")
    base_cells = {("420102", d): toy.persons(n) for d, n in zip(to, (39, 8, 9, 15, 62, 80), strict=True)}
    base_cells |= {("420102", "440103"): toy.persons(200), ("420202", "430102"): toy.persons(200)}
    base_cells |= {("420102", "420202"): toy.persons(200), ("420202", "420102"): toy.persons(200)}
    first = protected(base_cells, covered_counties=covered)
    went = toy.base_cells_frame({("420102", "430102"): toy.persons(20)}, DATE, change="left")
    earlier = [EarlierRelease(1, first.rows, went.drop(columns=["indicator", "date", "release"]))]
    options = {"covered_counties": covered, "release": 2, "earlier": earlier}
    now = base_cells | {("420102", "430102"): toy.persons(19)}
    verdict = verdict_on([first, protected(now, **options)], covered=covered)
    assert verdict.ok, verdict.text()
    monkeypatch.setattr(correction.Changes, "__call__", lambda _, step, folded: np.zeros(len(folded.shown), dtype=bool))
    leaky = protected(now, **options)
    assert "rest_of_430100" in set(leaky.rows.query("origin_code == '420100'")["destination_code"])
    assert (
        "[prefecture 420100 -> county 430102] is withheld beside" in verdict_on([first, leaky], covered=covered).text()
    )

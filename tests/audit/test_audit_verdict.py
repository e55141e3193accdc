"""The audit fails closed, is bound to what it saw, and does not do twice what it did before."""

from __future__ import annotations

import ast
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy_publisher as toy
from test_audit_differences import BASE_CELLS, COVERED, HUNAN_COUNTIES, ROWS
from toy_history import Toy

import popflow.audit
from popflow.audit import Candidate, Verdict, audit, audited_digest

DATE = dt.date(2020, 1, 10)


def verdict_on(rows: pd.DataFrame, base_cells: object = None, **options) -> Verdict:
    base_cells = toy.base_cells_frame(BASE_CELLS, DATE) if base_cells is None else base_cells
    return audit(rows, base_cells, **({"covered": COVERED, "mnos": toy.MNOS, "plant": False} | options))


@pytest.fixture
def rows() -> pd.DataFrame:
    return toy.flows_frame(ROWS + HUNAN_COUNTIES, DATE)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: rows.assign(indicator="inflow"), "indicator 'inflow' is unknown"),
        (lambda rows: rows.assign(share=0.5), "columns differ from the contract flows: share"),
        (lambda rows: rows.drop(columns="definition"), "columns differ from the contract flows: definition"),
        (lambda rows: rows.assign(persons=rows["persons"].astype(float)), "persons is not of whole numbers"),
        (lambda rows: rows.assign(persons=rows["persons"].where(rows.index > 0)), "persons has nulls"),
        (lambda rows: rows.assign(release=0), "a release below 1"),
        (lambda rows: rows.assign(date="2020-01-10"), "date is not of dates"),
        (lambda rows: rows.assign(origin_code=420100), "origin_code is not of text"),
        (lambda rows: rows.assign(destination_level="township"), "is not a cell of the chain that night"),
        (lambda rows: rows.assign(definition=[f"day-end-{i % 2}" for i in rows.index]), "more than one definition"),
    ],
)
def test_what_is_not_known_is_not_ok(rows: pd.DataFrame, change, text: str) -> None:
    verdict = verdict_on(change(rows))
    assert not verdict.ok
    assert text in verdict.text()


def _negative(base_cells: pd.DataFrame) -> pd.DataFrame:
    return base_cells.assign(persons=-base_cells["persons"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda base_cells: base_cells.iloc[:0], "is published as 440, base_cells 0"),
        (lambda base_cells: base_cells.iloc[1:], "base_cells"),
        (_negative, "negative"),
        (lambda base_cells: pd.concat([base_cells, base_cells.iloc[:1]]), "stands twice"),
        (
            lambda base_cells: base_cells.assign(persons_registered=base_cells["persons"] + 1),
            "more registered persons than persons",
        ),
        (
            lambda base_cells: base_cells.assign(persons_without=[{"mobile": 1}] * len(base_cells)),
            "other MNOs than the release",
        ),
        (lambda base_cells: base_cells.assign(change="moved"), "unknown change moved"),
        (lambda base_cells: base_cells.drop(columns="persons_registered"), "persons_registered is missing"),
        (lambda base_cells: base_cells.assign(persons=base_cells["persons"] * 1.0), "not of whole numbers"),
        (lambda base_cells: base_cells.assign(destination_code="420103"), "within a prefecture"),
        (
            lambda base_cells: base_cells.assign(origin_code="710102", destination_code="420102").iloc[:1],
            "belongs to no chain",
        ),
    ],
)
def test_base_cells_that_cannot_be_believed_are_not_ok(rows: pd.DataFrame, change, text: str) -> None:
    verdict = verdict_on(rows, change(toy.base_cells_frame(BASE_CELLS, DATE)))
    assert not verdict.ok
    assert text in verdict.text() or "stands twice" in verdict.text()


def test_base_cells_that_cannot_be_loaded_are_not_ok(rows: pd.DataFrame) -> None:
    def load(*_: object) -> pd.DataFrame:
        raise OSError("secret 1234567")

    verdict = verdict_on(rows, load)
    assert [finding.code for finding in verdict.findings] == ["A8"]
    assert "OSError" in verdict.text()
    assert "1234567" not in verdict.text()


@pytest.mark.parametrize("unknown", ["covered", "mnos"])
def test_a_night_about_which_nothing_is_known_is_not_ok(rows: pd.DataFrame, unknown: str) -> None:
    verdict = verdict_on(rows, **{unknown: {dt.date(2020, 2, 1): ("420102",)}})
    assert not verdict.ok
    assert "are not known" in verdict.text()


def test_without_time_there_is_no_verdict(rows: pd.DataFrame) -> None:
    verdict = verdict_on(rows, time_limit_s=0)
    assert not verdict.ok
    assert verdict.findings[-1].code == "A8"


def test_a_planted_leak_that_is_missed_is_a_failure(rows: pd.DataFrame, monkeypatch) -> None:
    from popflow.audit import planted

    monkeypatch.setattr(planted, "_new_findings", lambda *_: [])
    verdict = verdict_on(rows, plant=True)
    assert not verdict.ok
    assert {finding.code for finding in verdict.findings} == {"A7"}


def test_every_planted_leak_is_caught_wherever_it_is(three_nights: Toy) -> None:
    for seed in range(2):
        verdict = audit(three_nights.rows, three_nights.base_cells, covered=toy.COVERED, mnos=toy.MNOS, seed=seed)
        assert verdict.ok, verdict.text()
        outcomes = [leak.outcome for leak in verdict.planted]
        assert len(outcomes) == 13
        assert outcomes.count("caught") >= 11
        assert "missed" not in outcomes


def test_the_digest_is_of_what_was_audited(three_nights: Toy) -> None:
    candidate = Candidate(toy.flows_frame(ROWS + HUNAN_COUNTIES, DATE), toy.base_cells_frame(BASE_CELLS, DATE))
    nothing = three_nights.rows.iloc[:0]
    verdict = verdict_on(nothing, three_nights.base_cells.iloc[:0], candidate=candidate, history_version=7)
    assert verdict.ok, verdict.text()
    rows, base_cells = candidate.rows, candidate.base_cells
    assert verdict.digest == audited_digest(rows, base_cells, 7)
    shuffled = rows.sample(frac=1, random_state=1)[list(rows.columns[::-1])]
    assert verdict.digest == audited_digest(shuffled, base_cells.sample(frac=1, random_state=2), 7)
    as_lists = base_cells.assign(persons_without=[list(one.items())[::-1] for one in base_cells["persons_without"]])
    assert verdict.digest == audited_digest(rows, as_lists, 7)
    assert verdict.digest != audited_digest(rows, base_cells, 8)
    assert verdict.digest != audited_digest(rows.iloc[1:], base_cells, 7)
    assert verdict.digest != audited_digest(rows.assign(persons=rows["persons"] + (rows.index == 3)), base_cells, 7)
    other = base_cells.assign(persons_without=[{**one, "mobile": 0} for one in base_cells["persons_without"]])
    assert verdict.digest != audited_digest(rows, other, 7)


def test_what_was_found_good_is_not_attacked_again(three_nights: Toy) -> None:
    loaded = []

    def load(_indicator: str, date: dt.date, _release: int) -> pd.DataFrame:
        loaded.append(date)
        return three_nights.base_cells[three_nights.base_cells["date"] == date]

    options = {"covered": toy.COVERED, "mnos": toy.MNOS, "plant": False}
    first = audit(three_nights.rows, load, **options)
    assert first.ok
    assert len(loaded) == 3
    again = audit(three_nights.rows, load, known=first.good, **options)
    assert again.ok
    assert again.good == first.good
    assert (again.counts["skipped"], "parts" in again.counts) == (3, False)


def test_rows_that_are_not_those_that_were_audited_are_a_failure(three_nights: Toy) -> None:
    """Even where what they say now would pass, and without their base cells; and so are rows that are missing."""
    options = {"covered": toy.COVERED, "mnos": toy.MNOS, "plant": False}
    rows, dates = three_nights.rows, sorted(set(three_nights.rows["date"]))
    known = audit(rows, three_nights.base_cells, **options).good
    fewer = rows[(rows["date"] != dates[0]) | (rows["origin_level"] != "county")]
    assert audit(fewer, three_nights.base_cells, gone=dates, **options).ok
    verdict = audit(fewer, three_nights.base_cells, gone=dates, known=known, **options)
    assert "are not those that were audited" in verdict.text()
    assert set(verdict.good) == set(dates[1:])
    none = rows[rows["date"] != dates[1]]
    assert (
        f"{dates[1]} outflow hubei release 1: rows that were audited"
        in audit(none, three_nights.base_cells, known=known, **options).text()
    )


def test_without_base_cells_all_that_the_rows_say_is_still_looked_at(rows: pd.DataFrame) -> None:
    """And the verdict says of which dates that was."""
    nothing = toy.base_cells_frame(BASE_CELLS, DATE).iloc[:0]
    verdict = verdict_on(rows, nothing, gone=[DATE])
    assert verdict.ok, verdict.text()
    assert "1 dates, 2020-01-10 to 2020-01-10, were looked at by their rows alone" in verdict.text()
    off = rows.assign(persons=rows["persons"] + (rows["destination_code"] == "430200"))
    assert "is not the sum of its children" in verdict_on(off, nothing, gone=[DATE]).text()
    orphan = rows[rows["destination_code"] != "430200"]
    assert "which is not shown" in verdict_on(orphan, nothing, gone=[DATE]).text()
    below = rows.assign(persons=rows["persons"].where(rows["destination_code"] != "430204", 12))
    assert "below 20" in verdict_on(below, nothing, gone=[DATE]).text()
    assert not verdict_on(rows, nothing).ok  # base cells that should be there are another matter


def test_rows_published_under_earlier_rules_are_counted_and_not_attacked(rows: pd.DataFrame) -> None:
    old = pd.concat([rows.iloc[:3].assign(indicator="stock"), rows.iloc[:1].assign(indicator="outflow_block")])
    verdict = verdict_on(pd.concat([rows, old], ignore_index=True))
    assert verdict.ok, verdict.text()
    assert "4 rows of outflow_block and stock are not attacked" in verdict.text()
    assert verdict.counts["rows"] == len(rows)


@pytest.mark.parametrize("indicator", ["stock", "outflow_block", "inflow"])
def test_nothing_else_is_published_any_more(rows: pd.DataFrame, indicator: str) -> None:
    candidate = Candidate(rows.assign(indicator=indicator), toy.base_cells_frame(BASE_CELLS, DATE, indicator))
    verdict = verdict_on(rows.iloc[:0], candidate=candidate)
    assert [finding.code for finding in verdict.findings] == ["A6"]


@pytest.mark.parametrize("release", [2, 3])
def test_a_third_release_of_a_date_is_refused(three_nights: Toy, release: int) -> None:
    nothing = three_nights.rows.iloc[:0]
    rows, base_cells = toy.flows_frame(ROWS, DATE), toy.base_cells_frame(BASE_CELLS, DATE)
    candidate = Candidate(rows.assign(release=release), base_cells.assign(release=release))
    verdict = verdict_on(nothing, three_nights.base_cells.iloc[:0], candidate=candidate)
    said = [finding.equation for finding in verdict.findings if "corrected once" in finding.equation]
    assert said == (["a date is corrected once, and this would be its third release"] if release == 3 else [])


def test_a_candidate_is_attacked_whatever_was_found_good(rows: pd.DataFrame) -> None:
    """Rows that were found good once, with base cells that do not bear them out."""
    nothing, good = rows.iloc[:0], Candidate(rows, toy.base_cells_frame(BASE_CELLS, DATE))
    first = verdict_on(nothing, good.base_cells.iloc[:0], candidate=good)
    assert first.ok
    other = Candidate(rows, toy.base_cells_frame(BASE_CELLS | {("420102", "430202"): (40, 3, 3, 3, 3)}, DATE))
    assert not verdict_on(nothing, good.base_cells.iloc[:0], candidate=other, known=first.good).ok


def test_a_summary_names_no_figure(rows: pd.DataFrame) -> None:
    verdict = verdict_on(rows.assign(persons=rows["persons"] + 1001))
    assert "1001" not in verdict.summary()
    assert "A6" in verdict.summary()


def test_columns_by_mno_are_the_same_as_a_map(rows: pd.DataFrame) -> None:
    base_cells = toy.base_cells_frame(BASE_CELLS, DATE)
    wide = pd.DataFrame(base_cells["persons_without"].tolist()).add_prefix("without_")
    verdict = verdict_on(rows, base_cells.drop(columns="persons_without").join(wide))
    assert verdict.ok, verdict.text()


def test_the_attacker_imports_nothing_that_protects() -> None:
    for path in Path(popflow.audit.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.startswith(("popflow.disclosure", "popflow.movement")) for name in names), path


def test_random_nights_pass() -> None:
    """What follows the rules passes, whatever the numbers."""
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        base_cells = toy.random_base_cells(rng, float(rng.choice([1.0, 3.0, 10.0, 40.0])))
        frame = toy.flows_frame(toy.publish(base_cells, toy.COVERED), DATE)
        verdict = verdict_on(frame, toy.base_cells_frame(base_cells, DATE), covered=toy.COVERED)
        assert verdict.ok, verdict.text()

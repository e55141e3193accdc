"""Rows of other groupings beside the chain's: what only all of them together give away."""

from __future__ import annotations

import datetime as dt

import toy_publisher as toy
from toy_publisher import persons

from popflow.audit import audit, linked

DATE = dt.date(2020, 1, 10)
COVERED = ("420102", "420103", "420202", "430102", "430103", "440103")
BASE_CELLS = {
    ("420102", "430102"): persons(25),
    ("420102", "430103"): persons(35),
    ("420103", "430102"): persons(35),
    ("420103", "430103"): persons(5),
    ("420202", "430102"): persons(100),
    ("420102", "440103"): persons(100),
    ("420102", "420202"): persons(100),
    ("420202", "420103"): persons(100),
}
MARGIN = ("county", "420102", "prefecture", "430100", 60)


def verdict_on(*strays: tuple):
    rows = toy.publish(BASE_CELLS, COVERED)
    assert ("prefecture", "420100", "county", "430102", 60) in rows
    frame = toy.flows_frame([*rows, *(row for row in strays if row not in rows)], DATE)
    return audit(frame, toy.base_cells_frame(BASE_CELLS, DATE), covered=COVERED, mnos=toy.MNOS, plant=False)


def test_the_chain_alone_passes() -> None:
    assert verdict_on().ok, verdict_on().text()


def test_a_hundred_less_sixty_less_sixty_plus_twenty_five() -> None:
    """100 less 60 to 430102 are the 40 to 430103; 60 less 25 of 420102 went there; 40 - 60 + 25 = 5 others did."""
    text = verdict_on(MARGIN).text()
    assert (
        "40 [prefecture 420100 -> county 430103] + 25 [county 420102 -> county 430102] - "
        "60 [county 420102 -> prefecture 430100] = 5 persons"
    ) in text or (
        "25 [county 420102 -> county 430102] + 40 [prefecture 420100 -> county 430103] - "
        "60 [county 420102 -> prefecture 430100] = 5 persons"
    ) in text


def test_a_total_over_origins_less_the_origins_shown() -> None:
    """All of Hubei to a county, less what Wuhan and Huangshi are shown with, is 0 here: no group."""
    verdict = verdict_on(("area", "hubei", "county", "430102", 160))
    assert {finding.code for finding in verdict.findings} == {"A6"}


def test_a_component_too_large_is_a_failure(monkeypatch) -> None:
    monkeypatch.setattr(linked, "MOST_CLASSES", 1)
    assert "more than the 1 that are worked out" in verdict_on(MARGIN).text()


def test_a_label_that_cannot_be_read_is_a_failure() -> None:
    verdict = verdict_on(("planet", "earth", "all", "all", 500))
    assert any(finding.code == "A6" for finding in verdict.findings)

"""Corrections: a later release beside the earlier ones."""

import pandas as pd
import pytest
from exact_tables import MNOS, moves, shown

from popflow.disclosure import EarlierRelease, ProtectedTable
from popflow.errors import PopflowError

WUHAN = ("prefecture", "420100")
OTHERS = """
420502 430102 200
420502 420102 200
420102 420502 200
420102 430202 90
420502 430202 90
"""
FIRST = "420102 430102 100\n420102 430103 80\n420102 430104 70\n420102 430105 60\n420102 430111 30" + OTHERS


def after(text: str, **persons: int) -> str:
    """The table with other numbers for Wuhan's flows to some counties of Changsha."""
    numbers = {name.removeprefix("to_"): n for name, n in persons.items()}
    lines = [line.split() for line in text.strip().splitlines()]
    return "\n".join(f"{o} {d} {numbers.get(d, n) if o == '420102' else n}" for o, d, n in lines)


def changes(joined: str = "", left: str = "") -> pd.DataFrame:
    parts = [moves(text).assign(change=change) for change, text in (("joined", joined), ("left", left)) if text]
    frame = pd.concat(parts) if parts else moves("").assign(change="")
    return frame.rename(columns={"origin_county": "origin_code", "destination_county": "destination_code"})


def corrected(protect, first: ProtectedTable, text: str, **change: str) -> ProtectedTable:
    earlier = EarlierRelease(1, first.rows, changes(**change))
    return protect(moves(text), release=2, earlier=[earlier])


def counties(table: ProtectedTable) -> dict[str, int]:
    return {key[3]: n for key, n in shown(table).items() if key[:3] == (*WUHAN, "county") and "301" in key[3]}


@pytest.fixture
def first(protect) -> ProtectedTable:
    return protect(moves(FIRST))


def test_a_large_group_may_join(protect, first):
    second = corrected(protect, first, after(FIRST, to_430102=120), joined="420102 430102 20")
    assert counties(second) == counties(first) | {"430102": 120}
    changed = second.base_cells[second.base_cells["change"] == "joined"]
    assert changed["persons"].tolist() == [20]
    assert changed["against_release"].tolist() == [1]


def test_a_small_group_in_a_large_change_hides_the_children(protect, first):
    """40 joined Changsha, 21 and 19 of them its two counties: Changsha is shown and its counties are not."""
    text = after(FIRST, to_430102=121, to_430103=99)
    second = corrected(protect, first, text, joined="420102 430102 21\n420102 430103 19")
    assert counties(first)
    assert counties(second) == {}
    assert shown(second)[(*WUHAN, "prefecture", "430100")] == 380


def test_a_change_of_few_is_refused_at_the_root(protect, first):
    with pytest.raises(PopflowError, match="correction refused"):
        corrected(protect, first, after(FIRST, to_430102=119), joined="420102 430102 19")


def test_joined_and_left_are_looked_at_apart(protect, first):
    """25 joined and 22 left: 3 more are not a group, but 15 who left are one."""
    more = after(FIRST, to_430102=103)
    fine = corrected(protect, first, more, joined="420102 430102 25", left="420102 430102 22")
    assert counties(fine)["430102"] == 103
    with pytest.raises(PopflowError, match="correction refused"):
        corrected(protect, first, after(FIRST, to_430102=110), joined="420102 430102 25", left="420102 430102 15")


def test_a_change_without_an_mno_must_be_large_too(protect, first):
    joined = "420102 430102 30 30 9 30 30"
    with pytest.raises(PopflowError, match="correction refused"):
        corrected(protect, first, after(FIRST, to_430102=130), joined=joined)


def test_a_correction_shows_nothing_that_an_earlier_release_withheld(protect):
    """Were 430111 shown now, 110 - 100 = 10 would be what it had before, if nothing else had changed."""
    before = after(FIRST, to_430111=10, to_430105=50, to_430104=50)
    first = protect(moves(before))
    assert counties(first) == {"430102": 100, "430103": 80, "rest_of_430100": 110}
    text = after(before, to_430111=40)
    assert counties(protect(moves(text)))["430111"] == 40
    second = corrected(protect, first, text, joined="420102 430111 30")
    assert counties(second) == {"430102": 100, "430103": 80, "rest_of_430100": 140}


def test_a_correction_shows_the_very_children_of_before_or_none(protect):
    """20 left in all, and 39 are too few to be shown now: were 430102 put into the rest alone, it would have 19."""
    before = after(FIRST, to_430102=39, to_430104=19, to_430105=10, to_430111=5)
    first = protect(moves(before))
    assert counties(first) == {"430102": 39, "430103": 80, "rest_of_430100": 34}
    second = corrected(protect, first, after(before, to_430102=19), left="420102 430102 20")
    assert counties(protect(moves(after(before, to_430102=19)))) == {"430103": 80, "rest_of_430100": 53}
    assert counties(second) == {}
    assert shown(second)[(*WUHAN, "prefecture", "430100")] == 133


def test_an_empty_release_shows_nothing_to_compare_with(protect):
    first = protect(moves("420102 430102 5"))
    second = corrected(protect, first, after(FIRST, to_430102=105), joined=FIRST)
    assert first.status == "empty"
    assert counties(second)["430102"] == 105


def test_a_date_is_corrected_once(protect, first):
    releases = [EarlierRelease(1, first.rows, changes(joined="420102 430102 50")),
                EarlierRelease(2, first.rows, changes(joined="420102 430102 25"))]  # fmt: skip
    with pytest.raises(PopflowError, match=r"corrected before \(release 2\), and a date is corrected once"):
        protect(moves(after(FIRST, to_430102=125)), release=3, earlier=releases)


def test_changes_outside_of_what_is_covered_are_refused(protect, first):
    with pytest.raises(PopflowError, match="covered_counties"):
        corrected(protect, first, after(FIRST, to_430102=80), left="420102 430102 20\n420102 650102 30")


def test_the_mnos_are_those_of_the_night(protect, first):
    assert first.mnos == tuple(MNOS)


def test_what_one_mno_alone_delivered_late_is_refused(protect, first):
    """All 45 have a SIM at telecom: who is telecom would read its own count, and know that nobody else changed."""
    with pytest.raises(PopflowError, match="all who joined or left have a SIM at telecom"):
        corrected(protect, first, after(FIRST, to_430102=145), joined="420102 430102 45 45 30 30 0")
    ten_others = corrected(protect, first, after(FIRST, to_430102=145), joined="420102 430102 45 45 30 30 10")
    assert counties(ten_others)["430102"] == 145


def test_a_release_without_an_mno_cannot_be_mended(protect, first):
    earlier = EarlierRelease(1, first.rows, changes(joined="420102 430102 90"), mnos=["mobile", "unicom"])
    with pytest.raises(PopflowError, match=r"differ in telecom.*cannot be mended"):
        protect(moves(after(FIRST, to_430102=190)), release=2, earlier=[earlier])

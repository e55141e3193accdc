"""County codes of December 2019 in the polygons' edition."""

import pandas as pd
import pytest

from popflow.geography import crosswalk
from popflow.geography.counties import county_table


@pytest.fixture(scope="module")
def edition() -> set[str]:
    return set(county_table().county_code)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("420102", "420102"),
        ("421023", "421088"),  # Jianli
        ("220381", "220184"),  # Gongzhuling changed its prefecture
        ("320602", "320613"),
        ("320611", "320613"),
        ("330103", "330105"),
        ("330104", None),  # Jianggan went to two counties of Hangzhou
        ("230711", None),  # Yichun
        ("232762", None),  # Songling has no polygon
        ("710102", None),
        ("999999", None),
    ],
)
def test_an_old_code_has_one_new_code_or_none(old, new):
    assert {one: code for code, olds in crosswalk.predecessors().items() for one in olds}.get(old) == new


def test_every_old_code_is_in_the_edition_or_in_the_crosswalk(edition):
    known = set(crosswalk.crosswalk().old_code.dropna())
    assert set(crosswalk.hierarchy().county_code) - edition - known == set()


def test_every_code_of_the_edition_is_in_the_hierarchy_or_in_the_crosswalk(edition):
    known = set(crosswalk.crosswalk().new_code.dropna())
    assert known - edition == set()
    assert edition - set(crosswalk.hierarchy().county_code) - known == set()


def test_what_is_resolved_lies_in_the_edition(edition):
    assert set(crosswalk.predecessors()) <= edition


def test_each_old_code_has_one_kind():
    assert (crosswalk.crosswalk().groupby("old_code").kind.nunique() == 1).all()


def unresolved() -> pd.DataFrame:
    pairs = crosswalk.crosswalk()
    return pairs[~pairs.kind.isin(crosswalk.RESOLVED)]


def test_hubei_has_nothing_unresolved():
    for codes in (unresolved().old_code, unresolved().new_code):
        assert not codes.fillna("").str.startswith("42").any()


def test_the_unresolved_are_these_and_each_has_a_reason():
    mainland = unresolved().query("kind != 'excluded'")
    old = ["130521", "230711", "230781", "330104", "330109", "330110", "654202", "232762"]
    assert list(dict.fromkeys(mainland.old_code.dropna())) == old
    assert (unresolved().kind == "excluded").sum() == 40
    assert unresolved().reason.str.len().min() > 10
    assert mainland.query("old_code == '330104'").new_code.tolist() == ["330102", "330114"]

"""County codes of December 2019 in the polygons' edition."""

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
    assert crosswalk.edition_code(old) == new


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


def test_hubei_has_nothing_unresolved():
    open_codes = crosswalk.unresolved()
    assert not open_codes.old_code.fillna("").str.startswith("42").any()
    assert not open_codes.new_codes.str.contains(r"\b42\d{4}").any()


def test_the_unresolved_are_listed_with_their_reason():
    open_codes = crosswalk.unresolved()
    mainland = open_codes[open_codes.kind != "excluded"]
    assert mainland.old_code.dropna().tolist() == [
        "130521",
        "230711",
        "230781",
        "330104",
        "330109",
        "330110",
        "654202",
        "232762",
    ]
    assert (open_codes.kind == "excluded").sum() == 40
    assert open_codes.reason.str.len().min() > 10
    jianggan = open_codes.set_index("old_code").loc["330104"]
    assert (jianggan.county_name, jianggan.new_codes, jianggan.population) == ("江干区", "330102 330114", 1487787)

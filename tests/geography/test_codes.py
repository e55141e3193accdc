"""Codes of counties, prefectures and provinces."""

import pytest

from popflow.geography.codes import at_level, is_code, prefecture_of, province_of


@pytest.mark.parametrize(
    ("county", "prefecture", "province"),
    [
        ("420102", "420100", "420000"),
        ("429004", "429000", "420000"),  # Xiantao, administered by the province
        ("110101", "110100", "110000"),  # municipalities have one prefecture
        ("500236", "500200", "500000"),  # ... but Chongqing, whose rural counties have a second
        ("441900", "441900", "440000"),  # a prefecture without counties is its own county
    ],
)
def test_a_county_lies_in_one_prefecture_and_one_province(county, prefecture, province):
    assert prefecture_of(county) == prefecture
    assert province_of(county) == province
    assert [at_level(county, level) for level in ("county", "prefecture", "province")] == [county, prefecture, province]


@pytest.mark.parametrize("text", ["42010", "4201020", "42010a", " 420102", "420102\n", "４２０１０２", 420102, None])
def test_what_is_not_six_digits_is_no_code(text):
    assert not is_code(text)


def test_six_digits_are_a_code():
    assert is_code("420102")

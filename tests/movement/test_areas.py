"""Chains of areas, and the expressions that say where a county lies."""

from __future__ import annotations

from popflow.contracts import Area, chains
from popflow.geography.codes import prefecture_of
from popflow.movement.places import lies_in, prefecture


def area(level: str, code: str) -> Area:
    return Area(level=level, code=code, name_zh="x", name_en="x")


WUHAN, HUBEI = area("prefecture", "420100"), area("province", "420000")
WENZHOU = area("prefecture", "330300")


def test_a_province_is_a_chain_and_its_prefectures_are_views_of_it():
    assert list(chains({"wuhan": WUHAN, "hubei": HUBEI, "wenzhou": WENZHOU})) == ["hubei", "wenzhou"]


def test_the_expressions_agree_with_the_codes(spark):
    counties = ["420102", "429004", "110101", "441900", "500236"]
    frame = spark.createDataFrame([(c,) for c in counties], "c string")
    found = frame.select("c", prefecture(frame.c).alias("p"), lies_in(frame.c, HUBEI).alias("h")).collect()
    assert [(row.p, row.h) for row in found] == [(prefecture_of(c), c.startswith("42")) for c in counties]

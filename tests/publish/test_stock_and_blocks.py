"""Stock and blocks as an analyst pulls them: of block ends, each person once, bounds that hold the truth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_reader import COUNTIES, FOUR_WUHAN
from typer.testing import CliRunner

import popflow
import published_lake
from popflow import contracts, disclosure
from popflow.cli import app
from popflow.disclosure import blocks as gate_blocks
from popflow.errors import PopflowError
from popflow.publish import indicators
from popflow.publish.reader import Reader

END, NEXT_END = dt.date(2020, 1, 22), dt.date(2020, 2, 5)
BLOCK = [
    ("area", "hubei", "all", "all", 5000),
    ("area", "hubei", "border", "inside_420000", 2000),
    ("area", "hubei", "border", "outside_420000", 3000),
    ("prefecture", "420100", "border", "outside_420000", 2400),
    ("prefecture", "rest_of_hubei", "border", "outside_420000", 600),
    ("prefecture", "420100", "border", "inside_420000", 1500),
    ("prefecture", "rest_of_hubei", "border", "inside_420000", 500),
    ("prefecture", "420100", "province", "430000", 1400),
    ("prefecture", "420100", "province", "rest_of_outside_420000", 1000),
    ("prefecture", "420100", "prefecture", "430100", 1100),
    ("prefecture", "420100", "prefecture", "rest_of_430000", 300),
]
INNER, OUTER = "stayed_in_wuhan", "stayed_in_hubei_without_wuhan"
STOCK = [
    ("area", "hubei", "all", "all", 16427),
    ("area", INNER, "all", "all", 9237),
    ("area", OUTER, "all", "all", 7190),
    ("area", INNER, "province", "420000", 9000),
    ("area", INNER, "province", "430000", 200),
    ("area", INNER, "province", "rest_of_all", 37),
    ("area", OUTER, "province", "420000", 7000),
    ("area", OUTER, "province", "rest_of_all", 190),
    ("area", INNER, "prefecture", "430100", 160),
    ("area", INNER, "prefecture", "rest_of_430000", 40),
    ("area", INNER, "county", "430102", 125),
    ("area", INNER, "county", "rest_of_430100", 35),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("indicators") / "lake"
    published_lake.write_table(lake, "counties", COUNTIES)
    published_lake.publish(lake, END, BLOCK, indicator="outflow_block")
    published_lake.publish(lake, NEXT_END, BLOCK, indicator="outflow_block")
    published_lake.publish(lake, END, STOCK, indicator="stock")
    published_lake.publish(lake, NEXT_END, STOCK[:3], indicator="stock")
    return lake


@pytest.fixture(scope="module")
def reader(folder: Path) -> Reader:
    return popflow.read(folder)


def figures(frame: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    values = frame[["kind", "destination_code", "persons_at_least", "persons_at_most"]].itertuples(index=False)
    return {(r.kind, r.destination_code): (r.persons_at_least, r.persons_at_most) for r in values}


def test_a_block_ends_when_the_gate_says_so():
    assert (indicators.BLOCK_ANCHOR, indicators.BLOCK_DAYS) == (gate_blocks.BLOCK_ANCHOR, gate_blocks.BLOCK_DAYS)
    names = {indicator.name for indicator in (indicators.OUTFLOW, indicators.BLOCKS, indicators.STOCK)}
    assert names == {disclosure.OUTFLOW, disclosure.OUTFLOW_BLOCK, disclosure.STOCK}


def test_a_block_is_persons_each_once_and_says_of_which_days(reader: Reader):
    frame = reader.blocks("wuhan", days=14, before="2020-01-23")
    assert figures(frame) == {
        ("shown", "430100"): (1100, 1100),
        ("rest", "rest_of_inside_420000"): (1500, 1500),
        ("rest", "rest_of_outside_420000"): (1000, 1000),
        ("rest", "rest_of_430000"): (300, 300),
    }
    assert set(frame["unit"]) == {"persons"}
    assert "once in the block of 14 days (2020-01-09 to 2020-01-22)" in frame.attrs["notices"][0]["en"]


def test_two_blocks_are_no_persons(reader: Reader):
    frame = reader.blocks("wuhan", END, NEXT_END)
    assert figures(frame)["shown", "430100"] == (2200, 2200)
    assert set(frame["unit"]) == {"person-blocks"}
    assert any("twice" in notice["en"] for notice in frame.attrs["notices"])


def test_a_stock_adds_up_to_its_group_and_those_still_there_are_in_it(reader: Reader):
    frame = reader.stock("wuhan", END, END)
    assert figures(frame) == {
        ("shown", "430102"): (125, 125),
        ("rest", "rest_of_420000"): (9000, 9000),
        ("rest", "rest_of_430000"): (40, 40),
        ("rest", "rest_of_all"): (37, 37),
        ("rest", "rest_of_430100"): (35, 35),
    }
    assert frame["persons_at_least"].sum() == 9237
    assert frame.attrs["summary"]["persons_at_most"] == 9237
    assert set(frame["unit"]) == {"persons"}


def test_the_stock_of_a_province_is_that_of_all_its_groups(reader: Reader):
    frame = reader.stock("hubei", END, END, level="province")
    assert figures(frame) == {
        ("shown", "420000"): (16000, 16000),
        ("shown", "430000"): (200, 200 + 190),
        ("rest", "rest_of_all"): (37 + 190, 37 + 190),
    }
    assert frame["persons_at_least"].sum() == 16427


def test_a_stock_by_group(reader: Reader):
    frame = reader.stock("hubei", END, END, level="province", by_origin=True)
    shown = frame[frame["kind"] == "shown"]
    found = dict(
        zip(zip(shown["origin_code"], shown["destination_code"], strict=True), shown["persons_at_least"], strict=True)
    )
    assert found == {(INNER, "420000"): 9000, (OUTER, "420000"): 7000, (INNER, "430000"): 200}


def test_a_stock_without_places_still_has_its_sum_and_says_that_nothing_is_shown_by_county(reader: Reader):
    frame = reader.stock("wuhan", NEXT_END, NEXT_END)
    assert figures(frame) == {("rest", "rest_of_all"): (9237, 9237)}
    assert any("Nothing is shown by county" in notice["en"] for notice in frame.attrs["notices"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"area": "wuhna", "date_from": END, "date_to": END}, "did you mean wuhan?"),
        ({"area": "xiangyang", "date_from": END, "date_to": END}, "the stock of Xiangyang is not published"),
        ({"area": "wuhan", "date_from": END, "date_to": END, "level": "pair"}, "ask for --level county"),
        ({"area": "wuhan", "date_from": "2020-01-23", "date_to": "2020-01-29"}, "nearest: 2020-01-22 and 2020-02-05"),
        ({"area": "wuhan", "date_from": "2020-01-01", "date_to": "2020-01-03"}, "the nearest: 2020-01-22"),
        ({"area": "wuhan", "date_from": "2020-02-19", "date_to": "2020-02-19"}, "there are releases of 2020-01-22"),
        ({"area": "wuhan", "date_from": END, "date_to": NEXT_END}, "stock is of one date"),
    ],
)
def test_what_is_wrong_with_a_stock_is_said_in_one_sentence(reader: Reader, call: dict, words: str):
    with pytest.raises(PopflowError, match=words.replace("?", r"\?")) as caught:
        reader.stock(**call)
    assert "\n" not in str(caught.value)


def test_blocks_stop_at_prefectures(reader: Reader):
    with pytest.raises(PopflowError, match="--level county is not published of blocks; ask for --level prefecture"):
        reader.blocks("wuhan", END, END, level="county")


def test_a_destination_in_a_rest_is_given_by_bounds(reader: Reader):
    block = reader.blocks("wuhan", END, END, destination="yueyang")
    assert figures(block) == {("possible", "430600"): (0, 300)}
    stock = reader.stock("wuhan", END, END, destination="beijing")
    assert figures(stock) == {("possible", "110000"): (0, 37)}
    assert "between 0 and 37" in str(stock.attrs["notices"])


def test_a_lake_without_the_indicator_says_so(tmp_path: Path):
    published_lake.write_table(tmp_path, "counties", COUNTIES)
    with pytest.raises(PopflowError, match="nothing has been published"):
        popflow.read(tmp_path).stock("wuhan", END, END)
    published_lake.publish(tmp_path, END, [("area", "hubei", "all", "all", 1000)])
    for call in (popflow.read(tmp_path).stock, popflow.read(tmp_path).blocks):
        with pytest.raises(PopflowError, match="nothing of it has been released yet"):
            call("wuhan", END, END)


@pytest.mark.parametrize("command", ["stock", "blocks"])
def test_the_command_writes_the_same_and_says_what_is_not_shown(
    command: str, reader: Reader, folder: Path, tmp_path: Path
):
    out = tmp_path / "a.csv"
    call = ["pull", command, "--area", "wuhan", "--days", "14", "--before", "2020-01-23", "--out", str(out)]
    outcome = CliRunner().invoke(app, [*call, "--lake", str(folder)], catch_exceptions=False)
    assert "are in rest rows" in outcome.output
    expected = getattr(reader, command)("wuhan", days=14, before="2020-01-23")
    assert pd.read_csv(out)["persons_at_least"].tolist() == expected["persons_at_least"].tolist()


@pytest.mark.parametrize("seed", [1])
def test_the_bounds_of_a_protected_stock_hold_the_truth(seed: int, tmp_path: Path):
    chance = np.random.default_rng(seed)
    codes = COUNTIES["county_code"].tolist()
    rows = [
        (g, c, int(n)) for g in (INNER, OUTER) for c, n in zip(codes, chance.lognormal(3, 1.5, len(codes)), strict=True)
    ]
    exact = pd.DataFrame(rows, columns=["group", "county_code", "persons"]).assign(date=END)
    exact["persons_registered"] = exact["persons"]
    exact["persons_without"] = [{"mobile": n, "unicom": n} for n in exact["persons"]]
    known = {
        "mnos": ["mobile", "unicom"],
        "rules": contracts.load().disclosure,
        "definition": "day-end-1",
    }
    table = disclosure.protect_stock(
        exact, date=END, release=1, groups={"hubei": [INNER, OUTER]}, covered_counties=codes, **known
    )
    published_lake.write_table(tmp_path, "counties", COUNTIES)
    published_lake.write_table(tmp_path, "flows", table.rows)
    published_lake.write_table(tmp_path, "releases", pd.DataFrame([published_lake.release_row(END, indicator="stock")]))
    reader = popflow.read(tmp_path)
    for area, own in (("wuhan", exact[exact["group"] == INNER]), ("hubei", exact)):
        for level, width in (("province", 2), ("prefecture", 4), ("county", 6)):
            frame = reader.stock(area, END, END, level)
            truth = own.groupby(own["county_code"].str[:width].str.ljust(6, "0"))["persons"].sum()
            assert frame["persons_at_least"].sum() == own["persons"].sum()
            for row in frame[frame["kind"] == "shown"].itertuples():
                assert row.persons_at_least <= truth[row.destination_code] <= row.persons_at_most
            for code in truth.index[:2]:
                asked = reader.stock(area, END, END, level, destination=code).attrs["summary"]
                assert asked["persons_at_least"] <= truth[code] <= asked["persons_at_most"]


def test_the_counties_of_wuhan_are_in_its_stock(reader: Reader):
    """A stock has no inner destinations to refuse: who did not leave is a person to count."""
    frame = reader.stock("wuhan", END, END, destination=FOUR_WUHAN[0])
    assert figures(frame) == {("possible", FOUR_WUHAN[0]): (0, 9000)}

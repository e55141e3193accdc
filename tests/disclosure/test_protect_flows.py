"""The chain of the outflow, row by row."""

import datetime as dt

import pandas as pd
import pytest
from exact_tables import DATE, moves, shown
from hypothesis import given, settings
from hypothesis import strategies as st

from popflow import contracts as contracts_module
from popflow import disclosure
from popflow.contracts import Area
from popflow.disclosure.chain import steps_of
from popflow.errors import PopflowError

ORIGIN = ("area", "hubei")
WUHAN, HUBEI_OUT, HUBEI_IN = ("prefecture", "420100"), ("border", "outside_420000"), ("border", "inside_420000")

# Wuhan with three counties, Yichang and Xiangyang: flows to five counties of Changsha, to Dongguan and inside Hubei.
EXACT = """
420102 430102 100
420103 430102 50
420111 430102 5
420102 430103 60
420103 430104 40
420102 430105 7
420111 430111 3
420102 441900 70
420102 420502 90
420502 420602 80
420502 430102 60
420602 430103 45
420102 420103 9999
420102 420102 9999
"""


OTHER = "420102 420502 40\n420502 420102 44\n420502 430202 60"  # enough for both sides of the border and its origins


def test_steps_are_those_of_the_contract(contracts):
    steps = steps_of(contracts.headline)
    assert [(one.name, one.origin[0], one.destination[0]) for one in steps] == [
        (one.step, one.origin, one.destination) for one in contracts.headline.steps
    ]
    assert [(one.rest, one.rest_of) for one in steps] == [
        ("", ""),
        ("", ""),
        ("origin_code", "chain"),
        ("destination_code", "side"),
        ("destination_code", "province"),
        ("destination_code", "prefecture"),
        ("origin_code", "origin_prefecture"),
    ]


def test_the_whole_chain(protect):
    rows = shown(protect(moves(EXACT)))
    assert rows[(*ORIGIN, "all", "all")] == 610
    assert rows[(*ORIGIN, *HUBEI_IN)] == 170
    assert rows[(*ORIGIN, *HUBEI_OUT)] == 440
    assert {key[1]: n for key, n in rows.items() if key[0] == "prefecture" and key[2:] == HUBEI_OUT} == {
        "420100": 335,
        "420500": 60,
        "420600": 45,
    }
    assert not [key for key in rows if key[0] == "prefecture" and key[2:] == HUBEI_IN]  # 90 and 80 beside nobody
    assert rows[(*WUHAN, "province", "430000")] == 265
    assert rows[(*WUHAN, "prefecture", "430100")] == 265
    counties = {key[3]: n for key, n in rows.items() if key[:3] == (*WUHAN, "county") and key[3] != "441900"}
    assert counties == {"430102": 155, "430103": 60, "rest_of_430100": 50}
    pairs = {key[1]: n for key, n in rows.items() if key[0] == "county" and key[2:] == ("county", "430102")}
    assert pairs == {}  # 100, 50 and 5: two can never hide one


def test_moves_within_a_prefecture_and_stayers_are_left_out(protect):
    table = protect(moves(EXACT))
    assert table.root_persons == 610
    assert not (table.base_cells["origin_code"].str[:4] == table.base_cells["destination_code"].str[:4]).any()


def test_a_county_that_is_a_prefecture_too_is_shown_at_every_level_with_one_figure(protect):
    rows = shown(protect(moves(EXACT)))
    for level, code in (("province", "440000"), ("prefecture", "441900"), ("county", "441900")):
        assert rows[(*WUHAN, level, code)] == 70
    assert not [key for key in rows if key[3] == "rest_of_441900"]


def test_beijings_rests_are_named_after_its_one_prefecture(protect):
    other = OTHER.replace("430202", "110101")
    exact = moves("420102 110101 90\n420102 110102 5\n420102 110105 80\n420102 110106 30\n" + other)
    rows = shown(protect(exact))
    assert rows[(*WUHAN, "province", "110000")] == rows[(*WUHAN, "prefecture", "110100")] == 205
    counties = {key[3]: n for key, n in rows.items() if key[:3] == (*WUHAN, "county") and "11" in key[3]}
    assert counties == {"110101": 90, "rest_of_110100": 115}


def test_province_administered_counties_are_one_prefecture(protect):
    exact = moves(
        "420102 429004 40\n420102 429005 50\n420102 429006 9\n420102 429021 1\n420102 430102 30\n"
        "429004 420102 60\n429005 420102 20\n429006 420102 25\n429021 420102 2\n"
        + OTHER
        + "\n429004 430202 50\n429004 420502 25"
    )
    rows = shown(protect(exact))
    assert rows[(*WUHAN, "province", "420000")] == 140
    assert rows[(*WUHAN, "prefecture", "429000")] == 100
    counties = {key[3]: n for key, n in rows.items() if key[:3] == (*WUHAN, "county") and "29" in key[3]}
    assert counties == {"429005": 50, "rest_of_429000": 50}
    pairs = {key[1]: n for key, n in rows.items() if key[0] == "county" and key[3] == "420102"}
    assert pairs == {"429004": 60, "rest_of_429000": 47}


def test_counties_with_a_cell_and_nobody_hide_and_those_without_a_cell_do_not(protect):
    exact = moves("420102 430102 100\n420102 430103 50\n420102 430202 30\n" + OTHER)
    alone = shown(protect(exact))
    assert alone[(*WUHAN, "county", "430102")] == 100
    with_empty = shown(protect(exact, also="430104 430105"))
    assert with_empty[(*WUHAN, "county", "430102")] == 100
    assert with_empty[(*WUHAN, "county", "rest_of_430100")] == 50


def test_no_row_is_below_the_thresholds_and_none_is_zero(protect):
    rows = protect(moves(EXACT)).rows
    assert rows["persons"].min() >= 20
    assert not rows.isna().any(axis=None)


def test_a_date_whose_root_is_not_publishable_has_no_rows(protect):
    table = protect(moves("420102 430102 15\n420502 420102 4"))
    assert table.status == "empty"
    assert table.rows.empty
    assert table.root_persons == 0
    assert set(table.shares.values()) == {0.0}
    assert len(table.base_cells) == 2  # kept for the auditor


def test_a_date_without_a_single_move_has_no_rows(protect):
    assert protect(moves("420102 420103 15"), also="430102").status == "empty"


def test_the_border_is_all_or_none(protect):
    rows = shown(protect(moves("420102 430102 500\n420502 420102 19")))
    assert rows == {(*ORIGIN, "all", "all"): 519}


def test_a_sensitive_county_is_never_alone_nor_what_holds_only_it(protect, contracts):
    rules = contracts.disclosure.model_copy(update={"sensitive_counties": ["430102", "441900", "420103"]})
    rows = shown(protect(moves(EXACT), rules=rules))
    assert not [key for key in rows if {"430102", "441900", "420103", "440000"} & set(key)]
    assert rows == shown(protect(moves(EXACT), rules=rules))
    assert (*WUHAN, "prefecture", "430100") not in rows  # Guangdong holds Dongguan alone, so the provinces are two


def test_the_constants_can_only_be_raised(protect, contracts):
    low = contracts.disclosure.model_copy(update={"k": 2, "floor": 1, "rest_children": 1})
    high = contracts.disclosure.model_copy(update={"k": 100})
    assert shown(protect(moves(EXACT), rules=low)) == shown(protect(moves(EXACT)))
    assert protect(moves(EXACT), rules=high).rows["persons"].min() >= 100


def test_two_chains_in_one_table(protect, contracts):
    areas = {"hubei": contracts.areas["hubei"]} | {
        "wenzhou": Area(level="prefecture", code="330300", name_zh="温州", name_en="Wenzhou"),
    }
    exact = moves(EXACT + "330302 330102 80\n330302 420102 70\n330302 430102 60\n330302 430103 55")
    rows = shown(protect(exact, areas=areas))
    assert rows[("area", "wenzhou", "all", "all")] == 265
    assert rows[("area", "wenzhou", "border", "inside_330000")] == 80
    assert rows[("prefecture", "330300", "border", "outside_330000")] == 185
    assert rows[(*ORIGIN, "all", "all")] == 610


def test_two_names_for_one_area_are_refused(protect, contracts):
    twice = dict(contracts.areas) | {"hubei_too": contracts.areas["hubei"]}
    with pytest.raises(PopflowError, match="hubei_too"):
        protect(moves(EXACT), areas=twice)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: pd.concat([f, f.head(1)]), "stands twice"),
        (lambda f: f.assign(date=dt.date(2020, 1, 21)), "another date"),
        (lambda f: f.assign(persons_registered=f["persons"] + 1), "fewer persons than registered"),
        (lambda f: f.assign(persons_without=[{"mobile": 1}] * len(f)), "persons_without"),
        (lambda f: f.assign(persons_without=[dict.fromkeys(("mobile", "unicom", "telecom"), 10**6)] * len(f)), "fewer"),
    ],
)
def test_an_exact_table_that_does_not_hold_together_is_refused(protect, change, said: str):
    with pytest.raises(PopflowError, match=said) as refused:
        protect(change(moves(EXACT)), covered_counties=sorted({c for line in EXACT.split() for c in [line]}))
    assert "\n" not in str(refused.value)


def test_a_county_that_was_not_named_as_covered_is_refused(protect):
    with pytest.raises(PopflowError, match="covered_counties: 1 places"):
        protect(
            moves(EXACT),
            covered_counties=sorted({*moves(EXACT)["origin_county"], "430102", "430103", "430104", "430105", "441900"}),
        )


def test_persons_without_may_come_as_pairs(protect):
    pairs = moves(EXACT)
    pairs["persons_without"] = [list(one.items()) for one in pairs["persons_without"]]
    assert protect(pairs).digest == protect(moves(EXACT)).digest


COUNTIES = ["420102", "420103", "420111", "420502", "420503", "429004", "429005", "429006", "110101", "110102"]
COUNTIES += ["430102", "430103", "430104", "430105", "430202", "430203", "441900", "442000"]
cell = st.tuples(st.sampled_from(COUNTIES[:8]), st.sampled_from(COUNTIES), st.integers(1, 90), st.floats(0, 1))


@settings(max_examples=25, deadline=None)
@given(cells=st.lists(cell, min_size=1, max_size=120, unique_by=lambda one: one[:2]), scale=st.sampled_from([1, 5, 40]))
def test_every_table_adds_up_at_every_parent(cells: list[tuple[str, str, int, float]], scale: int):
    lines = [f"{o} {d} {n * scale} {n * scale} {int(n * scale * s)} {n * scale} {n * scale}" for o, d, n, s in cells]
    exact = moves("\n".join(lines))
    loaded = contracts_module.load()
    table = disclosure.protect_flows(
        exact, date=DATE, release=1, areas=loaded.areas, covered_counties=COUNTIES,
        mnos=["mobile", "unicom", "telecom"], rules=loaded.disclosure, indicator=loaded.headline,
    )  # fmt: skip
    rows = shown(table)
    assert all(persons >= 20 for persons in rows.values())
    for parent, children in families(rows).items():
        assert sum(rows[child] for child in children) == rows[parent], parent
    assert (
        table.base_cells["persons"].sum()
        == exact.loc[exact["origin_county"].str[:4] != exact["destination_county"].str[:4], "persons"].sum()
    )


def families(rows: dict) -> dict[tuple, list[tuple]]:
    """Children and rest by parent, found again from levels and codes alone."""
    found: dict[tuple, list[tuple]] = {}
    for key in rows:
        if (parent := parent_of(key)) is not None:
            assert parent in rows, f"{key} is shown under {parent}, which is not"
            found.setdefault(parent, []).append(key)
    return found


def parent_of(key: tuple[str, str, str, str]) -> tuple[str, str, str, str] | None:
    origin_level, origin, level, code = key
    bare = code.removeprefix("rest_of_")
    if level == "all":
        return None
    if origin_level == "area":
        return (*ORIGIN, "all", "all")
    if level == "border":
        return (*ORIGIN, level, code)
    if origin_level == "county":
        return ("prefecture", origin.removeprefix("rest_of_")[:4] + "00", "county", code)
    if level == "province":
        side = bare if bare != code else ("inside_420000" if code == "420000" else "outside_420000")
        return ("prefecture", origin, "border", side)
    if level == "prefecture":
        return ("prefecture", origin, "province", bare[:2] + "0000")
    return ("prefecture", origin, "prefecture", bare[:4] + "00")


ENDS_OF = {"covered_before": "origin_county", "covered_counties": "destination_county"}
FROM_WUHAN = """
420102 420502 60
420103 420502 40
420102 430102 50
420103 430103 50
420102 440102 60
420103 450102 60
"""


@pytest.mark.parametrize(
    ("sensitive", "moved", "told"),
    [
        ("420502", FROM_WUHAN, ("area", "hubei", "border", "inside_420000")),
        ("420502", FROM_WUHAN + "420202 420502 50\n420202 420102 50\n", (*WUHAN, "border", "inside_420000")),
        ("420102", "420102 430102 90\n420102 430202 80\n", ("area", "hubei", "all", "all")),
        ("430102", "420102 430102 60\n420202 430102 50\n", ("area", "hubei", "all", "all")),
    ],
)
def test_what_can_only_be_a_sensitive_county_is_not_shown_at_any_level(protect, contracts, sensitive, moved, told):
    """Seen from Wuhan, the inside of Hubei may be one county; an area of one county is that county."""
    exact = moves(moved)
    rules = contracts.disclosure.model_copy(update={"sensitive_counties": [sensitive]})
    places = {end: sorted(set(exact[column])) for end, column in ENDS_OF.items()}
    assert told in shown(protect(exact, **places))
    assert told not in shown(protect(exact, rules=rules, **places))

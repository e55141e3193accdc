"""Blocks of 14 days: what adding up the days and taking the block away would show."""

import datetime as dt

import pandas as pd
import pytest
from exact_tables import MNOS, moves, shown

from popflow import disclosure
from popflow.disclosure import ReleasedDay
from popflow.errors import PopflowError

LAST = dt.date(2020, 1, 22)
WUHAN = ("prefecture", "420100")
COUNTIES = ["420102", "420502", "420602", "430102", "430202", "430302", "430402", "440102"]
DAILY = {"430102": 60, "430202": 50, "430302": 40, "430402": 70, "440102": 90, "420502": 100, "420602": 100}


@pytest.fixture
def days(protect):
    """The days of a block with the same moves out of Wuhan; some days of `other` have other numbers."""
    made: dict[str, ReleasedDay] = {}

    def day(number: int, numbers: dict[str, int]) -> ReleasedDay:
        if str(numbers) not in made:
            table = protect(flows(numbers), also=" ".join(COUNTIES))
            made[str(numbers)] = ReleasedDay(LAST, table.rows, table.atoms)
        same = made[str(numbers)]
        return ReleasedDay(LAST - dt.timedelta(days=number), same.rows, same.atoms.copy())

    def make(other: dict[int, dict[str, int]] | None = None, leave_out: int = 0) -> list[ReleasedDay]:
        return [day(number, DAILY | (other or {}).get(number, {})) for number in range(14 - leave_out)]

    return make


def flows(to: dict[str, int]) -> pd.DataFrame:
    """Moves from Wuhan, and some from Yichang and Xiangyang so that the origins can be told apart."""
    lines = [f"420102 {county} {persons}" for county, persons in to.items()]
    lines += [f"{o} {d} 200" for o in ("420502", "420602") for d in ("420102", "430102", "430202", "430302", "430402")]
    lines += ["420502 440102 200", "420602 440102 200", "420502 420602 200", "420602 420502 200"]
    return moves("\n".join(lines))


@pytest.fixture
def block(contracts):
    def call(to: dict[str, int], days: list[ReleasedDay], date: dt.date = LAST):
        exact = flows(to)
        return disclosure.protect_blocks(
            exact,
            date=date,
            release=1,
            areas=contracts.areas,
            covered_counties=[*COUNTIES, *exact["destination_county"]],
            mnos=MNOS,
            rules=contracts.disclosure,
            definition="day-end-1",
            days=days,
        )

    return call


def to_prefectures(table) -> dict[str, int]:
    return {key[3]: n for key, n in shown(table).items() if key[:3] == (*WUHAN, "prefecture") and "43" in key[3]}


BLOCK = {county: 7 * persons for county, persons in DAILY.items()}  # everyone went twice


def test_a_block_stops_at_the_prefecture(block, days):
    table = block(BLOCK, days())
    assert table.indicator == "outflow_block"
    assert set(table.rows["destination_level"]) == {"all", "border", "province", "prefecture"}
    assert set(table.atoms["origin_code"]) == {"420100", "420500", "420600"}
    assert to_prefectures(table) == {"430100": 420, "430200": 350, "430300": 280, "430400": 490}


@pytest.mark.parametrize(("repeated", "is_shown"), [(1, False), (19, False), (20, True)])
def test_repeated_departures_are_20_or_the_cell_is_withheld(block, days, repeated: int, is_shown: bool):
    table = block(BLOCK | {"430402": 14 * 70 - repeated}, days())
    assert ("430400" in to_prefectures(table)) is is_shown


def test_repeated_departures_of_a_rest_are_20_too(block, days):
    """Nobody of the withheld three went twice: their sum is known every day, so the siblings join."""
    alone = {"430102": 14 * 60 - 8, "430202": 14 * 50 - 8, "430302": 14 * 40 - 1}
    assert to_prefectures(block(BLOCK | alone, days())) == {}
    enough = alone | {"430302": 14 * 40 - 4}
    assert to_prefectures(block(BLOCK | enough, days())) == {"430400": 490, "rest_of_430000": 832 + 692 + 556}


def test_the_next_sibling_joins_a_rest_of_too_few_repeated_departures(block, days):
    also = {"430502": 80}
    numbers = BLOCK | {"430102": 14 * 60 - 8, "430202": 14 * 50 - 8, "430302": 14 * 40 - 1, "430502": 560}
    table = block(numbers, days(dict.fromkeys(range(14), also)))
    assert to_prefectures(table) == {"430500": 560, "rest_of_430000": 832 + 692 + 559 + 490}


def test_the_threshold_without_an_mno_holds_for_repeated_departures(contracts, block, days):
    made = days()
    exact = flows(BLOCK | {"430402": 14 * 70 - 100})
    of_one_mno = exact["destination_county"].eq("430402") & exact["origin_county"].eq("420102")
    row = exact.index[of_one_mno][0]
    exact.at[row, "persons_without"] = {"mobile": 14 * 70 - 100, "unicom": 14 * 70 - 100, "telecom": 14 * 70 - 100}
    for day in made:
        mine = day.atoms["origin_code"].eq("420102") & day.atoms["destination_code"].eq("430402")
        day.atoms.at[day.atoms.index[mine][0], "persons_without"] = {"mobile": 63, "unicom": 70, "telecom": 70}
    given = {"date": LAST, "release": 1, "areas": contracts.areas, "covered_counties": COUNTIES, "mnos": MNOS}
    table = disclosure.protect_blocks(exact, rules=contracts.disclosure, definition="d", days=made, **given)
    assert "430400" not in to_prefectures(table)  # 14 * 63 - 880 = 2 repeated departures without that MNO


@pytest.mark.parametrize(("persons", "is_shown"), [(12 * 70, True), (12 * 70 + 9, True), (12 * 70 + 10, False)])
def test_withheld_days_can_each_still_be_nobody(block, days, persons: int, is_shown: bool):
    """Two days withhold the cell; what the block has more than the other twelve must fit into either of them, and a
    withheld day has at most 9 without an MNO."""
    thin = {"430402": 9}
    table = block(BLOCK | {"430402": persons}, days({3: thin, 9: thin}))
    assert ("430400" in to_prefectures(table)) is is_shown


def test_with_two_days_not_released_a_block_can_be_anything(block, days):
    assert "430400" in to_prefectures(block(BLOCK | {"430402": 14 * 70}, days(leave_out=2)))


@pytest.mark.parametrize(("persons", "is_shown"), [((95, 96, 109), False), ((90, 90, 105), True)])
def test_a_group_that_every_day_shows_may_not_tell_of_few(block, days, persons: tuple[int, int, int], is_shown: bool):
    """Three that are each day's rest together: 14 * 22 - (95 + 96 + 109) = 8 repeated departures."""
    thin = dict(zip(("430202", "430302", "430402"), (7, 7, 8), strict=True))
    numbers = BLOCK | dict(zip(thin, persons, strict=True))
    table = block(numbers, days(dict.fromkeys(range(14), thin)))
    assert to_prefectures(table) == ({code[:4] + "00": numbers[code] for code in ["430102", *thin]} if is_shown else {})


def test_a_block_stands_beside_every_release_of_a_day(block, days):
    """With the day's newest release 25 departures are repeated, with an earlier one that had 20 fewer only 5."""
    numbers = BLOCK | {"430402": 14 * 70 - 5}
    corrected = days({4: {"430402": 90}})
    assert "430400" in to_prefectures(block(numbers, corrected))
    both = [*corrected, days()[4]]
    assert "430400" not in to_prefectures(block(numbers, both))


def test_too_many_releases_to_look_at_are_refused(block, days):
    with pytest.raises(PopflowError, match="too many of the block's days"):
        block(BLOCK, days() * 2)


@pytest.mark.parametrize(("date", "closed"), [("2020-01-09", True), ("2020-01-22", True), ("2020-01-23", False)])
def test_the_dates_of_a_released_block_are_closed(protect, date: str, closed: bool):
    given = {"date": dt.date.fromisoformat(date), "released_blocks": [LAST]}
    if closed:
        with pytest.raises(PopflowError, match="its dates are closed"):
            protect(flows(DAILY), **given)
    else:
        assert protect(flows(DAILY), **given).status == "released"


def test_a_date_within_a_block_is_refused(block, days):
    with pytest.raises(PopflowError, match="not the last day of a block"):
        block(BLOCK, [], date=dt.date(2020, 1, 21))


def test_days_of_another_block_are_refused(block, days):
    made = days()
    strange = [*made[:-1], ReleasedDay(dt.date(2020, 1, 8), made[0].rows, made[0].atoms)]
    with pytest.raises(PopflowError, match="and no others"):
        block(BLOCK, strange)

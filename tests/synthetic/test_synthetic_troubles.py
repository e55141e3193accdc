"""Each trouble does what its switch says, and nothing without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_nations import SEED, DayOfRecords, Simulated

from popflow.errors import PopflowError
from popflow.synthetic.cells import place_cells
from popflow.synthetic.demand import HUBEI_MOVERS_A_DAY, Demand
from popflow.synthetic.moves import plan
from popflow.synthetic.people import homes, mno_shares, sims_of_part
from popflow.synthetic.places import Places
from popflow.synthetic.records import BROKEN_TIME, MISSING_TOKEN, Outages, late_files
from popflow.synthetic.troubles import Troubles

DayOf = Callable[[Troubles], DayOfRecords]


@pytest.fixture(scope="module")
def calm(day_of: DayOf) -> DayOfRecords:
    return day_of(Troubles.none())


def test_an_unknown_trouble_is_refused() -> None:
    with pytest.raises(PopflowError, match="unknown trouble 'rain'"):
        Troubles.only("rain")


def test_only_switches_on_what_it_names() -> None:
    for name in Troubles.names():
        assert getattr(Troubles.only(name), name) == getattr(Troubles.all(), name) > 0
        assert sum(getattr(Troubles.only(name), other) > 0 for other in Troubles.names()) == 1
        assert Troubles.meaning(name)


def test_a_calm_day_is_heard_where_people_are(calm: DayOfRecords) -> None:
    assert (calm.heard_county() == calm.true_county()).all()
    assert len(calm.sims) == 3000
    assert not calm.made.damage.any()
    assert ((calm.made.second >= 0) & (calm.made.second < 86_400)).all()


def test_several_sims_are_at_different_mnos(day_of: DayOf) -> None:
    sims = day_of(Troubles.only("several_sims")).sims
    second = np.flatnonzero(sims.second)
    assert len(second) / 3000 == pytest.approx(0.25, abs=0.03)
    first = np.searchsorted(sims.person, sims.person[second])
    assert (sims.mno[second] != sims.mno[first]).all()


@pytest.mark.parametrize(("name", "kind"), [("data_only_lines", 1), ("iot_lines", 2)])
def test_further_lines_are_of_their_kind(day_of: DayOf, name: str, kind: int) -> None:
    sims = day_of(Troubles.only(name)).sims
    assert (sims.kind == kind).sum() / 3000 == pytest.approx(getattr(Troubles.all(), name), rel=0.2)
    assert set(sims.kind) == {0, kind}


def test_unregistered_sims_stay_out_of_the_register(places: Places) -> None:
    start = np.zeros(50_000, int)
    sims = sims_of_part(0, start, places, Troubles.only("unregistered_sims"), SEED)
    assert (~sims.registered).mean() == pytest.approx(0.002, rel=0.3)


def test_duplicates_repeat_token_cell_and_time(day_of: DayOf, calm: DayOfRecords) -> None:
    def repeated(day: DayOfRecords) -> float:
        same = np.column_stack([day.made.sim, day.made.second, day.made.cell])
        return 1 - len(np.unique(same, axis=0)) / len(same)

    assert repeated(day_of(Troubles.only("duplicates"))) - repeated(calm) == pytest.approx(0.0206, abs=0.003)


def test_wrong_days_are_the_hours_around_the_date_or_a_wrong_clock(day_of: DayOf) -> None:
    day = day_of(Troubles.only("wrong_day"))
    outside = (day.made.second < 0) | (day.made.second >= 86_400)
    assert outside.mean() == pytest.approx(0.0025, rel=0.2)
    hours = np.unique(day.made.second[outside] // 3600)
    assert {-1, 24} <= set(hours)
    assert all(hour in (-1, 24) or hour < -24 * 4 for hour in hours)


def test_damaged_records_lack_a_token_or_a_time(day_of: DayOf) -> None:
    damage = day_of(Troubles.only("damaged_records")).made.damage
    assert set(damage) == {0, MISSING_TOKEN, BROKEN_TIME}
    assert (damage > 0).mean() == pytest.approx(0.0002, rel=0.6)


def test_unknown_cells_are_in_no_table(day_of: DayOf) -> None:
    day = day_of(Troubles.only("unknown_cells"))
    assert (day.made.cell >= len(day.cells.mno)).mean() == pytest.approx(0.001, rel=0.5)


def test_ping_pong_is_short_and_comes_back(day_of: DayOf) -> None:
    day = day_of(Troubles.only("border_ping_pong"))
    order = np.lexsort((day.made.second, day.made.sim))
    away = (day.heard_county() != day.true_county())[order]
    sim, second = day.made.sim[order], day.made.second[order]
    assert 0.005 < away.mean() < 0.02
    flips = np.flatnonzero(away[:-1])
    back = (sim[flips + 1] == sim[flips]) & (second[flips + 1] - second[flips] <= 600)
    assert back.mean() > 0.99


def test_some_records_are_heard_across_the_border(day_of: DayOf, places: Places) -> None:
    day = day_of(Troubles.only("heard_across"))
    away = day.heard_county() != day.true_county()
    assert away.mean() == pytest.approx(0.002, rel=0.3)
    nearest = places.neighbours[day.true_county()[away]]
    assert (nearest == day.heard_county()[away][:, None]).any(axis=1).all()


def test_half_of_the_sims_are_silent_at_night(day_of: DayOf, calm: DayOfRecords) -> None:
    def at_night(day: DayOfRecords) -> int:
        return int(((day.slot < 24) | (day.slot >= 92)).sum())

    assert at_night(day_of(Troubles.only("night_silence"))) / at_night(calm) == pytest.approx(0.5, abs=0.05)


def test_a_phone_that_is_off_is_silent_on_the_way_and_at_arrival(day_of: DayOf) -> None:
    day = day_of(Troubles.only("phone_off"))
    travellers = day.where.silent[:1000].any(axis=1)
    assert travellers.mean() == pytest.approx(0.15, abs=0.03)
    assert not day.where.off(day.sims.person[day.made.sim], day.slot).any()


def test_an_outage_swallows_an_mno_in_a_province_for_hours(day_of: DayOf, places: Places) -> None:
    troubles = Troubles(**{**vars(Troubles.none()), "outages": 0.5})
    day = day_of(troubles)
    province = places.province[day.heard_county()]
    assert not day.outages.hold(province, day.sims.mno[day.made.sim], day.slot).any()
    length = day.outages.last - day.outages.first
    assert set(length[length > 0]) <= set(range(8, 25))
    assert not (
        Outages.of(places, Troubles.none(), 0, SEED).last > Outages.of(places, Troubles.none(), 0, SEED).first
    ).any()


def test_new_cells_are_in_use_and_not_in_the_table(places: Places) -> None:
    assert place_cells(places, Troubles.none(), SEED).listed.all()
    new = ~place_cells(places, Troubles.only("new_cells"), SEED).listed
    assert new.mean() == pytest.approx(0.01, rel=0.2)


def test_shares_differ_from_province_to_province_only_if_asked(places: Places) -> None:
    assert np.ptp(mno_shares(places, Troubles.none(), SEED), axis=0).max() == pytest.approx(0)
    spread = mno_shares(places, Troubles.only("unequal_shares"), SEED)
    assert np.ptp(spread[:, 0]) > 0.1
    assert spread.sum(axis=1) == pytest.approx(1)


def test_late_files_hit_some_areas_on_some_dates() -> None:
    hit = np.mean([late_files(7, Troubles.only("late_files"), day, SEED) for day in range(100)])
    assert hit == pytest.approx(0.10, abs=0.02)
    assert not late_files(7, Troubles.none(), 0, SEED).any()


def test_day_trips_leave_and_come_back_on_the_same_day(day_of: DayOf, calm: DayOfRecords) -> None:
    assert (calm.where.row[1000:] == -1).all()
    where = day_of(Troubles.only("day_trips")).where
    rows = where.row[1000:][where.row[1000:] >= 0]
    assert len(rows) / 2000 == pytest.approx(0.03, abs=0.01)
    day = where.moving[rows]
    assert (day[:, 0] == day[:, -1]).all()
    assert (day != day[:, :1]).any(axis=1).all()


def test_round_trips_bring_travellers_back(places: Places, demand: Demand) -> None:
    from small_nations import FIRST

    def returned(troubles: Troubles) -> float:
        needed = np.full(len(places.prefecture_codes), 60.0)
        home = homes(places, 40_000, needed, SEED)
        days = list(plan(places, demand, HUBEI_MOVERS_A_DAY / 6000, home, FIRST, 4, troubles, SEED))
        return float((days[-1].end == home)[days[0].movers].mean())

    assert returned(Troubles.only("round_trips")) > 2 * returned(Troubles.none())


def test_the_hard_nation_is_written_whole(hard: Simulated) -> None:
    assert hard.summary.records.total() == sum(
        file["rows"] for manifest in hard.manifests().values() for file in manifest["files"]
    )


def test_late_arrivals_are_in_the_last_hour(day_of: DayOf) -> None:
    moving = day_of(replace(Troubles.none(), late_arrivals=0.2)).where.moving[:1000]
    arrival = 96 - np.argmax((moving != moving[:, -1:])[:, ::-1], axis=1)
    late = arrival > 92
    assert late.mean() == pytest.approx(0.15, abs=0.03)  # a fifth at one of four slots, 23:00 among them
    assert (moving[:, -1] == moving[0, -1]).all()


def test_who_was_out_in_the_evening_is_home_between_21_h_and_midnight(day_of: DayOf, places: Places) -> None:
    where = day_of(replace(Troubles.none(), evenings_out=0.1)).where
    of_evening = where.moving[1000:-1]
    home = np.searchsorted(places.county_codes, "420102")
    assert len(of_evening) / 2000 == pytest.approx(0.1, abs=0.02)
    assert (of_evening[:, [0, -1]] == home).all()
    back = 96 - np.argmax((of_evening != home)[:, ::-1], axis=1)
    assert (back.min(), back.max()) >= (84, 92)
    assert back.max() <= 96
    assert set(places.prefecture[of_evening.ravel()]) == {places.prefecture[home]}


def test_border_dwellers_are_the_same_persons_and_heard_from_either_side_at_home(day_of: DayOf, places: Places) -> None:
    day = day_of(replace(Troubles.none(), border_dwellers=0.1))
    person = day.sims.person[day.made.sim]
    away = day.heard_county() != day.true_county()
    dwellers = np.unique(person[away])
    assert (dwellers >= 1000).all()  # not the travellers
    assert len(dwellers) / 2000 == pytest.approx(0.1, abs=0.02)
    home = np.searchsorted(places.county_codes, "420102")
    assert set(day.heard_county()[away]) == {places.neighbours[home, 0]}
    assert away[np.isin(person, dwellers)].mean() == pytest.approx(0.35, abs=0.03)
    again = day_of(replace(Troubles.none(), border_dwellers=0.1, duplicates=0.5))
    assert set(np.unique(again.sims.person[again.made.sim][again.heard_county() != again.true_county()])) <= set(
        np.flatnonzero(np.modf(np.arange(1, 3001) * 0.6180339887)[0] < 0.1)
    )


def test_thin_phones_speak_evenly_from_eight_records_a_day_on_and_not_on_arrival(day_of: DayOf) -> None:
    day = day_of(replace(Troubles.none(), thin_phones=1.0))
    records = np.bincount(day.made.sim, minlength=len(day.sims))
    assert set(records) == {8}
    order = np.lexsort((day.made.second, day.made.sim))
    gaps = np.diff(day.made.second[order].reshape(-1, 8), axis=1)
    assert ((gaps >= 10_799) & (gaps <= 10_801)).all()
    few = day_of(replace(Troubles.none(), thin_phones=1.0, thin_records=2.4)).made
    assert len(few) / len(day.sims) == pytest.approx(2.4, abs=0.1)
    some = day_of(replace(Troubles.none(), thin_phones=0.5))
    assert (np.bincount(some.made.sim, minlength=len(some.sims)) == 8).mean() == pytest.approx(0.5, abs=0.06)

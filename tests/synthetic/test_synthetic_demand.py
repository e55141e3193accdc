"""Demand and scenario: the published figures come out again, and people add up."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from importlib import resources

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.synthetic.demand import (
    CALIBRATION_DATES,
    HUBEI,
    JIA_CODES,
    Demand,
    index_on,
    wuhan_destinations,
    wuhan_index,
)
from popflow.synthetic.moves import needed_persons, plan
from popflow.synthetic.national import MOVERS_A_DAY, NationalDemand, decay
from popflow.synthetic.people import homes
from popflow.synthetic.places import Places
from popflow.synthetic.scenario import MASKS, counts, mask_shares, wuhan_2020
from popflow.synthetic.troubles import Troubles

JIA_TOTAL = 11_478_484
WUHAN_CLOSES = dt.date(2020, 1, 23)


def jia_rows() -> list[dict[str, str]]:
    text = (
        resources.files("popflow.synthetic").joinpath("data/jia_wuhan_outflow_296.csv").read_text(encoding="utf-8-sig")
    )
    return list(csv.DictReader(text.splitlines()))


def test_jias_total_is_kept_over_the_prefectures_with_a_figure(places: Places) -> None:
    with_figure = [code for row in jia_rows() for code in JIA_CODES.get(row["city_code"], [row["city_code"]])]
    known = np.isin(places.prefecture_codes, with_figure)
    assert wuhan_destinations(places)[known].sum() == pytest.approx(JIA_TOTAL)


def test_every_row_of_jia_finds_its_prefecture(places: Places) -> None:
    for row in jia_rows():
        for code in JIA_CODES.get(row["city_code"], [row["city_code"]]):
            assert code in places.prefecture_codes, row["city_cn"]


def test_45_prefectures_have_an_assumed_figure(places: Places) -> None:
    with_figure = {code for row in jia_rows() for code in JIA_CODES.get(row["city_code"], [row["city_code"]])}
    without = set(places.prefecture_codes) - with_figure - {"420100"}
    assert len(without) == 45
    assert {"422800", "429000"} <= without
    assumed = wuhan_destinations(places)[np.isin(places.prefecture_codes, list(without))]
    assert (assumed > 0).mean() > 0.9  # Tibet's median is 0


def test_wuhans_daily_volume_follows_the_index(demand: Demand) -> None:
    for date, index in wuhan_index().items():
        assert demand.on(date)[demand.wuhan].sum() == pytest.approx(demand.from_wuhan.sum() * index)


def test_dates_outside_the_series_take_its_nearest_date() -> None:
    assert index_on(dt.date(2019, 12, 1)) == index_on(dt.date(2020, 1, 1))
    assert index_on(dt.date(2020, 3, 1)) == index_on(dt.date(2020, 2, 5))


def test_nobody_comes_into_wuhan_once_it_is_closed(demand: Demand) -> None:
    assert demand.on(WUHAN_CLOSES)[:, demand.wuhan].sum() == 0
    assert demand.on(WUHAN_CLOSES - dt.timedelta(days=1))[:, demand.wuhan].sum() > 100_000


def test_five_million_movers_a_day_leave_hubeis_prefectures(places: Places, demand: Demand) -> None:
    hubei = places.in_province(HUBEI)
    dates = [dt.date(2020, 1, day) for day in range(10, 25)]
    assert np.mean([demand.on(date)[hubei].sum() for date in dates]) == pytest.approx(5e6, rel=0.02)
    assert len(hubei.nonzero()[0]) == 14


def test_movers_are_never_short_of_people(places: Places, demand: Demand) -> None:
    scale, first, days = 2000.0, dt.date(2020, 1, 15), 12
    needed = needed_persons(places, demand, scale, first, days)
    home = homes(places, int(needed.sum() / 0.9) + 400, needed, seed=3)
    wuhan, wanted = [], []
    for day in plan(places, demand, scale, home, first, days, Troubles.none(), seed=3):
        left = (places.prefecture[day.start] == demand.wuhan) & (places.prefecture[day.end] != demand.wuhan)
        wuhan.append(int(left.sum()))
        wanted.append(demand.on(day.date)[demand.wuhan].sum() / scale)
    assert np.abs(np.array(wuhan) - wanted).max() < 5 * np.sqrt(max(wanted))
    assert pearsonr(wuhan, wanted).statistic > 0.98


def test_destinations_by_prefecture_are_in_jias_order(places: Places, demand: Demand) -> None:
    scale, first, days = 200.0, dt.date(2020, 1, 20), 3
    needed = needed_persons(places, demand, scale, first, days)
    home = homes(places, int(needed.sum() / 0.9) + 400, needed, seed=3)
    reached = np.zeros(len(places.prefecture_codes))
    for day in plan(places, demand, scale, home, first, days, Troubles.all(), seed=3):
        from_wuhan = places.prefecture[day.start[day.movers]] == demand.wuhan
        reached += np.bincount(places.prefecture[day.destination[from_wuhan]], minlength=len(reached))
    reached[demand.wuhan] = 0
    shown = reached >= 20
    assert shown.sum() > 40
    assert spearmanr(reached[shown], wuhan_destinations(places)[shown]).statistic >= 0.95


def test_the_scenario_spans_its_dates_and_needs_its_persons() -> None:
    scenario = wuhan_2020(scale=100)
    assert scenario.first + dt.timedelta(days=scenario.days - 1) == dt.date(2020, 2, 5)
    assert scenario.movers == 50_000
    assert wuhan_2020(scale=50).persons > scenario.persons
    with pytest.raises(PopflowError, match="scale"):
        wuhan_2020(scale=0.5)


def test_counts_fit_the_contract_and_chain(contracts: Contracts, places: Places) -> None:
    dates = list(counts(dt.date(2020, 1, 22), 2, seed=1))
    assert all(rows.cast(contracts.table("flows_exact").arrow_schema()).num_rows for _, rows in dates)
    first, second = (rows.to_pandas() for _, rows in dates)
    assert list(first.columns) == list(contracts.table("flows_exact").columns)
    assert first["persons"].min() >= 1
    assert first["persons"].sum() == np.rint(places.population).sum()
    ended = first.groupby("destination_county")["persons"].sum()
    started = second.groupby("origin_county")["persons"].sum()
    assert ended.to_dict() == started.to_dict()


def test_counts_know_who_has_no_sim_at_an_mno() -> None:
    _, rows = next(counts(dt.date(2020, 1, 22), 1, seed=1, scale=20.0))
    frame = rows.to_pandas(maps_as_pydicts="strict")
    without = np.array([list(row.values()) for row in frame["persons_without"]])
    registered = frame["persons_registered"].to_numpy()
    assert (registered <= frame["persons"]).all()
    assert (without <= registered[:, None]).all()
    expected = mask_shares(Troubles()) @ (1 - MASKS)
    assert without.sum(axis=0) / registered.sum() == pytest.approx(expected, abs=0.001)
    assert list(frame["persons_without"].iloc[0]) == ["mobile", "unicom", "telecom"]


def test_counts_are_those_of_the_seed() -> None:
    draws = [next(counts(dt.date(2020, 1, 22), 1, seed=seed, scale=100.0))[1] for seed in (1, 1, 2)]
    assert draws[0].equals(draws[1])
    assert not draws[0].equals(draws[2])


def test_the_diagonal_never_runs_out(places: Places, demand: Demand) -> None:
    population = np.bincount(places.prefecture, places.population)
    for date in itertools.islice((dt.date(2019, 12, 31) + dt.timedelta(days=day) for day in range(37)), 37):
        flows = demand.on(date)
        population = population + flows.sum(axis=0) - flows.sum(axis=1)
        assert (population[places.in_province(HUBEI)] > 2 * flows.sum(axis=1)[places.in_province(HUBEI)]).all(), date


def test_the_nations_movers_are_hubeis_and_all_others(places: Places, demand: Demand) -> None:
    nation = NationalDemand.of(places)
    hubei = places.in_province("420000")
    for date in (dt.date(2020, 1, 21), dt.date(2020, 2, 5)):
        flows = nation.on(date)
        assert np.array_equal(flows[hubei], demand.on(date)[hubei])
        assert np.array_equal(flows[:, hubei], demand.on(date)[:, hubei])
        assert (flows[~hubei][:, ~hubei].sum(axis=1) > 0).all()
        assert not np.diag(flows).any()
    average = np.mean([nation.on(date).sum() for date in CALIBRATION_DATES])
    assert average == pytest.approx(MOVERS_A_DAY)


def test_the_holiday_goes_from_districts_to_counties_and_back(places: Places) -> None:
    nation, shenzhen, fuyang = NationalDemand.of(places), "440300", "341200"
    city, home = places.prefecture_index(shenzhen), places.prefecture_index(fuyang)
    before, after = nation.on(dt.date(2020, 1, 21)), nation.on(dt.date(2020, 2, 5))
    assert before[city, home] > 2 * before[home, city]
    assert after[home, city] > 1.2 * after[city, home]
    still = nation.on(dt.date(2020, 1, 26))[~nation.with_hubei]
    assert still == pytest.approx(nation.on(dt.date(2020, 1, 26)).T[~nation.with_hubei])


def test_the_nation_decays_by_distance_as_jias_figures_do(places: Places) -> None:
    assert decay(places) == pytest.approx(1.74, abs=0.005)


def test_a_national_plan_moves_people_between_all_provinces_as_the_demand_says(places: Places) -> None:
    demand, persons, movers = NationalDemand.of(places), 60_000, 6_000
    scale = demand.movers_a_day / movers
    first = CALIBRATION_DATES[0]
    home = homes(places, persons, needed_persons(places, demand, scale, first, 2), 1)
    days = list(plan(places, demand, scale, home, first, 2, Troubles.none(), 1))
    province = np.array([code[:2] for code in places.prefecture_codes])
    wanted, moved = np.zeros(31), np.zeros(31)
    for day in days:
        assert day.unmet == 0
        left, reached = places.prefecture[day.start[day.movers]], places.prefecture[day.destination]
        left = left[left != reached]
        of_date = demand.on(day.date).sum(axis=1) / scale
        wanted += [of_date[province == one].sum() for one in np.unique(province)]
        moved += [(province[left] == one).sum() for one in np.unique(province)]
    assert moved.min() > 0  # Tibet's too
    assert moved.sum() == pytest.approx(wanted.sum(), rel=0.03)
    assert (np.abs(moved - wanted) < 5 * np.sqrt(wanted) + 1).all()

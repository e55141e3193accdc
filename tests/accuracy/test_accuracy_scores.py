"""Scores of literal cells: weighted error, bias, rank; levels; which cells are large; and the spread over seeds."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from typer.testing import CliRunner

from popflow.accuracy import report, runs
from popflow.accuracy.scores import BY_COUNTY, SCORES, Figures, score, scores
from popflow.cli.app import app
from popflow.errors import PopflowError
from popflow.synthetic.troubles import Troubles

DATE = dt.date(2020, 1, 21)
WUHAN, WUHAN_2, XIAOGAN, CHANGSHA, CHANGSHA_2 = "420102", "420106", "420902", "430102", "430103"


def figures(flows: dict[tuple[str, str], int], told: dict[tuple[str, int, str], int] | None = None) -> Figures:
    """Figures of one date: flows by pair, the day ends that they come to, what is told by quantity, hour, county."""
    rows = [(DATE, origin, destination, persons) for (origin, destination), persons in flows.items()]
    frame = pd.DataFrame(rows, columns=["date", "origin_county", "destination_county", "persons"])
    ended = frame.groupby(["date", "destination_county"])["persons"].sum().reset_index()
    counts = [(name, DATE, hour, county, persons) for (name, hour, county), persons in (told or {}).items()]
    by_county = pd.DataFrame(counts, columns=BY_COUNTY)
    return Figures(frame, ended.rename(columns={"destination_county": "county_code"}), by_county)


def cells(*pairs: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["measured", "true"])


def of(frame: pd.DataFrame, quantity: str, level: str) -> dict:
    (found,) = frame[(frame["quantity"] == quantity) & (frame["level"] == level)].to_dict("records")
    return found


def test_wmape_weighs_by_true_persons_and_errors_do_not_cancel():
    found = score(cells((90, 100), (60, 50), (0, 50)))
    assert found["wmape"] == pytest.approx((10 + 10 + 50) / 200)
    assert found["bias"] == pytest.approx((-10 + 10 - 50) / 200)
    assert (found["cells"], found["persons"]) == (3, 200)


def test_a_cell_that_is_not_true_counts_as_error_and_not_as_cell():
    found = score(cells((100, 100), (5, 0)))
    assert (found["wmape"], found["bias"], found["cells"]) == (0.05, 0.05, 1)


def test_rank_correlation_sees_the_order_alone():
    assert score(cells((1, 10), (2, 20), (300, 30)))["rank"] == pytest.approx(1)
    assert score(cells((3, 10), (2, 20), (1, 30)))["rank"] == pytest.approx(-1)


def test_what_is_lost_between_two_counties_is_not_lost_between_their_prefectures():
    true = figures({(WUHAN, CHANGSHA): 80, (WUHAN, CHANGSHA_2): 20, (WUHAN, WUHAN): 900})
    measured = figures({(WUHAN, CHANGSHA): 70, (WUHAN, CHANGSHA_2): 30, (WUHAN, WUHAN): 900})
    found = scores(measured, true, "420100")
    assert of(found, "outflow", "county")["wmape"] == pytest.approx(0.2)
    assert of(found, "outflow", "prefecture")["wmape"] == 0
    assert of(found, "population", "county")["wmape"] == pytest.approx(20 / 1000)


def test_a_move_within_the_prefecture_is_no_outflow_and_its_own_province_is_a_destination():
    moves = figures({(WUHAN, WUHAN_2): 500, (WUHAN, XIAOGAN): 300, (XIAOGAN, WUHAN): 40})
    found = scores(moves, moves, "420100")
    assert of(found, "outflow", "province") | {"rank": 0} == {
        "quantity": "outflow", "level": "province", "cells": 1, "persons": 300, "wmape": 0, "bias": 0, "found": 1,
        "rank": 0,
    }  # fmt: skip
    assert of(found, "flows", "province")["persons"] == 0
    assert of(found, "flows", "prefecture")["persons"] == 340
    assert of(found, "flows", "county")["persons"] == 840


@pytest.mark.parametrize(("true", "large"), [(199, 0), (200, 1)])
def test_large_cells_have_at_least_200_true_movers(true, large):
    found = scores(figures({(WUHAN, CHANGSHA): 250}), figures({(WUHAN, CHANGSHA): true}), "420100")
    assert of(found, "outflow, large cells", "county")["cells"] == large


def nations(trouble: str = "all") -> pd.DataFrame:
    """Scores of two seeds under a trouble, by default every one."""
    rows = []
    for seed, wmape in ((1, 0.01), (2, 0.03)):
        for quantity, level in [("outflow", "prefecture"), ("outflow", "county"), ("population", "county"),
                                ("outflow, large cells", "county"), ("flows", "prefecture"),
                                ("flows", "county")]:  # fmt: skip
            rows.append((trouble, seed, quantity, level, 10, 1000, wmape, -wmape, 1 - wmape, 0.99))
    return pd.DataFrame(rows, columns=["trouble", "seed", *SCORES])


def test_the_spread_is_mean_least_and_greatest_over_the_seeds():
    (row,) = runs.spread(nations()).query("quantity == 'flows' and level == 'county'").to_dict("records")
    assert (row["wmape_mean"], row["wmape_min"], row["wmape_max"]) == (pytest.approx(0.02), 0.01, 0.03)
    assert (row["bias_min"], row["bias_max"], row["seeds"]) == (-0.03, -0.01, 2)


def test_a_promise_is_kept_by_the_worst_seed_or_not_at_all():
    assert report.promises(runs.spread(nations("all"))).empty
    kept = report.promises(runs.spread(nations("promised"))).set_index("what")
    assert kept.loc["Wuhan's outflow by prefecture", "kept"] == "no"
    assert kept.loc["Wuhan's outflow, cells of 200 movers and more by county", "kept"] == "yes"
    assert kept.loc["Wuhan's outflow by county", "worst seed"] == 0.03
    assert kept.loc["Wuhan's outflow by county", "kept"] == "no"


def test_moves_found_are_those_that_are_said_and_true():
    said = score(cells((80, 100), (30, 0), (0, 20)))
    assert said["found"] == pytest.approx(80 / 120)
    assert said["bias"] == pytest.approx(110 / 120 - 1)


def test_thin_phones_are_a_nation_of_their_own_and_a_row_of_their_own_table():
    thin = runs.troubles_named("2.4 records a day")
    assert (thin.thin_phones, thin.thin_records, thin.night_silence, thin.phone_off) == (1.0, 2.4, 0.0, 0.0)
    assert thin.evenings_out == Troubles.all().evenings_out
    table = report.by_rate(runs.spread(pd.concat([nations(), nations("8 records a day")])))
    assert table.to_dict("records") == [
        {
            "phones": "8 records a day",
            "prefecture moves said / true": "0.980 (0.970-0.990)",
            "prefecture moves found": "0.980 (0.970-0.990)",
            "county moves said / true": "0.980 (0.970-0.990)",
            "county moves found": "0.980 (0.970-0.990)",
        }
    ]


@pytest.mark.parametrize("text", ["often", "0", "8,,7", "97", "-1"])
def test_a_rate_that_is_none_is_refused_before_anything_is_simulated(tmp_path, text):
    with pytest.raises(PopflowError, match="--records"):
        CliRunner().invoke(
            app, ["accuracy", "--out", str(tmp_path / "out"), f"--records={text}"], catch_exceptions=False
        )
    assert not (tmp_path / "out").exists()


def test_the_page_holds_chart_and_tables_and_needs_no_network(tmp_path):
    asked = runs.Asked(tmp_path, 1000, 2, (1, 2), ("all",))
    files = report.write(asked, nations(), runs.spread(nations()))
    page = files[-1].read_text(encoding="utf-8")
    assert "Unprotected figures beside the truth" in page
    assert "vegaEmbed" in page
    assert 'src="http' not in page
    assert len(pd.read_csv(files[0])) == len(nations())


def test_what_is_done_is_not_done_again(tmp_path, contracts):
    asked = runs.Asked(tmp_path, 1000, 2, (1, 2), ("all",))
    for seed, rows in nations().groupby("seed"):
        asked.file("all", seed).parent.mkdir(exist_ok=True)
        rows.to_csv(asked.file("all", seed), index=False)
    assert len(runs.accuracy(asked, contracts, lambda text: None)) == len(nations())


@pytest.mark.parametrize(("days", "trouble", "said"), [(1, "all", "days = 1"), (2, "rain", "unknown trouble 'rain'")])
def test_what_cannot_be_measured_is_refused_before_anything_is_simulated(tmp_path, contracts, days, trouble, said):
    with pytest.raises(PopflowError, match=said):
        runs.accuracy(runs.Asked(tmp_path / "out", 1000, days, (1,), (trouble,)), contracts, lambda text: None)
    assert not (tmp_path / "out").exists()


def test_what_is_told_in_hundreds_is_scored_by_county_and_hour():
    flows = {(WUHAN, WUHAN): 900}
    true = {("population", 3, WUHAN): 80, ("population", 3, XIAOGAN): 20, ("population", 10, WUHAN): 100}
    said = true | {("population", 3, WUHAN): 70, ("population", 3, XIAOGAN): 30}
    found = scores(figures(flows, said), figures(flows, true), "420100")
    assert of(found, "population", "county")["wmape"] == 0  # the day ends are a quantity of their own
    told = found[found["quantity"] == "population by hour"]
    assert told["wmape"].tolist() == [pytest.approx(20 / 200)]
    assert told["cells"].tolist() == [3]


def test_a_nation_that_was_measured_without_them_has_no_such_score():
    flows = {(WUHAN, WUHAN): 900}
    found = scores(figures(flows), figures(flows, {("arrivals", 0, WUHAN): 5}), "420100")
    assert "arrivals" not in set(found["quantity"])

"""The gate of figures in hundreds: thresholds at their edges, rounding behind the secret offset, parts beside."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from hundreds_tables import DATE, KEY, MNOS, counts, everyone
from popflow.contracts import Contracts
from popflow.disclosure import ProtectedCounts, protect_counts
from popflow.disclosure.hundreds import Exact, Figures, Limits, rounded_off
from popflow.disclosure.offsets import secret_number
from popflow.errors import PopflowError


def protected(contracts: Contracts, exact: pd.DataFrame, name: str = "population", **changed) -> ProtectedCounts:
    given = {"date": DATE, "mnos": MNOS, "rules": contracts.disclosure, "key": KEY, "counties": ["420102"]}
    return protect_counts(exact, indicator=contracts.hundreds[name], **given | changed)


def told(table: ProtectedCounts) -> dict:
    rows = table.rows_table.to_pylist()
    return {(row["county_code"], row["hour"]): row["persons"] for row in rows}


def offsets(contracts: Contracts, counties: list[str], name: str = "population", key: bytes = KEY, date=DATE):
    indicator = contracts.hundreds[name]
    exact = Exact(counties, [None] * len(counties), {})
    return Figures(indicator, date, Limits.of(indicator, contracts.disclosure), key, exact).offsets({})


def offset(contracts: Contracts, county: str, name: str = "population", date: dt.date = DATE) -> int:
    return int(offsets(contracts, [county], name, date=date)[0])


def test_a_figure_is_the_count_and_its_offset_rounded_off(contracts):
    for persons in range(1500, 1700):
        (figure,) = told(protected(contracts, counts(everyone("420102", persons)))).values()
        assert figure == (persons + offset(contracts, "420102")) // 100 * 100
        assert abs(figure - persons) < 100


def test_every_number_of_a_hundred_is_an_offset_of_some_county(contracts):
    assert set(offsets(contracts, [f"{n:06}" for n in range(2000)])) == set(range(100))


def test_the_offset_of_a_county_stays_where_it_is_fixed_and_is_the_keys(contracts):
    assert offset(contracts, "420102") == offset(contracts, "420102", date=DATE + dt.timedelta(days=1))
    assert offset(contracts, "420102", "population") != offset(contracts, "420102", "daytime")
    assert offset(contracts, "420102", "arrivals") != offset(
        contracts, "420102", "arrivals", DATE + dt.timedelta(days=1)
    )
    fifty = [f"{n:06}" for n in range(50)]
    assert (offsets(contracts, fifty, key=b"x" * 32) != offsets(contracts, fifty)).sum() > 30


def test_a_row_stands_from_a_figure_of_1000_on(contracts):
    edge = 1000 - offset(contracts, "420102")
    assert told(protected(contracts, counts(everyone("420102", edge)))) == {("420102", 3): 1000}
    assert told(protected(contracts, counts(everyone("420102", edge - 1)))) == {}


def test_sims_without_an_entry_do_not_count_towards_it(contracts):
    edge = 1000 - offset(contracts, "420102")
    assert told(protected(contracts, counts(everyone("420102", 1500, registered=edge))))
    assert not told(
        protected(contracts, counts(everyone("420102", 1500, registered=edge - 1, without=(300, 300, 300))))
    )


def test_a_row_stands_from_100_persons_without_each_mno_on(contracts):
    assert told(protected(contracts, counts(everyone("420102", 1500, without=(100, 900, 900)))))
    assert not told(protected(contracts, counts(everyone("420102", 1500, without=(900, 99, 900)))))
    alone = counts(everyone("420102", 1500, without=(0, 900, 900)))
    assert told(protected(contracts, alone, mnos=("mobile",)))  # one MNO knows everybody anyway


def test_a_sensitive_county_has_no_row(contracts):
    rules = contracts.disclosure.model_copy(update={"sensitive_counties": ["420102"]})
    exact = counts(everyone("420102", 5000), everyone("420106", 5000))
    assert set(told(protected(contracts, exact, rules=rules))) == {("420106", 3)}


def test_hours_are_told_apart_and_a_date_has_no_hour(contracts):
    exact = counts(*(everyone("420102", 2000 + 100 * hour, hour) for hour in range(24)))
    assert [hour for _, hour in told(protected(contracts, exact))] == list(range(24))
    visitors = ("420102", "visitors", None, 700, 700, (300, 300, 300))
    residents = ("420102", "residents", None, 20, 20, (10, 10, 10))
    table = protected(contracts, counts(visitors, residents, definition="daytime-1"), "daytime")
    assert {hour for _, hour in told(table)} == {None}


@pytest.mark.parametrize(
    ("residents", "stands"),
    [((20, 20, (10, 10, 10)), True), ((20, 19, (10, 10, 10)), False), ((20, 20, (10, 9, 10)), False), (None, False)],
)
def test_visitors_are_told_where_residents_are_there_too(contracts, residents, stands):
    rows = [("420102", "visitors", None, 700, 700, (300, 300, 300))]
    rows += [("420102", "residents", None, *residents)] if residents else []
    table = protected(contracts, counts(*rows, definition="daytime-1"), "daytime")
    assert bool(told(table)) == stands
    for figure in told(table).values():
        assert abs(figure - 700) < 100


def test_what_does_not_hold_together_is_refused_without_a_figure(contracts):
    for exact, said in (
        (counts(everyone("420102", 5000), everyone("420102", 5000)), "a cell stands twice"),
        (counts(everyone("420102", 5000), definition="population-0"), "go by population-0"),
        (counts(everyone("420102", 5000, registered=5001)), "fewer persons than registered"),
        (counts(("420102", "nobody", 3, 5000, 5000, (1, 1, 1))), "part: 'nobody' is none of the contract"),
        (counts(everyone("420102", 5000), date=dt.date(2020, 1, 1)), "another date"),
    ):
        with pytest.raises(PopflowError, match=said) as refused:
            protected(contracts, exact)
        assert "5000" not in str(refused.value)


def test_it_cannot_be_made_changed_or_copied_elsewhere(contracts):
    table = protected(contracts, counts(everyone("420102", 5000)))
    with pytest.raises(PopflowError, match="made by popflow"):
        ProtectedCounts(object(), indicator="population", date=DATE, definition="", mnos=(), rows=table.rows_table,
                        shown_percent=0, draws={})  # fmt: skip
    with pytest.raises(PopflowError, match="cannot be changed"):
        table.date = dt.date(2020, 1, 1)
    with pytest.raises(PopflowError, match="cannot be copied"):
        table.__reduce__()
    object.__setattr__(table, "_rows", table.rows_table.slice(0, 0))
    with pytest.raises(PopflowError, match="not what the gate made"):
        table.refuse_if_changed()


def test_secret_numbers_are_of_all_their_parts():
    assert secret_number(KEY, ["a", "bc"], 1 << 60) != secret_number(KEY, ["ab", "c"], 1 << 60)


def test_rounding_off_goes_down():
    assert rounded_off(
        pd.Series([0, 99, 100, 199]).to_numpy()[:, None], pd.Series([0, 0, 0, 0]).to_numpy(), 100
    ).T.tolist() == [[0, 0, 100, 100]]

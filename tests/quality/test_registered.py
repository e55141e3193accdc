"""A night stops where the register does not know an MNO's SIMs, on the first night too."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.quality import registered
from popflow.quality.registered import found_percent, refuse_unregistered

DAY = dt.date(2020, 1, 22)
MNOS = ("mobile", "unicom", "telecom")
SEEN = "mno string, sim_token string, county_code string, slots_lo bigint, slots_hi bigint"
REGISTER = "mno string, sim_token string, line_kind string"


def test_the_share_is_of_each_mnos_sims_of_any_kind(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [(mno, f"{number:032x}", county, 1, 1) for mno in ("mobile", "unicom") for number in range(300)
            for county in ("420102", "420103")]  # fmt: skip
    known = [("mobile", f"{number:032x}", ("person", "iot", "data_only")[number % 3]) for number in range(299)]
    known += [("unicom", f"{number:032x}".replace("0", "O"), "person") for number in range(300)]
    presence, register = spark.createDataFrame(seen, SEEN), spark.createDataFrame(known, REGISTER)
    assert found_percent(presence, register, 300) == {"mobile": 99, "unicom": 0}
    monkeypatch.setattr(registered, "ONE_IN", 4)
    monkeypatch.setattr(registered, "FEWEST", 50)
    assert found_percent(presence, register, 300)["mobile"] >= 98
    assert found_percent(presence, register, 300)["unicom"] == 0


@pytest.mark.parametrize(("unicom", "stops"), [(80, False), (79, True), (0, True)])
def test_below_the_contracts_bound_one_mno_stops_the_night(contracts: Contracts, unicom: int, stops: bool) -> None:
    least = contracts.table("subscribers").bounds["least_found_percent"]
    found = {"mobile": 99, "unicom": unicom, "telecom": 99}
    if not stops:
        refuse_unregistered(found, MNOS, least, DAY)
        return
    with pytest.raises(
        PopflowError, match=rf"^2020-01-22: the register holds {unicom} % of the SIMs of unicom, .* 80 %"
    ):
        refuse_unregistered(found, MNOS, least, DAY)
    refuse_unregistered(found, ("mobile", "telecom"), least, DAY)  # a night without it does not ask

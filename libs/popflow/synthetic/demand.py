"""How many people leave which prefecture for which, on each date, at full size.

What is known: people who left Wuhan on 1-24 January 2020 by prefecture (Jia et al., Nature 2020) and Baidu's daily
outflow index of Wuhan (Kraemer et al., Science 2020). What is assumed:

- prefectures without a figure of Jia (45, Enshi and 429000 among them) get the median rate per resident of their
  province's other prefectures, times their residents;
- a unit of the index is the same number of persons on every date, so that over 1-24 January the 296 prefectures add
  up to Jia's total;
- Hubei's prefectures send 5 million persons a day together on the average of 10-24 January; those other than Wuhan
  by gravity (residents of both prefectures), 65 % of it near (distance to the power of -3), 35 % far (-0.5: people
  who work on the coast), in both directions alike, and their curve is Baidu's, its peaks damped by the square root;
- 70 % of Wuhan's average outflow comes into Wuhan, from where Wuhan's outflow goes, until the city is closed;
- outside Hubei 0.3 % of the people move to another prefecture a day, and everywhere 0.5 % to another county of their
  own prefecture (no published number depends on either);
- a date outside the series has the index of the series' nearest date: from 6 February on that of the 5th, with no
  wave of people who go back to work, which is a trouble of its own (`popflow.synthetic.return_wave`).
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
from dataclasses import dataclass
from importlib import resources
from typing import ClassVar

import numpy as np

from popflow.synthetic.places import Floats, Places, distance_km

WUHAN, HUBEI = "420100", "420000"
WUHAN_CLOSED = dt.date(2020, 1, 23)
WUHAN_CLOSED_SLOT = 40  # 10:00
JIA_DATES = [dt.date(2020, 1, day) for day in range(1, 25)]
CALIBRATION_DATES = [dt.date(2020, 1, day) for day in range(10, 25)]
HUBEI_MOVERS_A_DAY = 5_000_000
INTO_WUHAN = 0.7
OUTSIDE_RATE, LOCAL_RATE = 0.003, 0.005
NEAR_SHARE, NEAR_POWER, FAR_POWER = 0.65, 3.0, 0.5
NEAREST_KM = 40.0  # closer centres count as this far apart

# Jia's rows whose code is not that of a prefecture: municipalities stand at their province's code, Laiwu belongs to
# Jinan since 2019, Naqu and Qamdo have codes of before they became cities.
JIA_CODES = {
    "110000": ["110100"],
    "120000": ["120100"],
    "310000": ["310100"],
    "500000": ["500100", "500200"],
    "371200": ["370100"],
    "542400": ["540600"],
    "-1": ["540300"],
}


@dataclass(frozen=True)
class Demand:
    """Expected persons a day from prefecture to prefecture (P x P), before a date's curve is applied.

    from_wuhan: per unit of the index. into_wuhan: a day. gravity: all pairs with Hubei at one end and Wuhan at none.
    """

    from_wuhan: Floats
    into_wuhan: Floats
    gravity: Floats
    wuhan: int
    movers_a_day: ClassVar[int] = HUBEI_MOVERS_A_DAY
    of_all: ClassVar[bool] = False

    @classmethod
    def of(cls, places: Places) -> Demand:
        """The demand of the nation that lives in these places."""
        wuhan = places.prefecture_index(WUHAN)
        persons = wuhan_destinations(places)
        from_wuhan = persons / sum(index_on(date) for date in JIA_DATES)
        into_wuhan = INTO_WUHAN * persons / len(JIA_DATES)
        return cls(from_wuhan, into_wuhan, _calibrated_gravity(places, wuhan, from_wuhan, into_wuhan), wuhan)

    def on(self, date: dt.date) -> Floats:
        """Expected persons of a date, from prefecture (row) to prefecture (column); 0 within a prefecture."""
        flows = self.gravity * curve_on(date)
        flows[self.wuhan] = self.from_wuhan * index_on(date)
        flows[:, self.wuhan] = self.into_wuhan if date < WUHAN_CLOSED else 0
        return flows


@functools.cache
def wuhan_index() -> dict[dt.date, float]:
    """Baidu's outflow index of Wuhan by date, 2020."""
    rows = shipped_rows("baidu_wuhan_outflow_index_daily.csv")
    dates = {dt.date.fromisoformat(row["date"]): float(row["scale"]) for row in rows}
    return {date: scale for date, scale in dates.items() if date.year == 2020}


def index_on(date: dt.date) -> float:
    """The index of a date; outside the series, that of its nearest date."""
    series = wuhan_index()
    return series[min(max(date, min(series)), max(series))]


def curve_on(date: dt.date) -> float:
    """Movers of Hubei's other prefectures relative to an average day: the index, its peaks damped by the root."""
    average = float(np.mean([index_on(one) for one in JIA_DATES]))
    ratio = index_on(date) / average
    return min(ratio, ratio**0.5)


def wuhan_destinations(places: Places) -> Floats:
    """Persons who left Wuhan on 1-24 January 2020 by prefecture (P): Jia's figures, assumed where there is none."""
    persons = jia_figures(places)
    known = ~np.isnan(persons)
    rate = persons / places.prefecture_population
    typical = float(np.median(rate[known]))
    for prefecture in np.flatnonzero(~known):
        siblings = known & places.in_province(places.prefecture_codes[prefecture])
        of_province = float(np.median(rate[siblings])) if siblings.any() else typical
        persons[prefecture] = of_province * places.prefecture_population[prefecture]
    persons[places.prefecture_index(WUHAN)] = 0
    return persons


def jia_figures(places: Places) -> Floats:
    """Jia's figures by prefecture (P); nan where there is none."""
    persons = np.full(len(places.prefecture_codes), np.nan)
    for row in shipped_rows("jia_wuhan_outflow_296.csv"):
        wanted = JIA_CODES.get(row["city_code"], [row["city_code"]])
        indexes = np.flatnonzero(np.isin(places.prefecture_codes, wanted))
        residents = places.prefecture_population[indexes]
        parts = float(row["wuhan_outflow"]) * residents / residents.sum()
        persons[indexes] = np.nan_to_num(persons[indexes]) + parts
    return persons


def _calibrated_gravity(places: Places, wuhan: int, from_wuhan: Floats, into_wuhan: Floats) -> Floats:
    hubei = places.in_province(HUBEI)
    others = hubei & (np.arange(len(hubei)) != wuhan)
    near, far = (gravity_weights(places, power) for power in (NEAR_POWER, FAR_POWER))
    weight = NEAR_SHARE * near / near[others].sum() + (1 - NEAR_SHARE) * far / far[others].sum()
    weight = weight * (hubei[:, None] | hubei[None, :])
    weight[wuhan] = weight[:, wuhan] = 0
    from_wuhan_a_day = from_wuhan.sum() * np.mean([index_on(date) for date in CALIBRATION_DATES])
    others_into_wuhan = into_wuhan[hubei].sum() * np.mean([date < WUHAN_CLOSED for date in CALIBRATION_DATES])
    rest = HUBEI_MOVERS_A_DAY - from_wuhan_a_day - others_into_wuhan
    average_curve = np.mean([curve_on(date) for date in CALIBRATION_DATES])
    return weight * rest / (weight[hubei].sum() * average_curve)


def gravity_weights(places: Places, power: float) -> Floats:
    """Relative numbers of travellers between prefectures (P x P), 0 within."""
    points = places.prefecture_points
    distance = np.maximum(distance_km(points[:, None], points[None, :]), NEAREST_KM)
    residents = places.prefecture_population
    weights: Floats = residents[:, None] * residents[None, :] / distance**power
    np.fill_diagonal(weights, 0)
    return weights


def shipped_rows(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file of `popflow/synthetic/data` by column."""
    text = resources.files("popflow.synthetic").joinpath("data", name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))

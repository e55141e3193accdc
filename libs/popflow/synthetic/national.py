"""How many people leave which prefecture for which on each date, in the whole nation, at full size.

What is known: Wuhan's outflow by prefecture (Jia et al., Nature 2020) and by day (Kraemer et al., Science 2020); all
pairs with Hubei at one end are those of `popflow.synthetic.demand`. What is assumed of all others:

- 100 million people a day move to another prefecture on the average of 10-24 January;
- two of three travel for a day or a few: by gravity, as many in each direction, with the decay by distance that fits
  Jia's figures outside Hubei (a power of 1.74, by least squares of the logarithms);
- one of three goes home for the holiday: from where districts are to where counties are (people who work in cities and
  were born in the country), with the square root of that decay, along Wuhan's curve until New Year;
- from 28 January a third of them comes back over three weeks, the other way round; the rest stay on.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.demand import (
    CALIBRATION_DATES,
    HUBEI,
    NEAREST_KM,
    WUHAN,
    Demand,
    curve_on,
    gravity_weights,
    jia_figures,
)
from popflow.synthetic.places import Floats, Places, distance_km

MOVERS_A_DAY = 100_000_000
HOMEWARD_SHARE = 1 / 3
NEW_YEAR = dt.date(2020, 1, 25)
RETURN_FROM, RETURN_DAYS, RETURN_SHARE = dt.date(2020, 1, 28), 21, 1 / 3
FIRST_COUNTY = 21  # GB/T 2260: the last two digits of a district are 01 to 20, those of a county from here


@dataclass(frozen=True)
class NationalDemand:
    """Expected persons a day from prefecture to prefecture (P x P), before a date's curve is applied."""

    hubei: Demand
    with_hubei: NDArray[np.bool_]  # pairs with Hubei at one end, which `hubei` knows
    trips: Floats
    homeward: Floats
    movers_a_day: ClassVar[int] = MOVERS_A_DAY
    of_all: ClassVar[bool] = True

    @classmethod
    def of(cls, places: Places) -> NationalDemand:
        """The demand of the nation that lives in these places."""
        inside = places.in_province(HUBEI)
        with_hubei = inside[:, None] | inside[None, :]
        hubei = Demand.of(places)
        average = np.mean([hubei.on(date).sum() for date in CALIBRATION_DATES])
        power = decay(places)
        trips, homeward = gravity_weights(places, power), _homeward_weights(places, power / 2)
        trips[with_hubei] = homeward[with_hubei] = 0
        left = MOVERS_A_DAY - average
        curve = np.mean([_homeward_on(date) for date in CALIBRATION_DATES])
        return cls(
            hubei,
            with_hubei,
            trips * left * (1 - HOMEWARD_SHARE) / trips.sum(),
            homeward * left * HOMEWARD_SHARE / (homeward.sum() * curve),
        )

    def on(self, date: dt.date) -> Floats:
        """Expected persons of a date, from prefecture (row) to prefecture (column); 0 within a prefecture."""
        flows = self.trips + self.homeward * _homeward_on(date) + self.homeward.T * self._back_on(date)
        return np.where(self.with_hubei, self.hubei.on(date), flows)

    @functools.cached_property
    def _went_home(self) -> float:
        """Average days of travel that the way home takes, as the curve counts them."""
        before = [NEW_YEAR - dt.timedelta(days=day) for day in range(1, 26)]
        return float(sum(_homeward_on(date) for date in before))

    def _back_on(self, date: dt.date) -> float:
        day = (date - RETURN_FROM).days
        return self._went_home * RETURN_SHARE / RETURN_DAYS if 0 <= day < RETURN_DAYS else 0.0


def decay(places: Places) -> float:
    """The power of distance by which Wuhan's outflow to prefectures outside Hubei falls, fitted to Jia's figures."""
    persons, wuhan = jia_figures(places), places.prefecture_index(WUHAN)
    points = places.prefecture_points
    far = np.nan_to_num(persons) * ~places.in_province(HUBEI) > 0
    distance = np.maximum(distance_km(points[wuhan], points[far]), NEAREST_KM)
    factors = np.column_stack([np.ones(far.sum()), np.log(distance), np.log(places.prefecture_population[far])])
    fitted = np.linalg.lstsq(factors, np.log(persons[far]), rcond=None)[0]
    return float(-fitted[1])


def _homeward_on(date: dt.date) -> float:
    """The way home on a date, relative to an average day of January's before New Year; nobody goes after it."""
    return curve_on(date) if date <= NEW_YEAR else 0.0


def _homeward_weights(places: Places, power: float) -> Floats:
    """Relative numbers of those who go home: residents of districts at the origin, of counties at the destination."""
    is_county = np.array([int(code[4:]) >= FIRST_COUNTY for code in places.county_codes])
    ends = [np.bincount(places.prefecture, places.population * which) for which in (~is_county, is_county)]
    points = places.prefecture_points
    distance = np.maximum(distance_km(points[:, None], points[None, :]), NEAREST_KM)
    weights: Floats = ends[0][:, None] * ends[1][None, :] / distance**power
    np.fill_diagonal(weights, 0)
    return weights

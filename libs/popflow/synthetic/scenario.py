"""The scenario of January 2020 around Wuhan's outflow: with records at a scale, or in full size without.

From 31 December 2019 (so that 1 January has a yesterday) to 5 February 2020: daily volume by the Baidu index,
destinations by Jia's 296 prefectures and by residents within them, Wuhan closed from 23 January 10:00. The assumptions
are those of `popflow.synthetic.demand`. It is fed with the published figures: that the pipeline returns them shows that
it hands them through, and validates nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from popflow.errors import PopflowError
from popflow.progress import Progress, silent
from popflow.synthetic.demand import HUBEI_MOVERS_A_DAY, Demand
from popflow.synthetic.moves import LOCAL_RATE, needed_persons
from popflow.synthetic.nation import LARGEST_NEEDED_SHARE, SimulationSummary, simulate
from popflow.synthetic.national import NationalDemand
from popflow.synthetic.people import MNOS, SHARES
from popflow.synthetic.places import Floats, Ints, Places, shipped_places
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.troubles import Troubles

FIRST, DAYS = dt.date(2019, 12, 31), 37
MASKS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]])


@dataclass(frozen=True)
class Scenario:
    """What `simulate` is given: dates, persons, and movers on an average day of 10-24 January."""

    first: dt.date
    days: int
    persons: int
    movers: int
    seed: int
    troubles: Troubles

    def simulate(self, out: Path, on_progress: Progress = silent, processes: int | None = None) -> SimulationSummary:
        """Write the scenario's landing, reference and truth below `out`."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return simulate(out, on_progress=on_progress, processes=processes, **given)


def wuhan_2020(
    scale: float = 50,
    seed: int = 1,
    first: dt.date = FIRST,
    days: int = DAYS,
    stayers: int = 50_000,
    troubles: Troubles | None = None,
) -> Scenario:
    """The scenario at 1:scale. Every mover is simulated; stayers: so many more persons, a sample of all residents."""
    if scale < 1:
        raise PopflowError(f"scale = {scale}: at least 1 (1:1)")
    places = shipped_places()
    needed = needed_persons(places, Demand.of(places), scale, first, days).sum()
    persons = math.ceil(needed / LARGEST_NEEDED_SHARE) + len(places.prefecture_codes) + stayers
    return Scenario(first, days, persons, round(HUBEI_MOVERS_A_DAY / scale), seed, troubles or Troubles())


def counts(
    first: dt.date = FIRST,
    days: int = DAYS,
    seed: int = 1,
    scale: float = 1.0,
    troubles: Troubles | None = None,
    *,
    national: bool = False,
) -> Iterator[tuple[dt.date, pa.Table]]:
    """The exact flows of the same model without records: each date with its rows by the contract `flows_exact`.

    At full size (scale 1) all residents of all counties, about 5 million of whom leave a prefecture of Hubei's a day;
    national: 100 million a prefecture of the nation's (`popflow.synthetic.national`), else people outside Hubei stay
    outside, on the diagonal. The flows of a date follow from the seed and the date; the diagonal is what the dates
    before have left: population(d) = population(d-1) - outflow + inflow by county.
    """
    places, troubles = shipped_places(), troubles or Troubles()
    demand = NationalDemand.of(places) if national else Demand.of(places)
    population = np.rint(places.population / scale).astype(np.int64)
    for day in range(days):
        date = first + dt.timedelta(days=day)
        draw = stream(seed, "counts", date.toordinal())
        flows = _county_flows(places, demand.on(date) / scale, scale, draw)
        np.fill_diagonal(flows, np.maximum(population - flows.sum(axis=1), 0))
        population = flows.sum(axis=0)
        yield date, _exact_rows(places, date, flows, troubles, draw)


def mask_shares(troubles: Troubles) -> Floats:
    """Share of the persons with SIMs at each set of MNOs, in the order of MASKS."""
    dual = troubles.several_sims
    first = np.outer(SHARES / (1 - SHARES), SHARES)  # [a, b]: a first and b second
    pairs = [first[0, 1] + first[1, 0], first[0, 2] + first[2, 0], first[1, 2] + first[2, 1]]
    return np.concatenate([(1 - dual) * SHARES, dual * np.array(pairs)])


def _county_flows(places: Places, demand: Floats, scale: float, draw: Stream) -> Ints:
    """Persons from county to county, drawn: by residents within both prefectures, and within a prefecture too."""
    share = places.population / places.prefecture_population[places.prefecture]
    within = demand + np.diag(LOCAL_RATE * places.prefecture_population / scale)
    expected = within[np.ix_(places.prefecture, places.prefecture)] * share[:, None] * share[None, :]
    np.fill_diagonal(expected, 0)
    return draw.poisson(expected)


def _exact_rows(places: Places, date: dt.date, flows: Ints, troubles: Troubles, draw: Stream) -> pa.Table:
    origin, destination = np.nonzero(flows)
    persons = flows[origin, destination]
    registered = persons - draw.binomial(persons, troubles.unregistered_sims)
    without = draw.multinomial(registered, mask_shares(troubles)) @ (1 - MASKS)
    codes = pa.array(places.county_codes.astype(object))
    offsets = np.arange(0, without.size + 1, len(MNOS), dtype=np.int32)
    names = pa.array(np.tile(np.array(MNOS, dtype=object), persons.size), pa.string())
    return pa.table(
        {
            "date": pa.repeat(pa.scalar(date), persons.size),
            "origin_county": codes.take(pa.array(origin)),
            "destination_county": codes.take(pa.array(destination)),
            "persons": persons,
            "persons_registered": registered,
            "persons_without": pa.MapArray.from_arrays(pa.array(offsets), names, pa.array(without.ravel())),
        }
    )

"""The signalling records of a chunk's SIMs on one date, as arrays; nothing here knows a file format."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from popflow.synthetic.cells import UNKNOWN_CELLS, Cells
from popflow.synthetic.journeys import Positions
from popflow.synthetic.legs import SLOTS
from popflow.synthetic.people import MNOS, Sims
from popflow.synthetic.places import Floats, Ints, Places
from popflow.synthetic.randomness import Stream, stream
from popflow.synthetic.troubles import Troubles

SLOT_SECONDS = 900
DAY_SECONDS = SLOTS * SLOT_SECONDS
MEDIAN_STILL, SPREAD_STILL = 10.0, 1.0  # records a SIM-day, lognormal: mean 16
MEDIAN_MOVING, SPREAD_MOVING = 24.0, 0.67  # mean 30
SECOND_SIM_FACTOR = 0.4
MOST_RECORDS = 2058  # a SIM-day, as in the real feed
USUAL_CELL_SHARE = 0.7
UPDATE_SHARE = 0.9  # of the arrivals in a new county that cause a location update
LOCATION_UPDATE = 2  # attach, detach, location update, call, sms, data, as in the landing contracts
EVENT_SHARES = np.array([0.02, 0.02, 0.16, 0.10, 0.10, 0.60])
HOURLY = np.array([4, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 11, 10, 9, 9, 10, 11, 12, 12, 11, 10, 8, 6], float)
PING_PONG_SHARE = 0.25  # of the records of border people that start a flip
OTHER_SIDE_SHARE = 0.35  # of the records of border dwellers at home
EVENLY_FROM = 8  # records a day from which thin phones speak at even intervals
GOLDEN_RATIO = (5**0.5 - 1) / 2
NIGHT = (24, 92)  # silent before 06:00 and from 23:00
WRONG_CLOCK_SHARE = 0.2  # of the wrong-day records; the others are 23:xx of the day before or 00:xx of the day after
WRONG_CLOCK_DAYS = 5
EVENING = (80, 88)  # 20:00 to 22:00, what a late file holds
MISSING_TOKEN, BROKEN_TIME = 1, 2


@dataclass(frozen=True)
class Records:
    """Records of one chunk: SIM (of the chunk), second of the date (may lie outside), cell, event.

    cell: index into Cells; from len(cells) on, ids that no table has ever held. damage: 0, MISSING_TOKEN, BROKEN_TIME.
    """

    sim: Ints
    second: Ints
    cell: Ints
    event: Ints
    damage: Ints

    def take(self, index: Ints | NDArray[np.bool_] | slice) -> Records:
        """Some of the records, by index, mask or slice."""
        return Records(*(getattr(self, one.name)[index] for one in fields(self)))

    def __len__(self) -> int:
        return len(self.sim)


@dataclass(frozen=True)
class Outages:
    """Hours of one date in which an MNO has no records in a province: first and last slot (provinces x MNOs)."""

    first: Ints
    last: Ints

    @classmethod
    def of(cls, places: Places, troubles: Troubles, day: int, seed: int) -> Outages:
        """The outages of a day of the nation."""
        draw = stream(seed, "outages", day)
        shape = (len(places.province_codes), len(MNOS))
        hit = draw.random(shape) < troubles.outages
        first = draw.integers(24, 80, shape)
        return cls(first, np.where(hit, first + draw.integers(8, 25, shape), first))

    def hold(self, province: Ints, mno: Ints, slot: Ints) -> NDArray[np.bool_]:
        """Which records an outage swallows."""
        return (slot >= self.first[province, mno]) & (slot < self.last[province, mno])


def records(
    places: Places, cells: Cells, sims: Sims, where: Positions, outages: Outages, troubles: Troubles, draw: Stream
) -> Records:
    """All records of a chunk on one date, with every trouble."""
    sim, second, event = _events(sims, where, troubles, draw)
    heard = _heard(sims, where, sim, second, troubles, draw)
    sim, second, event = sim[heard], second[heard], event[heard]
    person, slot = sims.person[sim], second // SLOT_SECONDS
    county = where.county(person, slot)
    county = _either_side(places, where, person, county, troubles, draw)
    across = draw.random(len(sim)) < troubles.heard_across
    county[across] = places.neighbours[county[across], draw.integers(0, 3, across.sum())]
    clean = Records(sim, second, _cells(cells, sims, sim, county, draw), event, np.zeros(len(sim), int))
    clean = _joined(clean, *_ping_pong(places, cells, sims, where, clean, troubles, draw))
    slot = clean.second // SLOT_SECONDS
    clean = clean.take(~outages.hold(places.province[cells.county[clean.cell]], sims.mno[clean.sim], slot))
    return _noise(clean, cells, sims, where, troubles, draw)


def _events(sims: Sims, where: Positions, troubles: Troubles, draw: Stream) -> tuple[Ints, Ints, Ints]:
    """SIM, second and event of what a phone does: its own traffic, and an update when it comes into a new county."""
    moving = where.row[sims.person] >= 0
    median = np.where(moving, MEDIAN_MOVING, MEDIAN_STILL) * np.where(sims.second, SECOND_SIM_FACTOR, 1.0)
    spread = np.where(moving, SPREAD_MOVING, SPREAD_STILL)
    count = np.clip(median * np.exp(spread * draw.normal(size=len(sims))) + draw.random(len(sims)), 1, MOST_RECORDS)
    sim = np.repeat(np.arange(len(sims)), count.astype(int))
    second = _seconds(len(sim), draw)
    event = _pick(EVENT_SHARES, len(sim), draw)
    arrived, arrival = _updates(sims, where, draw)
    sim = np.concatenate([sim, arrived])
    second = np.concatenate([second, arrival])
    event = np.concatenate([event, np.full(len(arrived), LOCATION_UPDATE)])
    return _spoken_thinly(sim, second, event, sims, troubles, draw) if troubles.thin_phones else (sim, second, event)


def _spoken_thinly(
    sim: Ints, second: Ints, event: Ints, sims: Sims, troubles: Troubles, draw: Stream
) -> tuple[Ints, Ints, Ints]:
    """The events, those of thin phones replaced by a few a day, none of them for an arrival."""
    thin = _always_the_same(len(sims)) < troubles.thin_phones
    few, a_day = np.flatnonzero(thin), troubles.thin_records
    if a_day >= EVENLY_FROM:
        at = (np.arange(int(a_day)) + draw.random((len(few), 1))) * (DAY_SECONDS / int(a_day))
        speaking, when = np.repeat(few, int(a_day)), at.ravel().astype(int)
    else:
        speaking = np.repeat(few, draw.poisson(a_day, len(few)))
        when = _seconds(len(speaking), draw)
    kept = ~thin[sim]
    return (
        np.concatenate([sim[kept], speaking]),
        np.concatenate([second[kept], when]),
        np.concatenate([event[kept], _pick(EVENT_SHARES, len(speaking), draw)]),
    )


def _always_the_same(count: int) -> Floats:
    """A number from 0 to 1 for each of a chunk's SIMs or persons, on all dates the same."""
    return np.modf(np.arange(1, count + 1) * GOLDEN_RATIO)[0]


def _either_side(
    places: Places, where: Positions, person: Ints, county: Ints, troubles: Troubles, draw: Stream
) -> Ints:
    """The counties whose cells hear persons; of border dwellers at home often the nearest county's."""
    if not troubles.border_dwellers:
        return county
    dwells = (_always_the_same(len(where.start)) < troubles.border_dwellers) & (where.row < 0)
    other = dwells[person] & (draw.random(len(person)) < OTHER_SIDE_SHARE)
    return np.where(other, places.neighbours[county, 0], county)


def _seconds(count: int, draw: Stream) -> Ints:
    """Seconds of the day, by the hours' traffic."""
    return _pick(HOURLY / HOURLY.sum(), count, draw) * 3600 + draw.integers(0, 3600, count)


def _pick(shares: Floats, count: int, draw: Stream) -> Ints:
    """Indexes by shares, out of a table of 4,096 entries: several times faster than a search each."""
    table = np.searchsorted(np.cumsum(shares), (np.arange(4096) + 0.5) / 4096)
    return table[draw.integers(0, 4096, count)]


def _updates(sims: Sims, where: Positions, draw: Stream) -> tuple[Ints, Ints]:
    person, first, _, _ = where.runs()
    later = first > 0
    person, first = person[later], first[later]
    start = np.searchsorted(sims.person, person, side="left")
    count = np.searchsorted(sims.person, person, side="right") - start
    sim = np.repeat(start, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    second = np.repeat(first, count) * SLOT_SECONDS + draw.integers(0, SLOT_SECONDS, len(sim))
    heard = draw.random(len(sim)) < UPDATE_SHARE
    return sim[heard], second[heard]


def _heard(
    sims: Sims, where: Positions, sim: Ints, second: Ints, troubles: Troubles, draw: Stream
) -> NDArray[np.bool_]:
    """Which events the network hears: not while the phone is off, nor at night where the SIM is silent."""
    slot = second // SLOT_SECONDS
    silent = draw.random(len(sims)) < troubles.night_silence
    night = (slot < NIGHT[0]) | (slot >= NIGHT[1])
    return ~where.off(sims.person[sim], slot) & ~(silent[sim] & night)


def _cells(cells: Cells, sims: Sims, sim: Ints, county: Ints, draw: Stream) -> Ints:
    """A cell of the SIM's MNO in the county: most often the person's usual one, else any."""
    mno = sims.mno[sim]
    count = cells.count[mno, county]
    usual = (sims.person[sim] * 2654435761) % count
    other = (draw.random(len(sim)) * count).astype(int)
    return cells.start[mno, county] + np.where(draw.random(len(sim)) < USUAL_CELL_SHARE, usual, other)


def _ping_pong(
    places: Places, cells: Cells, sims: Sims, where: Positions, heard: Records, troubles: Troubles, draw: Stream
) -> tuple[Records, ...]:
    """At some records of border people, a flip to the nearest county minutes later, and back minutes after that."""
    border = draw.random(len(where.start)) < troubles.border_ping_pong
    at = np.flatnonzero(border[sims.person[heard.sim]] & (heard.second < DAY_SECONDS - 1200))
    at = at[draw.random(len(at)) < PING_PONG_SHARE]
    home = heard.take(at)
    county = cells.county[home.cell]
    away = _cells(cells, sims, home.sim, places.neighbours[county, 0], draw)
    later = home.second + draw.integers(20, 300, len(at))
    again = later + draw.integers(20, 300, len(at))
    stays = where.county(sims.person[home.sim], again // SLOT_SECONDS) == county
    flip = Records(home.sim, later, away, home.event, home.damage).take(stays)
    return flip, Records(home.sim, again, home.cell, home.event, home.damage).take(stays)


def _noise(clean: Records, cells: Cells, sims: Sims, where: Positions, troubles: Troubles, draw: Stream) -> Records:
    """What the feed itself adds: repeated records, records of another day, ids of no cell, damaged records."""
    again = clean.take(draw.random(len(clean)) < troubles.duplicates)
    stray = _other_days(clean, cells, sims, where, troubles, draw)
    noisy = _joined(clean, again, stray)
    unknown = draw.random(len(noisy)) < troubles.unknown_cells
    junk = len(cells.mno) + sims.mno[noisy.sim] * UNKNOWN_CELLS + draw.integers(0, UNKNOWN_CELLS, len(noisy))
    damaged = draw.random(len(noisy)) < troubles.damaged_records
    damage = np.where(damaged, draw.integers(MISSING_TOKEN, BROKEN_TIME + 1, len(noisy)), 0)
    return Records(noisy.sim, noisy.second, np.where(unknown, junk, noisy.cell), noisy.event, damage)


def _other_days(
    clean: Records, cells: Cells, sims: Sims, where: Positions, troubles: Troubles, draw: Stream
) -> Records:
    """Records of the hour before or after the date, in the county where the person then was; or of a wrong clock."""
    some = clean.take(draw.random(len(clean)) < troubles.wrong_day)
    before = draw.random(len(some)) < 0.5
    minute = draw.integers(0, 3600, len(some))
    second = np.where(before, minute - 3600, minute + DAY_SECONDS)
    slot = np.where(before, 0, SLOTS - 1)
    cell = _cells(cells, sims, some.sim, where.county(sims.person[some.sim], slot), draw)
    wrong_clock = draw.random(len(some)) < WRONG_CLOCK_SHARE
    second = np.where(wrong_clock, some.second - WRONG_CLOCK_DAYS * DAY_SECONDS, second)
    return Records(some.sim, second, cell, some.event, some.damage)


def _joined(*parts: Records) -> Records:
    return Records(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Records)))


def late_files(areas: int, troubles: Troubles, day: int, seed: int) -> NDArray[np.bool_]:
    """Which MNO's areas (MNOs x areas) send two evening hours of the date with the next date's delivery."""
    return stream(seed, "late_files", day).random((len(MNOS), areas)) < troubles.late_files


def is_evening(second: Ints) -> NDArray[np.bool_]:
    """Whether records fall into the two hours that a late file holds."""
    return (second >= EVENING[0] * SLOT_SECONDS) & (second < EVENING[1] * SLOT_SECONDS)

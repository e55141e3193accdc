"""What makes a nation hard to measure: each trouble with its own switch and rate.

A rate of 0 switches a trouble off. `Troubles()` is an ordinary feed, `Troubles.all()` the hard nation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from popflow.errors import PopflowError


def _trouble(rate: float, meaning: str, everyday: bool = False) -> float:
    return field(default=rate if everyday else 0.0, metadata={"rate": rate, "meaning": meaning})


@dataclass(frozen=True)
class Troubles:
    """Rates of all troubles; those of the feed itself (first group) are on by default, the harder ones are off.

    The rates of the feed are those of 87 daily files of a data-session feed: 2.1 % of records repeat another's token,
    cell and time, 0.25 % belong to another day than their file, 5.8 % of the text lines carry extra fields. The
    others are assumptions; what they assume besides their rates stands at the head of the modules that hold them.
    """

    several_sims: float = _trouble(0.25, "share of persons with SIMs at two MNOs", everyday=True)
    iot_lines: float = _trouble(0.10, "IoT lines per person", everyday=True)
    data_only_lines: float = _trouble(0.05, "data-only lines (tablets) per person", everyday=True)
    unregistered_sims: float = _trouble(0.002, "share of SIMs that the register lacks", everyday=True)
    duplicates: float = _trouble(0.021, "share of records that repeat token, cell and time of another", everyday=True)
    wrong_day: float = _trouble(0.0025, "share of records of another day than their file", everyday=True)
    free_text: float = _trouble(0.058, "share of mobile lines whose remark holds an unescaped delimiter", everyday=True)
    damaged_records: float = _trouble(
        0.0002, "share of records without a token or with an unreadable time", everyday=True
    )
    unknown_cells: float = _trouble(0.001, "share of records at cells that no cell table has ever held", everyday=True)

    border_ping_pong: float = _trouble(
        0.05, "share of persons whose phone flips to a county across the border, briefly"
    )
    heard_across: float = _trouble(0.002, "share of records heard by a cell of a neighbouring county")
    night_silence: float = _trouble(0.50, "share of SIM-days without a record from 23:00 to 06:00")
    phone_off: float = _trouble(0.15, "share of travellers without a record while they travel, arrival included")
    late_files: float = _trouble(
        0.10, "share of an MNO's areas and dates of which two evening hours come with the next date"
    )
    outages: float = _trouble(0.02, "share of an MNO's provinces and dates without records for 2 to 6 hours")
    new_cells: float = _trouble(0.01, "share of cells in use that the cell table lacks")
    unequal_shares: float = _trouble(0.30, "relative spread of the MNOs' shares from province to province")
    day_trips: float = _trouble(0.03, "share of persons who visit a nearby county and are back on the same day")
    round_trips: float = _trouble(0.40, "share of travellers who go back where they came from within days")
    late_arrivals: float = _trouble(0.03, "share of journeys that end between 23:00 and midnight")
    evenings_out: float = _trouble(
        0.04, "share of persons who come home from the next county between 21:00 and midnight"
    )
    midnight_trains: float = _trouble(0.05, "share of journeys of three hours and more by land that run over midnight")
    border_dwellers: float = _trouble(0.03, "share of persons at home by a county border, heard from either side")
    thin_phones: float = _trouble(0.10, "share of SIMs that speak `thin_records` times a day, and not on arrival")
    thin_records: float = 8.0  # a day: evenly spaced from 8 on, below that by chance

    commuters: float = _trouble(0.04, "share of persons who spend working days in a near county, and are home at night")
    local_moves: float = _trouble(
        0.005, "share of persons a day who move within their prefecture, for good or for some days"
    )
    unseen: float = _trouble(0.02, "share of persons whose phones are silent for 2 to 10 whole days, then heard again")
    abroad: float = _trouble(0.002, "share of persons who leave the country for 2 to 10 days")
    return_wave: float = _trouble(
        0.60, "share of those away from their place since before the holiday who go back from 10 February 2020 on"
    )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all troubles."""
        return tuple(one.name for one in fields(cls) if one.metadata)

    @classmethod
    def none(cls) -> Troubles:
        """A nation without any trouble."""
        return cls(**dict.fromkeys(cls.names(), 0.0))

    @classmethod
    def all(cls) -> Troubles:
        """Every trouble at its rate."""
        return cls(**cls._rates())

    @classmethod
    def only(cls, *names: str) -> Troubles:
        """The named troubles at their rates, all others off."""
        for name in names:
            if name not in cls.names():
                raise PopflowError(f"unknown trouble '{name}', one of {', '.join(cls.names())}")
        return cls(**{name: rate if name in names else 0.0 for name, rate in cls._rates().items()})

    @classmethod
    def _rates(cls) -> dict[str, float]:
        return {one.name: one.metadata["rate"] for one in fields(cls) if one.metadata}

    @classmethod
    def meaning(cls, name: str) -> str:
        """What a trouble's rate is the rate of."""
        return next(str(one.metadata["meaning"]) for one in fields(cls) if one.name == name)

"""A lake with the person tables of a few dates, made by hand: who is where, and what their SIMs are."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pandas as pd

from popflow.contracts import Contracts
from popflow.intake.keys import key_file
from popflow.lake import Lake
from published_lake import write_table

MNOS = ("mobile", "unicom", "telecom")
ALL_MASKS = (1, 2, 4)  # by turns, one SIM each
COUNTIES = ["420102", "420502", "430102", "430103", "430104", "430105", "430111", "430202"]
EVERY_DAY = {
    ("420102", "430102"): 150,
    ("420102", "430103"): 120,
    ("420102", "430104"): 105,
    ("420102", "430105"): 90,
    ("420102", "430111"): 45,
    ("420102", "430202"): 135,
    ("420502", "430202"): 135,
    ("420502", "430102"): 300,
    ("420102", "420502"): 300,
    ("420502", "420102"): 300,
}
Moves = dict[tuple[str, str], int]


def persons(moves: Moves, masks: tuple[int, ...] = ALL_MASKS, begin: int = 0) -> list[dict]:
    """One dict a person: key, origin, destination and mask; keys count up from `begin` in each cell."""
    found = []
    for cell, (ends, number) in enumerate(sorted(moves.items())):
        turns = itertools.islice(itertools.cycle(masks), number)
        found += [
            {
                "person_key": f"{cell:04x}{begin + n:028x}",
                "origin_county": ends[0],
                "day_end_county": ends[1],
                "mno_mask": m,
            }
            for n, m in enumerate(turns)
        ]
    return found


def state(date: dt.date, people: list[dict]) -> pd.DataFrame:
    """Rows of person_state."""
    frame = pd.DataFrame(people)
    return frame.assign(
        as_of=date,
        speaking_sim_key=frame["person_key"],
        registered=True,
        last_seen=date,
        silent_slots=0,
    )


def exact(date: dt.date, moves: Moves) -> pd.DataFrame:
    """flows_exact of the same persons."""
    rows = [
        (date, *ends, n, n, [(mno, n - len(range(turn, n, 3))) for turn, mno in enumerate(MNOS)])
        for ends, n in moves.items()
    ]
    names = ["date", "origin_county", "destination_county", "persons", "persons_registered", "persons_without"]
    return pd.DataFrame(rows, columns=names)


def deliveries(date: dt.date, mnos: tuple[str, ...] = MNOS) -> pd.DataFrame:
    """One accepted file of each MNO, of which no presence is kept."""
    taken = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)
    fields = {"delivery_date": date, "file": "1", "area": "420000", "rows": 1, "status": "accepted"}
    rows = [
        fields | {"mno": m, "delivery_id": f"{m}-{date}", "sha256": "0" * 64, "taken_in_at_utc": taken} for m in mnos
    ]
    return pd.DataFrame(rows)


def cells() -> pd.DataFrame:
    """One cell in each county, for ever."""
    ids = [f"460-00-1-{number}" for number in range(len(COUNTIES))]
    fields = {"mno": "mobile", "area_share": 1.0, "is_border": False, "valid_from": dt.date(2019, 1, 1)}
    return pd.DataFrame({"cell_id": ids, "county_code": COUNTIES}).assign(**fields, valid_to=None)


def small_lake(root: Path, contracts: Contracts, spark, date: dt.date, moves: Moves = EVERY_DAY) -> Lake:
    """A lake in which the night of a date has come as far as its exact tables."""
    key_file(Lake(root, contracts))  # before anything is there that one could have keyed
    write_table(root, "cell_to_county", cells())
    eve = date - dt.timedelta(days=1)
    write_table(root, "person_state", state(eve, persons({("420102", "430102"): 3})))
    write_table(root, "person_state", state(date, persons(moves)))
    write_table(root, "flows_exact", exact(date, moves))
    write_table(root, "deliveries", deliveries(date))
    return Lake(root, contracts, spark)

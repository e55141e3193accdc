"""A correction computes a date's persons anew from presence, with what came late, and leaves all else as it was."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from key_files import KEY as SECRET
from key_files import key_file
from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake.keys import person_key, sim_key
from popflow.lake import Lake
from popflow.release.candidates import bits_of
from popflow.release.correction import _computed_anew, _replace_exact, correct
from popflow.release.night import release_date
from published_lake import write_table
from small_lake import MNOS, cells, deliveries

pytestmark = pytest.mark.slow
DAY, EVE = dt.date(2020, 1, 15), dt.date(2020, 1, 14)
WORD = (1 << 48) - 1
IN_TIME, LATE = range(300), range(300, 360)  # persons, whose SIMs are with the MNOs by turns


@pytest.fixture
def lake(tmp_path: Path, contracts: Contracts, spark, monkeypatch) -> Lake:
    """All were in Wuhan on the eve; those in time were seen in Changsha on the day, the others nowhere yet."""
    monkeypatch.setenv("POPFLOW_KEY_FILE", str(key_file(tmp_path / "person.key", SECRET)))
    root = tmp_path / "lake"
    people = pd.DataFrame([_person(number) for number in [*IN_TIME, *LATE]])
    write_table(root, "cell_to_county", cells())
    write_table(root, "subscribers", people.assign(as_of=EVE, line_kind="person"))
    write_table(root, "person_state", _state_of_the_eve(people))
    lake = Lake(root, contracts, spark)
    _arrive(lake, "in-time", IN_TIME)
    mnos = list(MNOS)
    persons = _computed_anew(lake, DAY, mnos)
    _replace_exact(lake, DAY, persons, bits_of(lake, mnos))
    persons.forget()
    return lake


def _person(number: int) -> dict:
    mno, token = MNOS[number % 3], f"{number:032x}"
    keys = {"person_key": person_key(SECRET, f"p{number}"), "sim_key": sim_key(SECRET, mno, token)}
    return {"mno": mno, "sim_token": token, "person_token": f"p{number}", "mno_mask": 1 << MNOS.index(mno)} | keys


def _state_of_the_eve(people: pd.DataFrame) -> pd.DataFrame:
    return people.rename(columns={"sim_key": "speaking_sim_key"}).assign(
        as_of=EVE, registered=True, day_end_county="420102", origin_county="420102",
        last_seen=EVE, trailing_county="420102", silent_slots=0,
    )  # fmt: skip


def _arrive(lake: Lake, name: str, numbers: range, mnos: tuple[str, ...] = MNOS) -> None:
    """One delivery of each MNO: its persons among these were in Changsha all day."""
    people = pd.DataFrame([_person(number) for number in numbers])
    people = people[people["mno"].isin(mnos)]
    county = ["430102" if place % 2 else "430103" for place in range(len(people))]
    presence = people.assign(kind="presence", event_date=DAY, county_code=county, slots_lo=WORD, slots_hi=WORD)
    files = deliveries(DAY, mnos)
    ids = files.assign(delivery_id=files["mno"] + "-" + name)
    write_table(Path(lake.root), "deliveries", ids)
    write_table(Path(lake.root), "intake", presence.assign(delivery_id=presence["mno"] + "-" + name))


def movers(lake: Lake) -> int:
    found = lake.read_pandas("flows_exact", date=DAY)
    return int(found.loc[found["origin_county"] != found["destination_county"], "persons"].sum())


def test_what_came_late_from_all_mnos_corrects_the_date(lake: Lake):
    release_date(lake, DAY, MNOS, "night")
    assert movers(lake) == 300
    _arrive(lake, "late", LATE)
    table = correct(lake, DAY, "late files", "Li Na", "again")
    assert (table.release, table.root_persons, movers(lake)) == (2, 360, 360)
    state = lake.read("person_state", as_of=DAY).where("day_end_county like '4301%'")
    assert state.count() == 360
    assert lake.read("person_state", as_of=EVE).count() == 360
    with pytest.raises(PopflowError, match=r"was corrected before \(release 2\)"):
        correct(lake, DAY, "late files", "Li Na", "once more")


def test_what_came_late_from_one_mno_alone_changes_nothing(lake: Lake):
    release_date(lake, DAY, MNOS, "night")
    _arrive(lake, "late", range(300, 450), ("telecom",))
    with pytest.raises(PopflowError, match="all who joined or left have a SIM at telecom"):
        correct(lake, DAY, "late files", "Li Na", "again")
    assert movers(lake) == 300
    assert set(lake.read_pandas("flows", date=DAY)["release"]) == {1}

"""A new key of the pseudonyms: each person keeps one identity, and nobody is left under a key that is known by both."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from key_files import KEY as OLD
from key_files import key_file
from popflow.errors import PopflowError
from popflow.intake.keys import person_key, sim_key
from popflow.lake import Lake
from popflow.operations.rotation import rotate_person_key

DAY = dt.date(2020, 1, 22)
NEW = bytes(range(1, 33))


def state(person: str, sim: str, county: str, columns: list[str]) -> tuple:
    """A row of person_state; what is not named here is null, or nothing."""
    row = {"as_of": DAY, "last_seen": DAY, "person_key": person, "speaking_sim_key": sim, "day_end_county": county}
    row |= {
        "mno_mask": 1,
        "registered": True,
        "silent_slots": 0,
    }
    return tuple(row.get(name) for name in columns)


def write(lake: Lake, name: str, rows: list[tuple]) -> None:
    lake.replace(name, lake.frame(name, rows))


@pytest.mark.slow
def test_persons_keep_their_identity_under_a_new_key(lake: Lake, tmp_path: Path):
    old, new = key_file(tmp_path / "old.key", OLD), key_file(tmp_path / "new.key", NEW)
    keys = person_key(OLD, "p1"), sim_key(OLD, "mobile", "s1")
    write(lake, "subscribers", [(DAY, "mobile", "s1", "p1", *keys, "person", 1)])
    presence = ("presence", DAY, "s2", "420102", 1, 0, None, None, None, None)
    write(lake, "intake", [("unicom", "d", *presence)])
    unregistered, gone = sim_key(OLD, "unicom", "s2"), sim_key(OLD, "telecom", "long silent")
    persons = [(*keys, "420102"), (unregistered, unregistered, "420103"), (gone, gone, "420104")]
    columns = list(lake.contracts.table("person_state").columns)
    write(lake, "person_state", [state(*one, columns) for one in persons])

    assert rotate_person_key(lake, old, new) == {"person_state": 1}
    new_sim = sim_key(NEW, "unicom", "s2")
    wanted = {
        "420102": (person_key(NEW, "p1"), sim_key(NEW, "mobile", "s1")),
        "420103": (new_sim, new_sim),
        "420104": (gone, gone),
    }

    def now() -> dict[str, tuple[str, str]]:
        return {r.day_end_county: (r.person_key, r.speaking_sim_key) for r in lake.read("person_state").collect()}

    assert now() == wanted
    register = lake.read("subscribers").collect()
    assert [(r.person_key, r.sim_key, r.person_token) for r in register] == [(*wanted["420102"], "p1")]
    rotate_person_key(lake, old, new)  # as after a kill
    assert now() == wanted


def test_the_same_key_is_no_new_key(lake: Lake, tmp_path: Path):
    old, new = key_file(tmp_path / "old.key", OLD), key_file(tmp_path / "new.key", OLD)
    with pytest.raises(PopflowError, match="is the same key"):
        rotate_person_key(lake, old, new)

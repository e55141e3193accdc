"""Which deliveries are ready, which wait, which are refused; and which files go to one task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import A, D, entry, mobile_bytes

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake.deliveries import discover
from popflow.intake.packing import LARGEST_PACK, SMALLEST_PACK, budget, packs

FILE = mobile_bytes((A, "2020-01-22 10:00:00", 1, 1))
ONE = {"a.csv.gz": (FILE, 1)}
Deliver = Callable[..., Path]


def found(landing: Path, contracts: Contracts, *mnos: str):
    return discover(str(landing), D, contracts, mnos or ("mobile",))


def test_a_delivery_with_a_manifest_is_ready(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    deliver("mobile", "m2", ONE)
    deliver("mobile", "m1", ONE)
    deliver("unicom", "u1", ONE)
    got = found(landing, contracts, "mobile", "unicom")
    assert [(d.mno, d.delivery_id) for d in got.ready] == [("mobile", "m1"), ("mobile", "m2"), ("unicom", "u1")]
    assert (got.waiting, got.refused) == ([], [])


def test_earlier_deliveries_come_first(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    deliver("mobile", "m1", ONE, created_at_utc="2020-01-23T09:00:00Z")
    deliver("mobile", "m2", ONE, created_at_utc="2020-01-22T09:00:00Z")
    assert [d.delivery_id for d in found(landing, contracts).ready] == ["m2", "m1"]


def test_without_its_manifest_a_delivery_waits(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    (deliver("mobile", "m1", ONE) / "manifest.json").unlink()
    got = found(landing, contracts)
    assert (got.ready, got.refused) == ([], [])
    assert [address.rpartition("/")[2] for address in got.waiting] == ["m1"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"mno": "unicom"}, "mno: says unicom and lies in the folder of mobile"),
        ({"event_date": "2020-01-23"}, "event_date: says 2020-01-23 and lies in the folder of 2020-01-22"),
        ({"event_date": "yesterday"}, 'event_date: must be a date in quotes, as "2020-01-22"'),
        ({"delivery_id": "m9"}, "delivery_id: says m9"),
        ({"files": []}, "files: must be a list of one object for each file"),
        ({"files": [entry("a.csv.gz", FILE, 1)] * 2}, "files: a.csv.gz is listed twice"),
        (
            {"files": [entry("a.csv.gz", FILE, -1)]},
            "files.0.rows: must be the file's number of records, a whole number",
        ),
        ({"files": [entry("../a.csv.gz", FILE, 1)]}, "files.0.name: must be a plain name: no slash"),
        (
            {"files": [entry("a.csv.gz", FILE, 1) | {"sha256": "abc"}]},
            "files.0.sha256: must be the file's SHA-256, 64 hexadecimal digits",
        ),
        ({"files": None}, "files: must be a list of one object for each file"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(
    landing: Path, deliver: Deliver, contracts: Contracts, said: dict, reason: str
) -> None:
    deliver("mobile", "m1", ONE, **said)
    deliver("mobile", "m2", ONE)
    got = found(landing, contracts)
    assert [d.delivery_id for d in got.ready] == ["m2"]
    assert "m1/manifest.json: " + reason in got.refused[0]
    assert "\n" not in got.refused[0]


@pytest.mark.parametrize("text", ["{", "[]", "\xff", ""])
def test_a_manifest_that_is_no_json_object_is_refused(
    landing: Path, deliver: Deliver, contracts: Contracts, text: str
) -> None:
    (deliver("mobile", "m1", ONE) / "manifest.json").write_bytes(text.encode("latin-1"))
    assert len(found(landing, contracts).refused) == 1


def test_files_that_are_missing_or_unlisted_are_named(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    folder = deliver("mobile", "m1", ONE | {"b.csv.gz": (FILE, 1)})
    (folder / "b.csv.gz").unlink()
    (folder / "c.csv.gz").write_bytes(FILE)
    (folder / "deep").mkdir()
    (folder / "deep" / "d.csv.gz").write_bytes(FILE)
    (delivery,) = found(landing, contracts).ready
    assert [file.name for file in delivery.missing] == ["b.csv.gz"]
    assert delivery.unlisted == ["c.csv.gz", "deep/d.csv.gz"]


def test_a_folder_or_feed_that_is_not_there(tmp_path: Path, contracts: Contracts) -> None:
    with pytest.raises(PopflowError, match="no such landing folder"):
        discover(str(tmp_path / "nowhere"), D, contracts, ["mobile"])
    with pytest.raises(PopflowError, match="no landing contract for the MNO 'tietong'"):
        discover(str(tmp_path), D, contracts, ["tietong"])


def test_files_of_an_area_stay_together_up_to_the_budget(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    sizes = {"a1": ("A", 40), "b1": ("B", 30), "a2": ("A", 40), "b2": ("B", 30), "c1": ("C", 250)}
    files = [entry(name, FILE, 1, area) | {"bytes": size} for name, (area, size) in sizes.items()]
    deliver("mobile", "m1", dict.fromkeys(sizes, (FILE, 1)), files=files)
    (delivery,) = found(landing, contracts).ready
    made = packs([(delivery, delivery.manifest.files)], 100)
    assert [[file.name for file in pack.files] for pack in made] == [["c1"], ["a1", "a2"], ["b1", "b2"]]
    (everything,) = packs([(delivery, delivery.manifest.files)], 1000)
    assert [file.name for file in everything.files] == ["a1", "a2", "b1", "b2", "c1"]


def test_the_budget_follows_size_and_cores_within_bounds() -> None:
    assert budget(1, 2) == SMALLEST_PACK
    assert budget(160 << 20, 2) == 20 << 20
    assert budget(1 << 50, 130) == LARGEST_PACK

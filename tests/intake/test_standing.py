"""A fault that has passed is none: a file set aside that has come in since, by another delivery, counts once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from landing_files import D

from popflow.contracts import load
from popflow.intake.standing import standing_files, standing_tallies
from popflow.intake.summary import IntakeSummary, summarise
from popflow.lake import Lake
from popflow.quality.night import LOOKED_AT

LATER = D + dt.timedelta(days=1)
NOW = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)
SAME, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def dry_lake(tmp_path: Path) -> Lake:
    """A lake without Spark."""
    return Lake(tmp_path / "lake", load())


def taken_in(lake: Lake, *files: tuple[str, dt.date, str, str, str, int]) -> IntakeSummary:
    """The summary of D after files: delivery_id, date, file, sha256, status or reason, rows."""
    rows, tallies = [], []
    for delivery_id, date, file, sha256, what, records in files:
        status = "quarantined" if what.startswith("file_") else what
        rows.append(("mobile", delivery_id, date, file, "", sha256, records, status, NOW))
        reasons = [] if what == "redelivered" else ["rows", what]
        tallies += [{"mno": "mobile", "delivery_id": delivery_id, "kind": "tallies", "file": file, "reason": reason,
                     "records": records, "event_date": date if reason == "accepted" else None}
                    for reason in reasons]  # fmt: skip
    lake.replace("deliveries", lake.frame("deliveries", rows))
    contract = lake.contracts.table("intake")
    import pyarrow as pa

    lake.replace("intake", pa.Table.from_pylist(tallies, schema=contract.arrow_schema()))
    return summarise(lake, D, ["mobile"], [], [], [])


@pytest.mark.parametrize("reason", ["file_missing", "file_hash", "file_damaged", "file_bytes"])
@pytest.mark.parametrize("date", [D, LATER])
def test_a_file_that_another_delivery_has_brought_is_no_fault(dry_lake: Lake, reason: str, date: dt.date) -> None:
    summary = taken_in(dry_lake, ("m1", D, "a", SAME, reason, 5), ("m1", D, "b", OTHER, "accepted", 7),
                       ("m2", date, "again", SAME, "accepted", 5))  # fmt: skip
    mobile = summary.mnos["mobile"]
    assert (mobile.quarantined_files, mobile.by_reason) == (0, {})
    here = 5 if date == D else 0
    assert (mobile.files, mobile.rows, mobile.accepted) == (1 + (date == D), 7 + here, 7 + here)
    assert not [line for line in summary.warnings() if "set aside" in line]


def test_a_file_that_has_not_come_in_is_one(dry_lake: Lake) -> None:
    summary = taken_in(dry_lake, ("m1", D, "a", SAME, "file_hash", 5), ("m2", D, "a", SAME, "file_hash", 5),
                       ("m3", D, "a", OTHER, "accepted", 5))  # fmt: skip
    mobile = summary.mnos["mobile"]
    assert (mobile.quarantined_files, mobile.by_reason, mobile.rows) == (2, {"file_hash": 10}, 15)
    first = "the first is m1/a: its fingerprint is not the manifest's"
    assert summary.warnings() == [f"mobile: 2 file(s) set aside whole; {first}"]


def test_a_file_name_is_data_in_the_warning(dry_lake: Lake) -> None:
    summary = taken_in(dry_lake, ("m1", D, "two\nlines\x1b[31m", SAME, "file_hash", 5))
    (line,) = summary.warnings()
    assert line.isprintable()


def test_the_check_sees_what_stands(dry_lake: Lake) -> None:
    from popflow.intake.standing import standing_files, standing_tallies

    taken_in(dry_lake, ("m1", D, "a", SAME, "file_hash", 500), ("m2", D, "a", SAME, "accepted", 500))
    files, tallies = dry_lake.read_pandas("deliveries"), dry_lake.read_pandas("tallies")
    stand = standing_files(dry_lake, files)
    assert list(stand.delivery_id) == ["m2"]
    assert set(standing_tallies(tallies, files, stand).delivery_id) == {"m2"}


def test_the_nights_check_reads_what_tells_files_apart(dry_lake: Lake) -> None:
    """The check's columns lacked the file's name and fingerprint, and every night ended in a KeyError."""
    taken_in(dry_lake, ("m1", D, "a", SAME, "file_hash", 5), ("m2", D, "again", SAME, "accepted", 5))
    lately = dry_lake.read_pandas("deliveries", LOOKED_AT)
    stand = standing_files(dry_lake, lately)
    assert list(stand.file) == ["again"]
    tallies = dry_lake.read_pandas("tallies")
    assert len(standing_tallies(tallies, lately, stand)) == len(tallies) - 2

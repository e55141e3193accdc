"""A night after four hundred others reads what a first one does: by date and column, never a table's whole history."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from deltalake import DeltaTable

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.intake import night as intake_night
from popflow.intake.presence import presence_of
from popflow.intake.register import edition_on
from popflow.lake import Lake
from popflow.operations.known_deliveries import delivery_dates
from popflow.operations.retention import enforce_retention
from popflow.operations.status import status
from popflow.quality.figures import _delivery_figures
from popflow.quality.night import after_flows, after_intake
from popflow.reference import register_on
from popflow.release import ledger

LAST = dt.date(2021, 2, 3)
NIGHTS = 400
MNOS = ("mobile", "telecom", "unicom")
DATES = [LAST - dt.timedelta(days=back) for back in range(NIGHTS)]
WHEN = dt.datetime(2021, 2, 4, tzinfo=dt.UTC)


class Opened:
    """How many data files were asked for of each table."""

    def __init__(self, lake: Lake) -> None:
        self.files: dict[str, int] = defaultdict(int)
        asked = lake._files_with

        def counted(name: str, wanted):
            table, files = asked(name, wanted)
            self.files[name] += len(files)
            return table, files

        lake._files_with = counted  # type: ignore[method-assign]


def of_year(lake: Lake) -> Lake:
    """Fill the tables whose retention is a year, one partition a date or delivery."""

    def write(name: str, rows: list[tuple]) -> None:
        lake.replace(name, lake.frame(name, rows))

    write("deliveries", [(mno, f"{mno}-{date}", date, "f", "all", "ab" * 32, 1, "accepted", WHEN)
                         for date in DATES for mno in MNOS])  # fmt: skip
    write("flows_exact", [(date, "420102", "420103", 5, 5, {"mobile": 1}) for date in DATES])
    write("presence_hourly", [(date, "420102", 0, 5, 5, {"mobile": 1}) for date in DATES])
    presence = ("presence", LAST, "t" * 32, "420102", 1, 0, None, None, None, None)
    tally = ("tallies", None, None, None, None, None, "f", "rows", 1, None)
    write("intake", [(mno, f"{mno}-{LAST}", *row) for mno in MNOS for row in (presence, tally)])
    keys = ("t" * 32, "p", "a" * 32, "b" * 32, "person", 1)
    write("subscribers", [(LAST - dt.timedelta(days=days), mno, *keys) for days in (9, 3, -5) for mno in MNOS])
    return lake


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, contracts: Contracts) -> Path:
    """A lake after four hundred nights; what a test changes there, no other looks at."""
    folder = tmp_path_factory.mktemp("year")
    of_year(Lake(folder, contracts))
    return folder


def test_the_coverage_check_reads_the_nights_that_it_compares(year: Path, contracts: Contracts, spark):
    lake = Lake(year, contracts, spark)
    opened = Opened(lake)
    with pytest.raises(PopflowError, match="data-quality check intake"):
        after_intake(lake, LAST, MNOS, "run", register=register_on(lake, LAST))
    assert opened.files["deliveries"] == len(MNOS) * (1 + 15)  # which landed; then the norm's nights and the date
    assert opened.files["tallies"] == len(MNOS)
    with pytest.raises(PopflowError):
        after_flows(lake, LAST, "run")
    assert opened.files["flows_exact"] == 2
    assert opened.files["presence_hourly"] == 1


def test_presence_looks_for_the_deliveries_that_can_hold_it(year: Path, contracts: Contracts, spark):
    lake = Lake(year, contracts, spark)
    opened = Opened(lake)
    assert presence_of(lake, DATES[200], MNOS).columns
    assert opened.files["deliveries"] == len(MNOS) * 3


def test_the_register_of_a_date_is_found_without_reading_a_register(year: Path, contracts: Contracts, spark):
    lake = Lake(year, contracts, spark)
    opened = Opened(lake)
    assert edition_on(lake, LAST) == LAST - dt.timedelta(days=3)
    assert edition_on(lake, LAST - dt.timedelta(days=10)) is None
    assert opened.files == {}
    assert register_on(lake, LAST).columns
    assert opened.files == {"subscribers": len(MNOS)}


def test_status_opens_the_nights_that_it_shows(year: Path, contracts: Contracts):
    lake = Lake(year, contracts)
    opened = Opened(lake)
    shown = status(lake, 14)
    assert list(shown["date"]) == [str(date) for date in DATES[:14]]
    assert set(shown["landed"]) == {"mobile, telecom, unicom"}
    assert opened.files == {"deliveries": len(MNOS) * 14}


def test_retention_opens_no_data_file(year: Path, contracts: Contracts):
    lake = Lake(year, contracts)
    opened = Opened(lake)
    assert len(delivery_dates(lake)) == NIGHTS * len(MNOS)
    report = enforce_retention(lake, LAST + dt.timedelta(days=2))
    assert report.deleted["deliveries"] == len(MNOS) * (NIGHTS - 29)  # 30 days back from two days later
    assert report.ok
    assert opened.files == {}


def test_a_log_that_says_nothing_of_dates_costs_a_reading(bare_lake: Lake):
    """Somebody wrote the table without statistics."""
    contract = bare_lake.contracts.table("deliveries")
    bare_lake.make_zone("restricted")
    DeltaTable.create(
        bare_lake.path("deliveries"),
        schema=contract.arrow_schema(),
        partition_by=contract.partition_by,
        configuration={"delta.dataSkippingNumIndexedCols": "0", "popflow.contractVersion": str(contract.version)},
        raise_if_key_not_exists=False,
    )
    rows = [
        ("mobile", name, date, "f", "all", "ab" * 32, 1, "accepted", WHEN)
        for name, date in zip("ab", DATES, strict=False)
    ]
    bare_lake.replace("deliveries", bare_lake.frame("deliveries", rows))
    assert {least for _, least, _ in bare_lake.spans("deliveries", "delivery_date")} == {None}
    assert delivery_dates(bare_lake) == {("mobile", "a"): DATES[0], ("mobile", "b"): DATES[1]}
    assert list(status(bare_lake)["date"]) == [str(date) for date in DATES[:2]]


FILES = 55_000  # of a national night


def delivery(mno: str, name: str, date: dt.date, prints: list[str]) -> SimpleNamespace:
    """A ready delivery, as far as redelivered files are looked for."""
    manifest = SimpleNamespace(event_date=date, files=[SimpleNamespace(sha256=one) for one in prints])
    return SimpleNamespace(mno=mno, delivery_id=name, manifest=manifest)


def test_a_nations_files_are_compared_with_those_of_dates_nearby(bare_lake: Lake):
    prints = [f"{n:064x}" for n in range(FILES)]
    taken = {"eve": LAST - dt.timedelta(days=1), "near": LAST + dt.timedelta(days=2)}
    far = {"past": LAST - dt.timedelta(days=3), "later": LAST + dt.timedelta(days=3)}
    rows = [
        ("mobile", name, date, f"f{n}", "all", prints[n], 1, "accepted", WHEN)
        for name, date in (taken | far).items()
        for n in range({"eve": 0, "near": 100, "past": 200, "later": 300}[name], FILES, 500)
    ]
    bare_lake.replace("deliveries", bare_lake.frame("deliveries", rows))
    opened = Opened(bare_lake)
    found = intake_night._accepted_fingerprints(bare_lake, [delivery("mobile", "tonight", LAST, prints)])
    assert opened.files == {"deliveries": 2}
    assert found == {("mobile", prints[n]) for start in (0, 100) for n in range(start, FILES, 500)}
    assert intake_night._accepted_fingerprints(bare_lake, [delivery("mobile", "eve", LAST, prints[:1])]) == set()


def test_a_nations_deliveries_are_compared_in_one_pass():
    """Pairs of 20,000 deliveries would be 200 million."""
    night = pd.DataFrame({"delivery_id": [f"d{n}" for n in range(20_000)], "rows": range(1000, 21_000)})
    night = night.assign(mno="mobile", area="all", status="accepted", delivery_date=LAST)
    again = night[night["delivery_id"].isin(["d7", "d8"])].assign(delivery_date=LAST - dt.timedelta(days=3))
    figures = _delivery_figures(pd.concat([night, again], ignore_index=True), LAST)
    assert figures.loc["mobile", "twin_deliveries"] == 2


def test_what_is_to_be_recorded_is_looked_for_among_the_newest_commits(bare_lake: Lake, monkeypatch):
    def said(date: dt.date) -> dict:
        return {"userMetadata": json.dumps({"indicator": "outflow", "date": str(date), "release": 1})}

    of = {"flows": [said(date) for date in DATES], "counts": []}
    known = [{"indicator": "outflow", "date": date, "release": 1} for date in DATES]
    asked: list[int | None] = []
    recorded: list[str] = []
    monkeypatch.setattr(bare_lake, "history", lambda name, newest=None: asked.append(newest) or of[name][:newest])
    monkeypatch.setattr(ledger, "_append_release", lambda lake, row: recorded.append(row["date"]))
    monkeypatch.setattr(ledger, "all_releases", lambda lake: known[2:])
    assert ledger.record_releases(bare_lake) == 2
    assert recorded == [str(DATES[1]), str(DATES[0])]
    assert asked == [20, 20]  # of flows and counts
    monkeypatch.setattr(ledger, "all_releases", lambda lake: [])  # somebody lost the table: it is made anew
    assert ledger.record_releases(bare_lake) == NIGHTS
    assert asked[2:] == [20, None, 20]

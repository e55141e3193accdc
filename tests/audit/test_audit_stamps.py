"""The audit does not age: what bears a stamp that holds is not read, and a stamp holds for nothing but what it saw."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import toy_publisher as toy
from test_audit_differences import BASE_CELLS
from toy_lake import Reading, candidate, date_of, publish, references, rows_of, written

from popflow.audit import Verdict, audit_lake, lake_audit, stamp_published
from popflow.contracts import Contracts
from popflow.lake import Lake


@pytest.fixture
def dry(tmp_path: Path, contracts: Contracts) -> Lake:
    """A lake that needs no Java, with its cells."""
    lake = Lake(tmp_path / "lake", contracts)
    references(lake)
    return lake


@pytest.fixture
def stamped(dry: Lake) -> Lake:
    """Five nights, published and found good."""
    publish(dry, range(1, 6))
    assert audit_lake(dry, plant=False).counts["dates"] == 5
    return dry


def stamp_files(lake: Lake) -> list[Path]:
    return sorted(Path(lake.zone("restricted"), "_audit").glob("*.json"))


def dates_looked_at(lake: Lake, night: int = 6) -> int:
    """By the audit of the next night, its own date apart."""
    verdict = audit_lake(lake, plant=False, **candidate(night))
    assert verdict.ok, verdict.text()
    return verdict.counts["dates"] - 1


def stamp_as(lake: Lake, pattern: int, nights: range) -> None:
    """Stamp nights whose rows and base cells are those of one that was audited: their digests are the same."""
    files = lake_audit.Files(lake)
    seen = lake_audit._Stamped(lake, files).stamps[date_of(pattern)].seen
    lake_audit._Stamped(lake, files).write({date_of(night): seen for night in nights})


def test_night_400_reads_and_attacks_what_night_5_did(dry: Lake, monkeypatch) -> None:
    """Counted: rows by table, data files, dates, parts and cells. 400 stamps of one chain take less than 300 KB."""
    reading, night = Reading(dry, monkeypatch), {}
    publish(dry, range(1, 5))
    assert audit_lake(dry, plant=False).ok
    reading.taken()
    night[5] = audit_lake(dry, seed=1, **candidate(5)), reading.taken()
    publish(dry, range(5, 400), base_cells_from=369)
    stamp_as(dry, 1, range(5, 400))
    night[400] = audit_lake(dry, seed=1, **candidate(400)), reading.taken()
    for verdict, _ in night.values():
        assert verdict.ok, verdict.text()
    assert night[400][0].counts == night[5][0].counts
    assert night[400][0].counts["dates"] == 1
    assert night[400][1] == night[5][1] == ({"cell_to_county": 10}, {"all": 1})
    assert sum(path.stat().st_size for path in stamp_files(dry)) < 300_000
    rewrite(dry, 17)
    assert "are not those that were audited" in audit_lake(dry, plant=False, **candidate(400)).text()


def test_of_a_candidates_date_the_earlier_releases_are_read_and_nothing_else(stamped: Lake, monkeypatch) -> None:
    reading = Reading(stamped, monkeypatch)
    joined = toy.base_cells_frame(
        {("420102", "430102"): toy.persons(25)}, date_of(3), release=2, change="joined", against=1
    )
    more = BASE_CELLS | {("420102", "430102"): toy.persons(85)}
    touched = (440, 340, 250, 130)
    rows = rows_of(date_of(3)).assign(release=2)
    rows["persons"] += 25 * rows["persons"].isin(touched)
    base_cells = pd.concat([toy.base_cells_frame(more, date_of(3), release=2), joined])
    again = {"candidate": lake_audit.Candidate(rows, base_cells), "candidate_mnos": toy.MNOS}
    verdict = audit_lake(stamped, plant=False, **again)
    assert verdict.ok, verdict.text()
    assert (verdict.counts["dates"], verdict.counts["releases"], verdict.counts["corrections"]) == (1, 2, 1)
    read, _ = reading.taken()
    assert (read["flows"], read["base_cells"]) == (len(rows), len(BASE_CELLS))


def test_a_night_stamps_what_it_published_and_the_next_does_not_read_it(dry: Lake, monkeypatch) -> None:
    verdict = audit_lake(dry, plant=False, **candidate(1))
    assert not stamp_files(dry)  # a candidate is not published yet
    publish(dry, [1])
    assert stamp_published(dry, verdict, date_of(1))
    reading = Reading(dry, monkeypatch)
    assert dates_looked_at(dry, 2) == 0
    assert "flows" not in reading.rows


def test_what_was_published_otherwise_than_audited_gets_no_stamp(dry: Lake) -> None:
    verdict = audit_lake(dry, plant=False, **candidate(1))
    other = rows_of(date_of(1))
    other["persons"] += other["destination_code"] == "430202"
    written(dry, "flows", other)
    assert not stamp_published(dry, verdict, date_of(1))
    assert not stamp_files(dry)


def rewrite(lake: Lake, night: int, by: int = 1) -> None:
    """Other figures in a data file, in its place and under its name, with its time; the log says nothing of it."""
    (file,) = Path(lake.path("flows")).rglob(f"date={date_of(night)}/*.parquet")
    table, times = pq.read_table(file, partitioning=None), file.stat()
    frame = table.to_pandas()
    frame["persons"] += by * (frame["destination_code"] == "430202")
    pq.write_table(type(table).from_pandas(frame, table.schema, preserve_index=False), file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns + 1))


def test_rows_of_an_old_date_that_were_rewritten_are_noticed_by_the_next_night(stamped: Lake) -> None:
    rewrite(stamped, 2)
    verdict = audit_lake(stamped, plant=False, **candidate(6))
    assert not verdict.ok
    assert f"outflow {date_of(2)} hubei release 1: the rows are not those that were audited" in verdict.text()
    assert verdict.counts["dates"] == 2


def test_rewritten_rows_of_which_the_base_cells_are_gone_are_noticed_too(dry: Lake) -> None:
    publish(dry, [1, 2])
    assert audit_lake(dry, plant=False).ok
    shutil.rmtree(dry.path("base_cells"))
    publish(dry, range(3, 40), base_cells_from=9)
    stamp_as(dry, 1, range(1, 40))
    assert dates_looked_at(dry, 40) == 0
    rewrite(dry, 2, by=0)  # the same figures in another file: read again, and the same as before
    verdict = audit_lake(dry, plant=False, **candidate(40))
    assert verdict.ok, verdict.text()
    assert (verdict.counts["dates"], verdict.counts["skipped"]) == (2, 1)
    rewrite(dry, 2)
    assert "are not those that were audited" in audit_lake(dry, plant=False, **candidate(40)).text()


def test_rows_that_were_taken_away_are_noticed(stamped: Lake) -> None:
    from deltalake import DeltaTable

    DeltaTable(stamped.path("flows")).delete(f"date = '{date_of(4)}'")
    assert "rows that were audited when they were published are gone" in audit_lake(stamped, plant=False).text()


@pytest.mark.parametrize("gone", ["date < '2020-02-01'", "date >= '2020-02-01'", "indicator = 'outflow'"])
def test_rows_of_a_whole_month_or_of_all_that_were_taken_away_are_noticed(dry: Lake, gone: str) -> None:
    from deltalake import DeltaTable

    publish(dry, range(21, 25))  # 30 January to 2 February
    assert audit_lake(dry, plant=False).ok
    DeltaTable(dry.path("flows")).delete(gone)
    for options in ({}, {"every": True}, candidate(25)):
        assert (
            "rows that were audited when they were published are gone" in audit_lake(dry, plant=False, **options).text()
        )


def _by_hand(lake: Lake, change: Callable[[dict], object]) -> None:
    for path in stamp_files(lake):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            change(record)
        path.write_text("\n".join(map(json.dumps, records)) + "\n")


STAMPS_OF_ANOTHER_HAND: dict[str, Callable[[Lake, pytest.MonkeyPatch], object]] = {
    "another MAC": lambda lake, _: _by_hand(lake, lambda record: record.update(mac="0" * 64)),
    "none": lambda lake, _: _by_hand(lake, lambda record: record.pop("mac")),
    "other files": lambda lake, _: _by_hand(lake, lambda record: record.update(files="0" * 64)),
    "another date": lambda lake, _: _by_hand(lake, lambda record: record.update(date="2020-01-31")),
    "nothing seen": lambda lake, _: _by_hand(lake, lambda record: record["seen"].clear()),
    "no record": lambda lake, _: [path.write_text("[]\n1\n{}\nx") for path in stamp_files(lake)],
    "no file": lambda lake, _: [path.unlink() for path in stamp_files(lake)],
    "a key that was lost": lambda lake, _: Path(lake.zone("restricted"), "_keys", "audit.key").unlink(),
    "another auditor": lambda lake, patch: patch.setattr(lake_audit, "auditors_version", lambda: "mended"),
}


@pytest.mark.parametrize("what", STAMPS_OF_ANOTHER_HAND)
def test_a_stamp_that_cannot_be_believed_is_none(stamped: Lake, monkeypatch, what: str) -> None:
    assert dates_looked_at(stamped) == 0
    STAMPS_OF_ANOTHER_HAND[what](stamped, monkeypatch)
    assert dates_looked_at(stamped) == 5


def test_other_rules_or_areas_make_the_auditor_look_again(stamped: Lake) -> None:
    raised = stamped.contracts.disclosure.model_copy(update={"k": 21})
    other = Lake(stamped.root, stamped.contracts.model_copy(update={"disclosure": raised}))
    assert dates_looked_at(other) == 5
    longer = stamped.contracts.disclosure.model_copy(update={"audit_seconds": 90})
    assert dates_looked_at(Lake(stamped.root, other.contracts.model_copy(update={"disclosure": longer}))) == 5
    assert dates_looked_at(Lake(stamped.root, other.contracts.model_copy(update={"disclosure": longer}))) == 0


def test_all_attacks_everything_whatever_was_stamped(stamped: Lake) -> None:
    verdict = audit_lake(stamped, every=True, plant=False)
    assert verdict.ok, verdict.text()
    assert (verdict.counts["dates"], verdict.counts["parts"]) == (5, 5)
    assert "skipped" not in verdict.counts


def test_base_cells_are_kept_until_their_date_cannot_be_corrected_any_more(contracts: Contracts) -> None:
    """The number that the auditor goes by is the one that retention deletes by."""
    assert contracts.table("base_cells").retention_days == 30 > contracts.disclosure.correction_days


def test_all_says_of_which_dates_it_saw_the_rows_alone(dry: Lake) -> None:
    publish(dry, range(1, 34), base_cells_from=3)
    verdict = audit_lake(dry, every=True, plant=False)
    assert verdict.ok, verdict.text()
    assert f"2 dates, {date_of(1)} to {date_of(2)}, were looked at by their rows alone" in verdict.text()


def test_base_cells_of_a_date_that_could_still_be_corrected_may_not_be_missing(dry: Lake) -> None:
    publish(dry, range(1, 6), base_cells_from=3)
    verdict = audit_lake(dry, plant=False)
    assert {finding.code for finding in verdict.findings} == {"A6"}
    assert "base_cells 0" in verdict.text()


def test_rows_of_earlier_rules_are_counted_from_their_files(dry: Lake) -> None:
    publish(dry, [1])
    written(dry, "flows", rows_of(date_of(1)).assign(indicator="stock"))
    written(dry, "flows", rows_of(date_of(1)).iloc[:4].assign(indicator="outflow_block"))
    verdict = audit_lake(dry, plant=False)
    assert verdict.ok, verdict.text()
    assert f"{len(rows_of(date_of(1))) + 4} rows of outflow_block and stock are not attacked" in verdict.text()
    for file in Path(dry.path("flows"), "indicator=stock").rglob("*.parquet"):
        file.write_bytes(b"damaged")
    assert "an unknown number of rows" in audit_lake(dry, plant=False).text()
    written(dry, "flows", rows_of(date_of(1)).assign(indicator="inflow"))
    assert "indicator 'inflow' is unknown" in audit_lake(dry, plant=False).text()


def test_without_the_key_of_the_zone_there_is_no_verdict(stamped: Lake) -> None:
    key = Path(stamped.zone("restricted"), "_keys", "audit.key")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    verdict = audit_lake(stamped, plant=False)
    assert not verdict.ok
    assert "chmod 600" in verdict.text()


def test_an_audit_of_a_lake_that_is_not_there_makes_nothing(tmp_path: Path, contracts: Contracts) -> None:
    verdict = audit_lake(Lake(tmp_path / "no lake", contracts))
    assert [finding.code for finding in verdict.findings] == ["A8"]
    assert not list(tmp_path.iterdir())


def test_the_program_attacks_what_bears_no_stamp_and_with_all_everything(stamped: Lake) -> None:
    from typer.testing import CliRunner

    from popflow.cli import app

    for options, dates in ([], 1), (["--all"], 5):
        said = CliRunner().invoke(app, ["audit", *options, "--lake", stamped.root])
        assert said.exit_code == 0, said.output
        assert f"dates: {dates}" in said.output


def test_the_night_is_told_how_long_the_audit_took_and_warned_at_half() -> None:
    from popflow.release.night import Released

    told = Released()
    told.tell(Verdict(True, (), {}, 29.0, "", limit_s=60))
    assert (told.audit_seconds, told.warnings) == (29.0, [])
    told.tell(Verdict(True, (), {}, 31.0, "", limit_s=60))
    assert told.audit_seconds == 60.0
    assert "31 s of the 60 s" in told.warnings[0]

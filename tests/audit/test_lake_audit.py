"""The audit of a lake, read without Java."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
import toy_publisher as toy
from toy_history import Toy
from toy_lake import released, written

from popflow.audit import Candidate, audit_lake
from popflow.contracts import Contracts
from popflow.lake import Lake


@pytest.fixture
def dry(tmp_path: Path, contracts: Contracts) -> Lake:
    """An empty lake that needs no Java."""
    return Lake(tmp_path / "lake", contracts)


def _reference(lake: Lake) -> None:
    cells = pd.DataFrame({"county_code": toy.COVERED}).assign(
        mno="mobile", area_share=1.0, is_border=False, valid_from=dt.date(2020, 1, 1), valid_to=None
    )
    cells["cell_id"] = [f"460-00-1-{i}" for i in range(len(cells))]
    written(lake, "cell_to_county", cells)


def test_a_lake_is_audited_with_a_candidate(dry: Lake, three_nights: Toy) -> None:
    lake = dry
    *before, last = sorted(set(three_nights.rows["date"]))
    rows, base_cells = three_nights.rows, three_nights.base_cells
    _reference(lake)
    written(lake, "flows", rows[rows["date"] != last])
    written(lake, "base_cells", base_cells[base_cells["date"] != last])
    written(lake, "releases", pd.DataFrame([released(date) for date in before]))
    candidate = Candidate(rows[rows["date"] == last], base_cells[base_cells["date"] == last])
    verdict = audit_lake(lake, candidate=candidate, candidate_mnos=toy.MNOS, seed=1, time_limit_s=120)
    assert verdict.ok, verdict.text()
    assert verdict.counts["releases"] == 3  # none bears a stamp yet
    off = candidate.rows.assign(persons=candidate.rows["persons"] + (candidate.rows.reset_index().index == 5))
    assert not audit_lake(lake, candidate=Candidate(off, candidate.base_cells), candidate_mnos=toy.MNOS, plant=False).ok
    assert not audit_lake(lake, candidate=candidate, plant=False).ok  # the candidate's MNOs are not known


def test_an_empty_lake_has_nothing_to_give_away(dry: Lake) -> None:
    _reference(dry)
    verdict = audit_lake(dry)
    assert verdict.ok, verdict.text()
    assert {leak.outcome for leak in verdict.planted} == {"not applicable"}


@pytest.mark.parametrize("table", ["flows", "base_cells", "cell_to_county", "releases"])
def test_a_history_that_cannot_be_read_is_not_ok(dry: Lake, three_nights: Toy, table: str) -> None:
    date = min(three_nights.rows["date"])
    _reference(dry)
    written(dry, "flows", three_nights.rows[three_nights.rows["date"] == date])
    written(dry, "base_cells", three_nights.base_cells[three_nights.base_cells["date"] == date])
    written(dry, "releases", pd.DataFrame([released(date)]))
    assert audit_lake(dry, plant=False).ok
    for file in Path(dry.path(table)).rglob("*.parquet"):
        file.write_bytes(b"0123456789abcdef")
    verdict = audit_lake(dry, plant=False)
    assert [finding.code for finding in verdict.findings] == ["A8"]
    assert "0123456789abcdef" not in verdict.text()

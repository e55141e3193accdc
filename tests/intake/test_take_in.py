"""A night's intake, from landing to presence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from landing_files import A, B, D, mobile_bytes, telecom_bytes, unicom_bytes

from popflow.intake.night import take_in
from popflow.intake.presence import presence_of
from popflow.lake import Lake


def seen(lake: Lake, date=D) -> set[tuple]:
    rows = presence_of(lake, date).collect()
    return {(r.mno, r.sim_token, r.county_code, r.slots_lo, r.slots_hi) for r in rows}


def test_three_formats_come_to_the_same_presence(
    known_cells: Lake, landing: Path, deliver: Callable[..., Path]
) -> None:
    records = [(A, "2020-01-22 00:10:00", 1, 1), (A, "2020-01-22 12:00:00", 1, 1), (B, "2020-01-22 23:59:59", 1, 2)]
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes(*records), 3)})
    deliver("unicom", "u1", {"a.parquet": (unicom_bytes(*records), 3)})
    deliver("telecom", "t1", {"a.jsonl.gz": (telecom_bytes(*records), 3)})
    summary = take_in(known_cells, str(landing), D, ["mobile", "unicom", "telecom"])
    per_mno = {(A, "420102", 1, 1), (B, "430102", 0, 1 << 47)}
    assert seen(known_cells) == {(mno, *row) for mno in ("mobile", "unicom", "telecom") for row in per_mno}
    assert [(m.rows, m.accepted, m.by_reason) for m in summary.mnos.values()] == [(3, 3, {})] * 3
    assert summary.taken_now == ["mobile/m1", "telecom/t1", "unicom/u1"]
    again = take_in(known_cells, str(landing), D, ["mobile", "unicom", "telecom"])
    assert again.taken_now == []
    assert again.mnos == summary.mnos

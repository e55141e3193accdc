"""Of an MNO whose tokens the register has in another form no night is computed, not even the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import A, B, D, mobile_bytes, unicom_bytes

from popflow.errors import PopflowError
from popflow.intake.register import load_subscribers
from popflow.lake import Lake
from popflow.pipeline import Night, check_coverage, take_in

NOON = "2020-01-22 12:00:00"
MNOS = ("mobile", "unicom")


def test_a_first_night_stops_and_names_the_mno(
    known_cells: Lake, landing: Path, deliver: Callable[..., Path], tmp_path: Path
) -> None:
    records = [(token, NOON, 1, 1) for token in (A, B)]
    deliver("mobile", "m1", {"a.csv.gz": (mobile_bytes(*records), 2)})
    deliver("unicom", "u1", {"a.parquet": (unicom_bytes(*records), 2)})
    night = Night(D, str(landing), MNOS)
    take_in(known_cells, night)
    register = tmp_path / "register.csv"
    mine = {"mobile": (A.upper(), B), "unicom": (A, "c" * 32)}
    lines = [f"{mno},{token},{'1e' * 16}\n" for mno, tokens in mine.items() for token in tokens]
    register.write_text("mno,sim_token,person_token\n" + "".join(lines))
    load_subscribers(known_cells, str(register), D)
    with pytest.raises(PopflowError, match="2020-01-22: the register holds 50 % of the SIMs of unicom, at least 80 %"):
        check_coverage(known_cells, night)
    assert not known_cells.exists("activity")  # so that no later stage runs
    register.write_text(register.read_text().replace("c" * 32, B))
    load_subscribers(known_cells, str(register), D)
    check_coverage(known_cells, night)
    assert known_cells.exists("activity")

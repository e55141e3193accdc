"""A record's token and the register's are one text, however an MNO writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from landing_files import A, D, mobile_bytes, reduce_files, telecom_bytes, unicom_bytes

from popflow.contracts import load
from popflow.intake.register_files import Forms, register_batches

AT = "2020-01-22 10:00:00"
FILES = {"mobile": ("f.csv.gz", mobile_bytes), "unicom": ("f.parquet", unicom_bytes),
         "telecom": ("f.jsonl.gz", telecom_bytes)}  # fmt: skip


@pytest.mark.parametrize("mno", FILES)
def test_a_token_in_capitals_is_the_one_that_the_register_holds(tmp_path: Path, mno: str) -> None:
    name, written = FILES[mno]
    records = [(A, AT, 1, 1), (A.upper(), AT, 1, 1), (f"  {A.upper()} ", AT, 1, 1), (A + "0", AT, 1, 1)]
    found = reduce_files(tmp_path, mno, {name: (written(*records), 4)})
    assert [(date, token, county) for date, token, county, *_ in found["presence"]] == [(D, A, "420102")]
    assert [row[1:] for row in found["quarantine"]] == [("no_token", 4)]
    register = tmp_path / "register.csv"
    register.write_text(f"mno,sim_token,person_token\n{mno}, {A.upper()},{'1e' * 16}\n")
    (batch,) = register_batches(register, Forms.of(load()))
    assert batch.column("sim_token").to_pylist() == [A]

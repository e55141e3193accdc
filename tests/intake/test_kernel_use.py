"""The kernel where it cannot serve: other contracts, no compiler, a folder that others could write code into."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landing_files import PREFIXES, A, D, counts, mobile_bytes, reduce_files
from test_number_text import DECIMAL, feed

from popflow.contracts import load
from popflow.feeds import Feed
from popflow.intake import kernel_cache, kernel_plan, kernel_use, night, reduction
from popflow.intake.column_arrays import encoded
from popflow.intake.file_checks import WholeFile
from popflow.intake.summary import IntakeSummary

ZONED = {"from": "at", "kind": "zoned_text", "format": "%Y-%m-%dT%H:%M:%S%z"}
FRACTION = {"from": "at", "kind": "local_text", "format": "%Y-%m-%d %H:%M:%S.%f"}
NO_DATE = {"from": "at", "kind": "local_text", "format": "%H:%M:%S"}
OTHERS: dict[str, tuple[Feed, str]] = {
    "delimiter": (feed(delimiter="||"), "delimiter"),
    "token of any length": (feed(sim_token={"from": "sim", "pattern": "^[0-9a-f]+$"}), "pattern"),
    "token of other letters": (feed(sim_token={"from": "sim", "pattern": "^[0-9A-F]{32}$"}), "pattern"),
    "token of an odd length": (feed(sim_token={"from": "sim", "pattern": "^[0-9a-f]{31}$"}), "pattern"),
    "token too long": (feed(sim_token={"from": "sim", "pattern": "^[0-9a-f]{64}$"}), "pattern"),
    "zone": (feed(time=ZONED), "fields.time"),
    "fraction": (feed(time=FRACTION), "fields.time"),
    "no date": (feed(time=NO_DATE), "fields.time"),
    "three parts": (feed(cell_id=DECIMAL | {"from": ["lac", "ci", "at"]}), "fields.cell_id"),
    "two texts": (feed(cell_id={"from": ["lac", "ci"], "base": "text"}), "fields.cell_id"),
    "constant": (feed(constants={"lac": "1"}, columns=["sim", "at", "ci"]), "constants"),
}


@pytest.mark.parametrize("mno", ["mobile", "unicom", "telecom"])
def test_the_three_feeds_are_served(mno: str) -> None:
    assert kernel_use.without_kernel(load().feeds[mno]) is None


@pytest.mark.parametrize("case", OTHERS)
def test_a_contract_that_is_not_served_is_named_by_its_field(case: str) -> None:
    contract, field = OTHERS[case]
    assert field in str(kernel_plan.refusal(contract))


def test_a_contract_that_is_not_served_is_read_by_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PREFIXES, "x", "460-00")
    content = f"{A}||1579658400||1||1\n".encode()
    reduced = reduce_files(tmp_path, "x", {"f": (content, 1)}, OTHERS["delimiter"][0])
    assert counts(reduced, "f") == {"rows": 1, "accepted": 1}


def test_without_a_compiler_duckdb_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    kernel_use.uncompiled.cache_clear()
    try:
        assert "numba is not installed" in str(kernel_use.uncompiled())
        reduced = reduce_files(tmp_path, "mobile", {"f": (mobile_bytes((A, "2020-01-22 10:00:00", 1, 1)), 1)})
        assert counts(reduced, "f") == {"rows": 1, "accepted": 1}
        assert reduction.without_kernel(load().feeds["mobile"])
    finally:
        kernel_use.uncompiled.cache_clear()


def test_the_nights_report_says_which_feeds_the_kernel_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = {name: contract for name, (contract, _) in OTHERS.items()} | {"sound": feed()}
    lake: Any = SimpleNamespace(contracts=SimpleNamespace(feeds=feeds))
    ready: list[Any] = [SimpleNamespace(feed=name) for name in ("sound", "zone", "zone")]
    notes = night._by_duckdb(lake, ready)
    assert len(notes) == 1
    assert notes[0].startswith("feed zone is read by the engine duckdb, with the same result: fields.time")
    assert night._by_duckdb(lake, ready[:1]) == []
    monkeypatch.setattr(night, "uncompiled", lambda: "no compiler")
    assert night._by_duckdb(lake, ready) == [
        "all feeds are read by the engine duckdb, with the same result: no compiler"
    ]
    assert night._by_duckdb(lake, []) == []
    assert IntakeSummary(D, {}, [], [], [], [], [], notes).warnings() == notes


def test_places_beyond_a_dictionary_do_not_reach_compiled_code() -> None:
    values = pa.array(["a", "b"])
    broken = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), values, safe=False)
    with pytest.raises(WholeFile, match="file_damaged"):
        encoded(broken)
    assert encoded(pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), values))[0].tolist() == [0, -1, 1]


def test_more_counties_than_the_kernel_can_number_are_read_by_duckdb(tmp_path: Path) -> None:
    content = mobile_bytes((A, "2020-01-22 10:00:00", 1, 1))
    wanted = reduce_files(tmp_path, "mobile", {"f": (content, 1)})
    many = pa.table({"cell": range(1 << 14)} | {f"day_{day}": pa.array(range(1, (1 << 14) + 1), pa.int32())
                                                for day in range(3)})  # fmt: skip
    known = pq.read_table(tmp_path / "cells-mobile.parquet")
    pq.write_table(pa.concat_tables([known, many.cast(known.schema)]), tmp_path / "cells-mobile.parquet")
    assert reduce_files(tmp_path, "mobile", {"f": (content, 1)}) == wanted


def kept_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path | None:
    monkeypatch.setenv("POPFLOW_CACHE", str(folder))
    kernel_cache.kept_in.cache_clear()
    try:
        return kernel_cache.kept_in()
    finally:
        monkeypatch.undo()
        kernel_cache.kept_in.cache_clear()


def test_the_folder_is_the_users_own_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    before = os.umask(0)
    try:
        folder = kept_in(monkeypatch, tmp_path / "cache" / "deep")
    finally:
        os.umask(before)
    assert folder is None  # the folders above were made open to all by that umask
    (tmp_path / "own").mkdir(mode=0o755)
    folder = kept_in(monkeypatch, tmp_path / "own")
    assert folder
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", ["open to others", "a link", "below a folder open to others", "a file"])
def test_code_that_another_could_have_put_there_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    tmp_path.chmod(0o700)
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    folder = kept_in(monkeypatch, own)
    assert folder
    if how == "open to others":
        folder.chmod(0o770)
    elif how == "a link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    elif how == "a file":
        folder.rmdir()
        folder.write_bytes(b"")
    else:
        own.chmod(0o777)
    assert kept_in(monkeypatch, own) is None


ONE_FUNCTION = """
import sys
from popflow.intake import kernel_cache, kernel_values
import numpy as np
print(kernel_values._days(2020, 1, 22), kernel_cache.kept_in() or "")
"""


@pytest.mark.parametrize("way", ["own", "open", "numba's variable"])
def test_a_process_compiles_for_itself_where_it_may_keep_nothing(tmp_path: Path, way: str) -> None:
    tmp_path.chmod(0o700)
    cache, planted = tmp_path / "cache", tmp_path / "planted"
    cache.mkdir(mode=0o700)
    cache.chmod(0o777 if way == "open" else 0o700)
    found = os.environ | {"POPFLOW_CACHE": str(cache)} | ({"NUMBA_CACHE_DIR": str(planted)} if "numba" in way else {})
    run = [sys.executable, "-c", f"import os; os.umask(0o077){ONE_FUNCTION}"]
    said = subprocess.run(run, env=found, check=True, capture_output=True, text=True).stdout.split()
    kept = list(cache.rglob("*.nbc"))
    assert said[0] == "18283"
    assert bool(kept) == (way != "open") == (len(said) == 2)
    assert not planted.exists()
    assert all(path.stat().st_mode & 0o077 == 0 for path in [*kept, *(path.parent for path in kept)])

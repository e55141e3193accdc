"""A real night beside the check of the same deliveries: statuses, quarantine and counts are the same."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checked_packs import cells_of
from landing_files import PREFIXES, A, B, D, mobile_bytes, mobile_line, telecom_bytes, unicom_bytes

from popflow.delivery.check import Checked, check_delivery
from popflow.delivery.known_cells import known_cells
from popflow.delivery.manifest import Told, write_manifest
from popflow.errors import PopflowError
from popflow.intake.deliveries import discover
from popflow.intake.night import take_in
from popflow.intake.summary import mno_intake
from popflow.lake import Lake
from popflow.reference import load_cells

Deliver = Callable[..., Path]
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "virtual"
TEN = "2020-01-22 10:00:00"
GOOD = mobile_line(A, TEN, 1, 1)


def zipped(*lines: str) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def malformed(deliver: Deliver) -> list[Path]:
    """Deliveries of three MNOs with a file, or a row, of each kind of fault."""
    sound, twice = mobile_bytes((A, TEN, 1, 1)), mobile_bytes((B, TEN, 1, 2))
    odd_rows = zipped(GOOD, "", GOOD.replace(A, "a" * 31), mobile_line(A, "1970-01-01 00:00:00", 1, 1),
                      mobile_line(A, TEN, 1, 99), mobile_line(A, TEN, 1, 6), GOOD, GOOD, GOOD, GOOD)  # fmt: skip
    files = {
        "sound.csv.gz": (sound, 1),
        "twice.csv.gz": (twice, 1),
        "twice-again.csv.gz": (twice, 1),
        "rows.csv.gz": (odd_rows, 10),
        "short.csv.gz": (mobile_bytes((B, TEN, 1, 1))[:-4], 1),
        "count.csv.gz": (mobile_bytes((B, TEN, 1, 3)), 2),
        "misfit.csv.gz": (zipped("a,b", "c,d", GOOD), 3),
        "empty.csv.gz": (gzip.compress(b"", mtime=0), 0),
        "bytes.csv.gz": (mobile_bytes((B, TEN, 1, 4)), 1),
        "hash.csv.gz": (mobile_bytes((B, TEN, 1, 5)), 1),
        "gone.csv.gz": (mobile_bytes((A, TEN, 1, 3)), 1),
        "link.csv.gz": (mobile_bytes((A, TEN, 1, 4)), 1),
    }
    mobile = deliver("mobile", "m1", files)
    (mobile / "bytes.csv.gz").write_bytes(b"longer than it says, by far, and so never opened to its end" * 3)
    changed = bytearray((mobile / "hash.csv.gz").read_bytes())
    changed[4] ^= 1  # the time stamp in gzip's head: it unzips all the same
    (mobile / "hash.csv.gz").write_bytes(bytes(changed))
    (mobile / "gone.csv.gz").unlink()
    (mobile / "link.csv.gz").unlink()
    (mobile / "link.csv.gz").symlink_to("sound.csv.gz")
    (mobile / "stray.txt").write_text("unlisted")
    json_lines = gzip.decompress(telecom_bytes((A, TEN, 1, 1), (A, TEN, 1, 98)))
    telecom = deliver(
        "telecom", "t1", {"a.jsonl.gz": (gzip.compress(json_lines + b"{\n[1]\n" + json_lines, mtime=0), 6)}
    )
    parquet = unicom_bytes((A, TEN, 1, 1), (hashlib.md5(b"x").hexdigest(), TEN, 1, 99))
    unicom = deliver("unicom", "u1", {"a.parquet": (parquet, 2), "cut.parquet": (parquet[:-9], 2)})
    return [mobile, telecom, unicom]


@pytest.mark.parametrize("engine", ["kernel", "duckdb"])
def test_a_check_says_of_every_file_and_row_what_a_night_says(
    known_cells: Lake, landing: Path, deliver: Deliver, engine: str
) -> None:
    folders = malformed(deliver)
    checks = {one.parts[-3]: check(known_cells, one) for one in folders}
    take_in(known_cells, str(landing), D, list(checks), engine=engine)  # type: ignore[arg-type]
    deliveries, tallies = known_cells.read_pandas("deliveries"), known_cells.read_pandas("tallies")
    quarantine = known_cells.read_pandas("quarantine")
    assert len(quarantine) > 15
    for mno, checked in checks.items():
        mine = deliveries[deliveries.mno == mno]
        states = {name: "quarantined" if said not in ("accepted", "redelivered") else said
                  for name, said in checked.statuses.items()}  # fmt: skip
        assert dict(zip(mine.file, mine.status, strict=True)) == states
        rows = quarantine[quarantine.mno == mno].astype(object).where(quarantine.notna(), None)
        assert set(zip(rows.file, rows.row_number, rows.reason, strict=True)) == set(checked.quarantine)
        night = mno_intake(mno, mine, tallies[tallies.mno == mno])
        said = checked.by_reason()
        assert night.accepted == said.pop("accepted")
        assert {reason: n for reason, n in night.by_reason.items() if not reason.startswith("file_")} == said
        assert {day: sum(hours) for day, hours in checked.by_hour().items()} == night.by_event_date


def check(lake: Lake, folder: Path) -> Checked:
    return check_delivery(folder, lake.contracts, lambda mno: cells_of(mno, PREFIXES[mno]), workers=2)


@pytest.mark.parametrize("fault", ["none", "json", "mno", "date", "id", "twice", "files", "link", "pipe"])
def test_a_delivery_that_the_night_refuses_is_refused_in_the_same_words(
    landing: Path, deliver: Deliver, contracts, fault: str
) -> None:
    file = mobile_bytes((A, TEN, 1, 1))
    said: dict = {
        "mno": {"mno": "unicom"},
        "date": {"event_date": "2020-01-23"},
        "id": {"delivery_id": "m9"},
        "files": {"files": []},
        "twice": {"files": [{"name": "a", "bytes": 1, "rows": 1, "sha256": "0" * 64}] * 2},
    }
    folder = deliver("mobile", "m1", {"a.csv.gz": (file, 1)}, **said.get(fault, {}))
    manifest = folder / "manifest.json"
    if fault == "none":
        manifest.unlink()
    if fault == "json":
        manifest.write_text("{")
    if fault == "pipe":
        manifest.unlink()
        os.mkfifo(manifest)
    if fault == "link":
        folder = folder.rename(folder.parent / "elsewhere")
        (folder.parent / "m1").symlink_to(folder)
        folder = folder.parent / "m1"
        manifest.unlink()
    night, checked = discover(str(landing), D, contracts, ["mobile"]), check_delivery(folder, contracts)
    assert [line for line in night.refused if "/m1" in line] == ([checked.refused] if checked.refused else [])
    assert [one for one in night.waiting if one.endswith("/m1")] == ([str(folder)] if fault == "none" else [])
    assert checked.stops
    assert checked.delivery is None


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, contracts) -> None:
    with pytest.raises(PopflowError, match="there is no such folder"):
        check_delivery(tmp_path / "nowhere", contracts)


def test_the_example_of_the_page_is_taken_in_as_its_check_says(tmp_path: Path, contracts, spark) -> None:
    (tmp_path / "feeds").mkdir()
    page = (ROOT / "docs" / "how-to" / "send-a-delivery.md").read_text()
    (yaml,) = re.findall(r'```yaml title="feeds/virtual.yaml"\n(.*?)```', page, re.S)
    (tmp_path / "feeds" / "virtual.yaml").write_text(yaml)
    known = contracts.with_feeds(tmp_path / "feeds")
    folder = tmp_path / "landing" / "virtual" / str(D) / "20200122-1"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE / "first.csv", folder / "part-0.csv")
    write_manifest(folder, known.feeds["virtual"], Told(D, "20200122-1"))
    checked = check_delivery(folder, known, lambda mno: known_cells(EXAMPLE / "cells.csv", known, mno))
    lake = Lake(tmp_path / "lake", known, spark)
    load_cells(lake, EXAMPLE / "cells.csv")
    night = take_in(lake, str(tmp_path / "landing"), D, ["virtual"]).mnos["virtual"]
    assert not checked.stops
    assert (night.quarantined_files, night.accepted, night.rows) == (0, 36, 40)
    assert checked.by_reason() == {"accepted": 36} | night.by_reason
    rows = lake.read_pandas("quarantine")
    assert set(zip(rows.file, rows.row_number, rows.reason, strict=True)) == set(checked.quarantine)
    assert set(lake.read_pandas("presence").county_code) == {"420102", "420103", "430104"}  # one has moved

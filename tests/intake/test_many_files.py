"""A night of 55,000 files: what looks at each of them looks at it once. Done one against the other it took minutes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from landing_files import D

from popflow.contracts import Contracts, load
from popflow.intake import conservation
from popflow.intake.deliveries import Delivery
from popflow.intake.manifests import Manifest, ManifestFile, read_manifest
from popflow.intake.night import delivery_rows, next_wave
from popflow.intake.packing import packs
from popflow.lake import Lake

FILES = 55_000
NOW = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)


def manifest(delivery_id: str = "m1") -> Manifest:
    """A manifest of the national count of files, in 340 areas."""
    files = [
        ManifestFile.model_construct(name=f"{n:06}.csv.gz", area=f"{n % 340}", bytes=5_000, sha256=f"{n:064x}", rows=9)
        for n in range(FILES)
    ]
    return Manifest.model_construct(mno="mobile", event_date=D, delivery_id=delivery_id, created_at_utc="", files=files)


def delivery(delivery_id: str = "m1") -> Delivery:
    told = manifest(delivery_id)
    return Delivery("mobile", f"/landing/{delivery_id}", told, frozenset(file.name for file in told.files))


def test_a_manifest_of_a_nation_is_read(tmp_path: Path, contracts: Contracts) -> None:
    told = manifest().model_dump(mode="json")
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    assert read_manifest(str(tmp_path), contracts.feeds["mobile"], D, "m1") == manifest()


def test_waves_packs_rows_and_law_of_a_nation() -> None:
    first, resent = delivery("m1"), delivery("m2")
    (wave,) = next_wave([first, resent], set())
    assert len(wave.fresh) == FILES
    (again,) = next_wave([resent], {("mobile", file.sha256) for file in first.manifest.files})
    assert (len(again.fresh), len(again.redelivered)) == (0, FILES)
    made = packs([(first, wave.fresh)], 256 << 20)
    assert sum(len(pack.files) for pack in made) == FILES
    assert [row[7] for row in delivery_rows([again], {}, NOW)] == ["redelivered"] * FILES
    rows = delivery_rows([wave], {("mobile", "m1", "000007.csv.gz"): "file_hash"}, NOW)
    assert [row[3] for row in rows if row[7] == "quarantined"] == ["000007.csv.gz"]
    assert (first.missing, first.unlisted) == ([], [])


def test_the_law_of_a_nation() -> None:
    pd = pytest.importorskip("pandas")
    told = {("mobile", "m1", file.name): file.rows for file in manifest().files}
    counted = pd.DataFrame([(*key, reason, rows) for key, rows in told.items() for reason in ("rows", "accepted")],
                           columns=["mno", "delivery_id", "file", "reason", "records"])  # fmt: skip
    conservation.refuse_difference(told, counted)
    assert conservation.whole_files(counted) == {}


def test_what_a_resent_delivery_repeats_is_found_in_the_lake(tmp_path: Path) -> None:
    from popflow.intake.night import _accepted_fingerprints

    lake = Lake(tmp_path / "lake", load())
    wave = next_wave([delivery("m1")], set())
    lake.replace("deliveries", lake.frame("deliveries", delivery_rows(wave, {}, NOW)))
    assert len(_accepted_fingerprints(lake, [delivery("m2")])) == FILES
    assert _accepted_fingerprints(lake, [delivery("m1")]) == set()

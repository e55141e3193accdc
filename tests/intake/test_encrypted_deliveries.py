"""Deliveries encrypted with age count as the plain ones do; one that cannot be opened is set aside, by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyrage
import pytest
from landing_files import A, B, D, counts, mobile_bytes, reduce_files, telecom_bytes, unicom_bytes

from age_files import encrypted, identity_file
from popflow.errors import PopflowError
from popflow.intake.night import take_in
from popflow.lake import Lake

RECORDS = [(A, "2020-01-22 10:00:00", 1, 1), (B, "2020-01-22 11:00:00", 1, 2)]
FILES = {
    "mobile": ("f.csv.gz", mobile_bytes(*RECORDS)),
    "unicom": ("f.parquet", unicom_bytes(*RECORDS)),
    "telecom": ("f.jsonl.gz", telecom_bytes(*RECORDS)),
}


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pyrage.x25519.Identity:
    """The identity that the night knows."""
    mine = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("POPFLOW_AGE_IDENTITY", str(identity_file(tmp_path, mine)))
    return mine


@pytest.mark.parametrize("mno", FILES)
def test_an_encrypted_file_comes_to_what_the_plain_one_comes_to(tmp_path: Path, identity, mno: str):
    name, plain = FILES[mno]
    shut = reduce_files(tmp_path, mno, {f"{name}.age": (encrypted(plain, identity), 2)})
    assert counts(shut, f"{name}.age") == {"rows": 2, "accepted": 2}
    assert shut["presence"] == reduce_files(tmp_path, mno, {name: (plain, 2)})["presence"]
    assert len(shut["presence"]) == 2


@pytest.mark.parametrize("mno", FILES)
def test_a_file_encrypted_for_another_key_is_set_aside_whole(tmp_path: Path, identity, mno: str):
    name, plain = FILES[mno]
    theirs = encrypted(plain, pyrage.x25519.Identity.generate())
    shut = reduce_files(tmp_path, mno, {f"{name}.age": (theirs, 2)})
    assert counts(shut, f"{name}.age") == {"rows": 2, "file_sealed": 2}
    assert shut["presence"] == []


@pytest.mark.parametrize("mno", FILES)
def test_a_changed_encrypted_file_is_not_what_its_manifest_says(tmp_path: Path, identity, mno: str):
    name, plain = FILES[mno]
    told = encrypted(plain, identity)
    data = bytearray(told)
    data[-1] ^= 1
    said = hashlib.sha256(told).hexdigest()
    shut = reduce_files(tmp_path, mno, {f"{name}.age": (bytes(data), 2)}, sha256=said)
    assert counts(shut, f"{name}.age") == {"rows": 2, "file_hash": 2}


def test_a_header_that_cannot_be_decrypted_is_the_files_own_fault(tmp_path: Path, identity, contracts):
    feed = contracts.feeds["mobile"].model_copy(update={"header": True})
    theirs = encrypted(FILES["mobile"][1], pyrage.x25519.Identity.generate())
    shut = reduce_files(tmp_path, "mobile", {"f.csv.gz.age": (theirs, 2)}, feed)
    assert counts(shut, "f.csv.gz.age") == {"rows": 2, "file_sealed": 2}


def test_without_an_identity_or_by_plain_spark_nothing_is_taken_in(
    known_cells: Lake, landing: Path, deliver, identity, monkeypatch: pytest.MonkeyPatch
):
    deliver("mobile", "m1", {"f.csv.gz.age": (encrypted(FILES["mobile"][1], identity), 2)})
    with pytest.raises(PopflowError, match=r"f\.csv\.gz\.age: the engine spark reads no encrypted file"):
        take_in(known_cells, str(landing), D, ["mobile"], engine="spark")
    monkeypatch.delenv("POPFLOW_AGE_IDENTITY")
    with pytest.raises(PopflowError, match="POPFLOW_AGE_IDENTITY: no file of age identities"):
        take_in(known_cells, str(landing), D, ["mobile"])
    assert not known_cells.exists("intake")


def test_an_encrypted_file_counts_once_its_identity_is_there(
    known_cells: Lake, landing: Path, deliver, tmp_path: Path, identity, monkeypatch: pytest.MonkeyPatch
):
    workers = known_cells.spark.sparkContext.environment  # those of the other tests have started without an identity
    monkeypatch.setitem(workers, "POPFLOW_AGE_IDENTITY", str(identity_file(tmp_path, identity)))
    theirs = pyrage.x25519.Identity.generate()
    deliver("mobile", "m1", {"f.csv.gz.age": (encrypted(FILES["mobile"][1], theirs), 2)})
    assert take_in(known_cells, str(landing), D, ["mobile"]).mnos["mobile"].by_reason == {"file_sealed": 2}
    identity_file(tmp_path, identity, theirs)
    summary = take_in(known_cells, str(landing), D, ["mobile"])
    assert (summary.taken_now, summary.mnos["mobile"].accepted) == (["mobile/m1"], 2)

"""A check on its command line: whole or by a sample, its exit codes, encrypted files, hours, and 80 columns."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner, Result
from virtual import EXAMPLE, VIRTUAL, D, csv, line, virtual

from age_files import encrypted, identity_file
from popflow.cli import app
from popflow.delivery.check import check_delivery
from popflow.delivery.files import Look
from popflow.delivery.known_cells import KnownCells, known_cells
from popflow.delivery.manifest import Told, write_manifest
from popflow.errors import PopflowError
from popflow.quality.suites import Rule

DAY = [line(at=f"2020-01-22T{hour:02}:{minute}:00+08:00") for hour in range(24) for minute in (10, 20, 30)
       if not 1 <= hour <= 4 or minute == 10]  # fmt: skip


@pytest.fixture(scope="module")
def cells() -> KnownCells:
    return known_cells(EXAMPLE / "cells.csv", virtual()[0], "virtual")


def delivery(tmp_path: Path, *files: str, name: str = "d1") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    for number, text in enumerate(files):
        (folder / f"{number}.csv").write_text(text)
    write_manifest(folder, virtual()[1], Told(D, name))
    return folder


def called(tmp_path: Path, folder: Path, *words: str) -> Result:
    feeds = tmp_path / "feeds"
    feeds.mkdir(exist_ok=True)
    (feeds / "virtual.yaml").write_text(json.dumps(VIRTUAL))
    return CliRunner().invoke(app, ["delivery", "check", str(folder), "--contracts", str(feeds), *words])


def test_a_sound_delivery_is_told_so_with_exit_code_0(tmp_path: Path):
    outcome = called(tmp_path, delivery(tmp_path, csv(*DAY)), "--cells", str(EXAMPLE / "cells.csv"))
    assert outcome.exit_code == 0, outcome.output
    assert "the night will take it in" in outcome.output
    assert "goes to landing/virtual/2020-01-22/d1/" in outcome.output
    assert max(map(len, outcome.output.splitlines())) <= 80


def test_hours_are_those_of_the_records_and_an_empty_one_holds_the_date(tmp_path: Path):
    folder = delivery(tmp_path, csv(*(one for one in DAY if "T13:" not in one)))
    outcome = called(tmp_path, folder)
    assert "  12  3 ####" in outcome.output
    assert "  13  0\n" in outcome.output
    assert "the date is held back: empty_hours is 1, at most 0 is asked" in outcome.output
    assert outcome.exit_code == 1
    assert called(tmp_path, folder, "--part").exit_code == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "0.csv").write_text(csv(*DAY)[:-1] + "\r"), "file_hash: its fingerprint is not the manifest's"),
        (lambda f: (f / "0.csv").write_text(""), "file_bytes: it has another number of bytes"),
        (lambda f: (f / "0.csv").unlink(), "file_missing: the manifest lists it and it is not there"),
        (lambda f: (f / "x").touch(), "file_unlisted: it is there and the manifest does not list it"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: not valid JSON"),
        (lambda f: (f / "manifest.json").unlink(), "waits: the night takes nothing in without manifest.json"),
    ],
)
def test_what_has_to_be_mended_is_named_with_exit_code_1(tmp_path: Path, damage, said: str):
    folder = delivery(tmp_path, csv(*DAY), csv(line(at="2020-01-22T10:00:01+08:00")))
    damage(folder)
    outcome = called(tmp_path, folder)
    assert outcome.exit_code == 1
    assert said in " ".join(outcome.output.split())


def test_a_sample_finds_size_fingerprint_and_count_of_all_and_estimates_the_rest(tmp_path: Path, cells: KnownCells):
    many = [*DAY * 100, *[line(ci="63", at="2020-01-22T10:00:00+08:00")] * 700]
    folder, (known, _) = delivery(tmp_path, csv(*many)), virtual()
    whole = check_delivery(folder, known, lambda _: cells)
    part = check_delivery(folder, known, lambda _: cells, Look(sample=2000))
    assert (whole.sampled, part.sampled) == (False, True)
    assert whole.by_reason() == {"accepted": len(DAY) * 100, "unknown_cell": 700}
    about = part.by_reason()
    assert abs(sum(about.values()) - len(many)) <= 2
    assert abs(about["unknown_cell"] - 700) < 250
    assert abs(sum(part.by_hour()[D]) - len(DAY) * 100) < 300
    path = folder / "0.csv"
    path.write_bytes(path.read_bytes()[:-1] + b"x")  # the last byte, in no sample's row
    assert check_delivery(folder, known, lambda _: cells, Look(sample=10)).statuses == {"0.csv": "file_hash"}


def test_json_tells_the_same_and_no_token(tmp_path: Path):
    folder = delivery(tmp_path, csv(*DAY, line(token="ab")))
    said = json.loads(called(tmp_path, folder, "--format", "json", "--cells", str(EXAMPLE / "cells.csv")).output)
    assert said["records"] == {"accepted": len(DAY), "no_token": 1}
    assert said["quarantine"] == [{"file": "0.csv", "row": len(DAY) + 2, "reason": "no_token"}]
    assert (said["state"], said["accepted"], said["cells_checked"]) == ("ready", True, True)
    assert sum(said["records_by_hour"]["2020-01-22"]) == len(DAY)
    assert line()[:12] not in json.dumps(said)


def test_a_file_twice_in_a_delivery_counts_once(tmp_path: Path):
    folder, (known, _) = delivery(tmp_path, csv(*DAY), csv(*DAY)), virtual()
    checked = check_delivery(folder, known)
    assert checked.statuses == {"0.csv": "accepted", "1.csv": "redelivered"}
    assert checked.by_reason() == {"accepted": len(DAY)}


def test_encrypted_files_are_read_by_whoever_has_the_identity_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("POPFLOW_AGE_IDENTITY", raising=False)
    mine, plain, sealed = pyrage.x25519.Identity.generate(), tmp_path / "plain", tmp_path / "d1"
    for folder in (plain, sealed):
        folder.mkdir()
    (plain / "0.csv").write_text(csv(*DAY))
    (sealed / "0.csv.age").write_bytes(encrypted(csv(*DAY).encode(), mine))
    known, feed = virtual()
    write_manifest(sealed, feed, Told(D, "d1"), plain=plain)
    said = " ".join(called(tmp_path, sealed).output.split())
    assert "encrypted: size and fingerprint fit; its lines cannot be read here" in said
    assert "not known of encrypted files" in said
    monkeypatch.setenv("POPFLOW_AGE_IDENTITY", str(identity_file(tmp_path, mine)))
    assert check_delivery(sealed, known).by_reason() == {"accepted": len(DAY)}
    monkeypatch.setenv("POPFLOW_AGE_IDENTITY", str(identity_file(tmp_path, pyrage.x25519.Identity.generate())))
    assert check_delivery(sealed, known).statuses == {"0.csv.age": "file_sealed"}
    (sealed / "0.csv.age").write_bytes(b"x" * (sealed / "0.csv.age").stat().st_size)
    monkeypatch.delenv("POPFLOW_AGE_IDENTITY")
    assert check_delivery(sealed, known).statuses == {"0.csv.age": "file_hash"}
    monkeypatch.setenv("POPFLOW_AGE_IDENTITY", str(tmp_path / "nowhere"))
    with pytest.raises(PopflowError, match="no file of age identities"):
        check_delivery(sealed, known)


def test_a_delivery_that_is_a_link_is_refused_as_the_night_does(tmp_path: Path):
    folder = delivery(tmp_path, csv(*DAY))
    (tmp_path / "link").symlink_to(folder)
    said = " ".join(called(tmp_path, tmp_path / "link").output.split())
    assert "is a link; a delivery is a folder of its own" in said


def test_names_and_columns_are_text_on_the_screen(tmp_path: Path):
    folder = delivery(tmp_path, csv(*DAY))
    (folder / "a\nb\x1b[31m").touch()
    assert r"a\nb\x1b[31m" in called(tmp_path, folder).output
    os.mkfifo(folder / "pipe")
    assert "pipe\n    file_unlisted" in called(tmp_path, folder).output


def test_a_check_leaves_the_delivery_as_it_is(tmp_path: Path):
    folder = delivery(tmp_path, csv(*DAY))
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    called(tmp_path, folder)
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("value", "demanded", "holds"),
    [(90, False, True), (89.9, False, False), (100, True, True), (101, True, False), (None, False, True),
     (None, True, False), (float("nan"), False, True), (float("nan"), True, False)],
)  # fmt: skip
def test_a_rule_holds_within_its_bounds_and_without_a_figure_only_where_none_is_demanded(value, demanded, holds):
    assert Rule("located_percent", 90, 100, "critical", "", demanded).holds(value) is holds

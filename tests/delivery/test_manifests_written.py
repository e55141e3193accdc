"""A manifest that popflow writes is one that the intake reads; none is written where a file would be set aside."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from virtual import D, csv, line, virtual

from popflow.delivery.manifest import Told, write_manifest
from popflow.errors import PopflowError
from popflow.intake.manifests import read_manifest

TOLD = Told(D, "d1")


def folder_with(tmp_path: Path, **files: bytes | str) -> Path:
    folder = tmp_path / "d1"
    folder.mkdir()
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def test_it_says_size_fingerprint_and_records_and_the_intake_reads_it(tmp_path: Path):
    text = csv(line(), "", line()) + line()  # a blank line is a record; the last line lacks its end
    folder = folder_with(tmp_path, a_csv=text, b_csv=csv(line()))
    _, feed = virtual()
    written = write_manifest(folder, feed, TOLD, workers=2)
    assert read_manifest(str(folder), feed, D, "d1") == written
    first = written.files[0]
    assert (first.name, first.bytes, first.rows) == ("a.csv", len(text), 4)
    assert first.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert written.created_at_utc.endswith("Z")


def test_gzip_and_parquet_are_counted_as_the_intake_counts(tmp_path: Path, contracts):
    folder = folder_with(tmp_path, a_csv_gz=gzip.compress(csv(line(), line()).encode()))
    _, feed = virtual(compression="gzip", file_pattern="*.csv.gz")
    assert [file.rows for file in write_manifest(folder, feed, TOLD).files] == [2]
    other = tmp_path / "p"
    other.mkdir()
    pq.write_table(pa.table({"sim": ["x"] * 5}), other / "a.parquet")
    assert [file.rows for file in write_manifest(other, contracts.feeds["unicom"], Told(D, "p")).files] == [5]


def test_one_that_is_there_is_written_anew_only_when_told(tmp_path: Path):
    folder = folder_with(tmp_path, a_csv=csv(line()))
    _, feed = virtual()
    write_manifest(folder, feed, TOLD)
    before = (folder / "manifest.json").read_bytes()
    (folder / "a.csv").write_text(csv(line(), line()))
    with pytest.raises(PopflowError, match=r"manifest\.json: already exists; --replace rewrites it"):
        write_manifest(folder, feed, TOLD)
    assert (folder / "manifest.json").read_bytes() == before
    assert write_manifest(folder, feed, TOLD, replace=True).files[0].rows == 2


def test_areas_come_from_names_or_are_one(tmp_path: Path):
    folder = folder_with(tmp_path, **{"420000-0_csv": csv(line()), "430000-0_csv": csv(line())})
    _, feed = virtual()
    by_name = write_manifest(folder, feed, Told(D, "d1", area_before="-"))
    assert [file.area for file in by_name.files] == ["420000", "430000"]
    one = write_manifest(folder, feed, Told(D, "d1", area="north"), replace=True)
    assert {file.area for file in one.files} == {"north"}
    (folder / "x.csv").write_text(csv(line()))
    with pytest.raises(PopflowError, match=r"x\.csv: --area-before: '-' is not in the name of this file"):
        write_manifest(folder, feed, Told(D, "d1", area_before="-"), replace=True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", csv(), "a.csv: has no record"),
        ("a.txt", csv(line()), "a.txt: is not named as file_pattern of the feed virtual says"),
        ("deep/a.csv", csv(line()), "deep/a.csv: lies in a folder of its own"),
    ],
)
def test_what_the_night_would_set_aside_is_refused_and_nothing_written(tmp_path: Path, name: str, content, said: str):
    folder = folder_with(tmp_path, b_csv=csv(line()))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    with pytest.raises(PopflowError, match=said):
        write_manifest(folder, virtual()[1], TOLD)
    assert {path.name for path in folder.iterdir()} == {"b.csv", name.partition("/")[0]}


def test_a_damaged_file_and_a_link_are_refused(tmp_path: Path):
    folder = folder_with(tmp_path, a_csv=gzip.compress(csv(line()).encode())[:-6])
    _, feed = virtual(compression="gzip")
    with pytest.raises(PopflowError, match=r"a\.csv: cannot be read to its end as gzip"):
        write_manifest(folder, feed, TOLD)
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to("/etc/passwd")
    with pytest.raises(PopflowError, match=r"a\.csv: is a link, folder, pipe or device"):
        write_manifest(folder, virtual()[1], TOLD)


def test_in_landing_the_folders_have_their_say(tmp_path: Path):
    folder = tmp_path / "virtual" / "2020-01-23" / "d1"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(csv(line()))
    with pytest.raises(PopflowError, match=r"--date: says 2020-01-22, and .* is the folder of 2020-01-23"):
        write_manifest(folder, virtual()[1], TOLD)
    with pytest.raises(PopflowError, match=r"--id: says d2, and .* is the folder of d1"):
        write_manifest(folder, virtual()[1], Told(D.replace(day=23), "d2"))


def test_an_id_that_no_manifest_may_have_is_refused_before_it_is_written(tmp_path: Path):
    folder = folder_with(tmp_path, a_csv=csv(line()))
    with pytest.raises(PopflowError, match="delivery_id: must be a plain name"):
        write_manifest(folder, virtual()[1], Told(D, "it's"))
    assert not (folder / "manifest.json").exists()


def test_records_of_an_encrypted_file_are_those_of_its_plain_form(tmp_path: Path):
    folder, plain = folder_with(tmp_path, a_csv_age=b"sealed"), tmp_path / "plain"
    plain.mkdir()
    (plain / "a.csv").write_text(csv(line(), line()))
    _, feed = virtual()
    with pytest.raises(PopflowError, match=r"a\.csv\.age: is encrypted, .* the plain files by --plain"):
        write_manifest(folder, feed, TOLD)
    (file,) = write_manifest(folder, feed, TOLD, plain=plain).files
    assert (file.name, file.bytes, file.rows) == ("a.csv.age", 6, 2)
    (said,) = json.loads((folder / "manifest.json").read_text())["files"]
    assert said["sha256"] == hashlib.sha256(b"sealed").hexdigest()

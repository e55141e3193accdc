"""No night runs whose restricted tables nobody protects, and none goes on that left a plain file where keys are set."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from pathlib import Path

import pytest

from popflow.cli import app
from popflow.cli.lake_state import lake_state
from popflow.encryption.key_file import add_master_key
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations import at_rest
from popflow.operations.owner_only import ops_folder
from popflow.operations.trail import Trail
from popflow.pipeline import Done, Night, Stage, run_stage

DAY = dt.date(2020, 1, 22)
TODAY = dt.date.today()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("POPFLOW_MASTER_KEYS", raising=False)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "master.keys"
    add_master_key(path, "2020-01")
    monkeypatch.setenv("POPFLOW_MASTER_KEYS", str(path))
    return path


def run(lake: Lake, *, sample: bool = False, file: bytes | None = None) -> list[str]:
    """One stage, which writes a file into the restricted zone."""
    ran = []

    def stage(lake: Lake, night: Night) -> Done:
        ran.append("ran")
        if file is not None:
            folder = Path(lake.zone("restricted"), "t")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{len(list(folder.iterdir()))}.parquet").write_bytes(file)
        return Done("done")

    run_stage(lake, Night(DAY, "landing", ("mobile",), sample=sample), Stage("stage", (), (), stage))
    return ran


def doctors(lake: Lake) -> tuple[str, str]:
    (found,) = [one for one in lake_state(lake) if one.what == "encryption at rest"]
    return found.state, found.found


def waive(lake: Lake, until: dt.date = TODAY, signed_by: str = "Li Na", reason: str = "disk under LUKS") -> None:
    ops_folder(lake)  # of a lake that is there
    words = ["--signed-by", signed_by, "--until", str(until), "--reason", reason]
    app(["keys", "waive", "--lake", lake.root, *words], standalone_mode=False)


def test_without_keys_waiver_or_sample_no_stage_runs(bare_lake: Lake):
    Path(bare_lake.root).mkdir()
    with pytest.raises(PopflowError, match=r"nobody signed for that; set POPFLOW_MASTER_KEYS .* popflow keys waive"):
        run(bare_lake)
    assert doctors(bare_lake)[0] == "note"  # a lake for reading alone is in order
    bare_lake.replace("flows_exact", bare_lake.frame("flows_exact", []))
    assert doctors(bare_lake)[0] == "broken"
    assert "REFUSED" in doctors(bare_lake)[1]


def test_a_sample_needs_neither_and_the_lake_says_so_ever_after(bare_lake: Lake):
    assert run(bare_lake, sample=True) == ["ran"]
    assert doctors(bare_lake)[0] == "note"
    assert "as a sample" in doctors(bare_lake)[1]
    with pytest.raises(PopflowError, match="as a sample's; only nights with --sample run"):
        run(bare_lake)


def test_a_waiver_holds_until_its_day_and_stands_on_the_trail(bare_lake: Lake):
    waive(bare_lake)
    assert run(bare_lake) == ["ran"]
    said = f"without keys of popflow, signed for by Li Na until {TODAY}: disk under LUKS"
    assert doctors(bare_lake) == ("note", f"{bare_lake.zone('restricted')} {said}")
    file = Path(bare_lake.zone("ops"), "waiver.json")
    assert file.stat().st_mode & 0o777 == 0o600
    (entry,) = [entry for entry in Trail.of(bare_lake).entries() if entry["verb"] == "waive"]
    assert entry["about"] == f"until {TODAY}, signed by Li Na: disk under LUKS"
    ended = json.loads(file.read_text()) | {"until": str(TODAY - dt.timedelta(days=1))}
    file.write_text(json.dumps(ended))
    with pytest.raises(PopflowError, match=f"the waiver of Li Na ended on {TODAY - dt.timedelta(days=1)}"):
        run(bare_lake)
    file.write_text("{}")
    with pytest.raises(PopflowError, match=r"waiver\.json: is not a waiver"):
        run(bare_lake)


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": TODAY - dt.timedelta(days=1)},
        {"until": TODAY + dt.timedelta(days=400)},
        {"signed_by": " "},
        {"reason": ""},
    ],
)
def test_a_waiver_has_a_name_a_reason_and_an_end(bare_lake: Lake, wrong: dict):
    with pytest.raises(PopflowError):
        waive(bare_lake, **wrong)
    assert at_rest.waiver_of(bare_lake) is None


def test_a_bucket_that_encrypts_is_signed_for(tmp_path: Path, contracts, keys: Path, monkeypatch: pytest.MonkeyPatch):
    lake = Lake("s3://lake", contracts, zones={"ops": str(tmp_path / "ops")})
    with pytest.raises(PopflowError, match="let the bucket encrypt"):
        run(lake)
    monkeypatch.delenv("POPFLOW_MASTER_KEYS")
    with pytest.raises(PopflowError, match="nobody signed"):
        run(lake)
    at_rest.waive(lake, "Li Na", TODAY, "SSE-KMS")
    assert run(lake) == ["ran"]


def test_a_plain_file_fails_the_stage_that_left_it_and_every_one_after(bare_lake: Lake, keys: Path):
    assert run(bare_lake, file=b"PARE") == ["ran"]
    assert doctors(bare_lake) == ("ok", "encrypted with 2020-01")
    for file in (b"PAR1", None, b"PARE"):
        with pytest.raises(
            PopflowError, match=r"t/1\.parquet: lies in the restricted zone unencrypted \(1 such files\)"
        ):
            run(bare_lake, file=file)
    Path(bare_lake.zone("restricted"), "t", "1.parquet").unlink()
    assert run(bare_lake) == ["ran"]


def test_only_what_is_new_is_opened_and_what_was_put_in_its_place_is_new(
    bare_lake: Lake, keys: Path, monkeypatch: pytest.MonkeyPatch
):
    """At night 400 a zone holds thousands of files that were looked at before."""
    from popflow.encryption import files

    folder = Path(bare_lake.zone("restricted"), "t")
    folder.mkdir(parents=True)
    for number in range(2000):
        (folder / f"old{number}.parquet").write_bytes(b"PARE")
    at_rest.refuse_plain(bare_lake)
    looked, is_encrypted = [], files.is_encrypted
    monkeypatch.setattr(files, "is_encrypted", lambda file: looked.append(file.name) or is_encrypted(file))
    (folder / "new.parquet").write_bytes(b"PARE")
    at_rest.refuse_plain(bare_lake)
    assert "new.parquet" in looked
    assert len(looked) < 100
    plain = folder / "copy"
    plain.write_bytes(b"PAR1")
    import os

    os.utime(plain, (0, 0))
    plain.replace(folder / "old7.parquet")  # its time of modification lies in the past
    with pytest.raises(PopflowError, match=r"old7\.parquet: lies in the restricted zone unencrypted"):
        at_rest.refuse_plain(bare_lake)
    (Path(bare_lake.zone("ops")) / "encrypted_until").write_text("nonsense")
    looked.clear()
    with pytest.raises(PopflowError):
        at_rest.refuse_plain(bare_lake)
    assert len(looked) == 2001


def test_what_is_waived_or_a_samples_is_not_searched(bare_lake: Lake):
    assert run(bare_lake, sample=True, file=b"PAR1") == ["ran"]
    assert dataclasses.astuple(at_rest.at_rest(bare_lake))[0] == "sample"


@pytest.mark.parametrize("text", ["[" * 100_000, None])
def test_what_is_no_waiver_is_refused(bare_lake: Lake, text: str | None):
    path = ops_folder(bare_lake) / "waiver.json"
    os.mkfifo(path) if text is None else path.write_text(text)
    with pytest.raises(PopflowError, match=r"waiver\.json: is not a waiver; sign again"):
        at_rest.at_rest(bare_lake)

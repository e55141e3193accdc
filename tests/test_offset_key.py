"""The key of the figures in hundreds: made once, kept for good; without it, or with another, nothing is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.offset_key import key_check, offset_key


@pytest.fixture
def lake(tmp_path: Path, contracts: Contracts) -> Lake:
    return Lake(tmp_path / "lake", contracts)


def tell(lake: Lake, monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    """As if something had been told under a key, the last of many times."""
    said = [{"userMetadata": json.dumps({"indicator": "population", "offset_key": key_check(key)})}, {}]
    monkeypatch.setattr(lake, "history", lambda name, newest=None: said if name == "counts" else [])


def test_it_is_made_before_the_first_figure_and_read_ever_after(lake: Lake):
    key = offset_key(lake)
    path = Path(lake.zone("restricted")) / "_keys" / "offsets.key"
    assert path.read_bytes() == key
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert offset_key(lake) == key
    assert key_check(key) not in key.hex()


def test_without_it_nothing_is_told_any_more(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    key = offset_key(lake)
    tell(lake, monkeypatch, key)
    assert offset_key(lake) == key
    path = Path(lake.zone("restricted")) / "_keys" / "offsets.key"
    path.unlink()
    with pytest.raises(
        PopflowError, match=r"offsets\.key: the key of the figures in hundreds is not there; put it back"
    ):
        offset_key(lake)
    assert not path.exists()


def test_another_key_tells_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    tell(lake, monkeypatch, offset_key(lake))
    other = tmp_path / "other.key"
    other.write_bytes(b"x" * 32)
    other.chmod(0o600)
    monkeypatch.setenv("POPFLOW_OFFSET_KEY_FILE", str(other))
    with pytest.raises(PopflowError, match=r"other\.key: is another key than that of the figures told so far"):
        offset_key(lake)


def test_a_key_that_others_can_read_or_of_another_size_is_refused(lake: Lake, monkeypatch, tmp_path: Path):
    named = tmp_path / "named.key"
    monkeypatch.setenv("POPFLOW_OFFSET_KEY_FILE", str(named))
    with pytest.raises(PopflowError, match="is not there"):
        offset_key(lake)
    named.write_bytes(b"x" * 16)
    named.chmod(0o600)
    with pytest.raises(PopflowError, match="a key is 32 bytes"):
        offset_key(lake)
    named.write_bytes(b"x" * 32)
    named.chmod(0o644)
    with pytest.raises(PopflowError, match="others"):
        offset_key(lake)


def test_in_object_storage_it_has_to_be_named(contracts: Contracts, tmp_path: Path):
    lake = Lake(tmp_path / "lake", contracts, zones={"restricted": "s3://bucket/restricted"})
    lake.history = lambda name, newest=None: []  # type: ignore[method-assign]
    with pytest.raises(PopflowError, match="POPFLOW_OFFSET_KEY_FILE is not set"):
        offset_key(lake)

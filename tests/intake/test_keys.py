"""The key of the restricted zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.environment import KEY_FILE
from popflow.errors import PopflowError
from popflow.intake import keys
from popflow.lake import Lake

SECRET = bytes(range(32))


@pytest.fixture
def dry_lake(tmp_path: Path, contracts: Contracts, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that is asked for its place only."""
    monkeypatch.delenv(KEY_FILE.name, raising=False)
    return Lake(tmp_path / "lake", contracts)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(dry_lake: Lake) -> None:
    path = keys.key_file(dry_lake)
    secret = keys.read_secret(path)
    assert len(secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert keys.read_secret(keys.key_file(dry_lake)) == secret


def test_a_lost_key_is_not_made_anew(dry_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "exists", lambda self, name: name == "subscribers")
    with pytest.raises(PopflowError, match="the key is gone"):
        keys.key_file(dry_lake)


def test_a_key_that_others_can_read_is_refused(dry_lake: Lake) -> None:
    keys.key_file(dry_lake).chmod(0o640)
    with pytest.raises(PopflowError, match="chmod 600"):
        keys.key_file(dry_lake)


def test_a_named_key_file_must_exist_and_be_a_key(
    dry_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.key"
    monkeypatch.setenv(KEY_FILE.name, str(path))
    with pytest.raises(PopflowError, match="no key file there"):
        keys.key_file(dry_lake)
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(PopflowError, match="this file has 5"):
        keys.key_file(dry_lake)


def test_object_storage_needs_a_named_key_file(contracts: Contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_FILE.name, raising=False)
    with pytest.raises(PopflowError, match="POPFLOW_KEY_FILE is not set"):
        keys.key_file(Lake("s3a://bucket/lake", contracts))


def test_keys_of_persons_and_sims_never_meet() -> None:
    made = {
        keys.person_key(SECRET, "a"),
        keys.sim_key(SECRET, "mobile", "a"),
        keys.sim_key(SECRET, "unicom", "a"),
        keys.person_key(bytes(32), "a"),
    }
    assert len(made) == 4
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in made)
    assert keys.person_key(SECRET, "a") == keys.person_key(SECRET, "a")

"""What the movement tests share: a key file with a key of no worth."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def key_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file as the restricted zone has one, always with the same key."""
    path = tmp_path_factory.mktemp("keys") / "person.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path

"""Files of keys of the pseudonyms."""

from __future__ import annotations

from pathlib import Path

KEY = bytes(range(32))


def key_file(path: Path, key: bytes = KEY) -> Path:
    """A file that holds a key, which its owner alone can read."""
    path.touch(mode=0o600)
    path.write_bytes(key)
    return path

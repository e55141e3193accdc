"""Encrypted deliveries are read as a stream; a changed one, or one for somebody else, is refused before its end."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyrage
import pytest

from age_files import encrypted, identity_file
from popflow.errors import PopflowError
from popflow.intake.encrypted import decrypted, is_encrypted

LINES = b"0123456789abcdef0123456789abcdef|20200122080000|1|2\r\n" * 50_000


def read(data: bytes, keys: Path) -> bytes:
    return decrypted(io.BytesIO(data), "f.csv.gz.age", keys).read()


def test_an_encrypted_delivery_is_read_as_a_stream(tmp_path: Path):
    mine = pyrage.x25519.Identity.generate()
    data = encrypted(gzip.compress(LINES), mine)
    stream = decrypted(io.BytesIO(data), "f.csv.gz.age", identity_file(tmp_path, mine))
    assert gzip.GzipFile(fileobj=stream).read() == LINES
    assert is_encrypted("f.csv.gz.age")
    assert not is_encrypted("f.csv.gz")


def test_both_keys_work_while_they_are_rotated(tmp_path: Path):
    old, new = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    keys = identity_file(tmp_path, old, new)
    assert read(encrypted(LINES, old), keys) == read(encrypted(LINES, new), keys) == LINES


@pytest.mark.parametrize("place", [-1, 200_000, 250], ids=["last byte", "middle", "start"])
def test_a_changed_file_is_refused_and_its_lines_are_not_repeated(tmp_path: Path, place: int):
    mine = pyrage.x25519.Identity.generate()
    data = bytearray(encrypted(LINES, mine))
    data[place] ^= 1
    with pytest.raises(PopflowError, match=r"f\.csv\.gz\.age: cannot be decrypted") as error:
        read(bytes(data), identity_file(tmp_path, mine))
    assert "0123456789abcdef" not in str(error.value)


def test_a_cut_file_is_refused(tmp_path: Path):
    mine = pyrage.x25519.Identity.generate()
    with pytest.raises(PopflowError, match="cannot be decrypted"):
        read(encrypted(LINES, mine)[:-100_000], identity_file(tmp_path, mine))


def test_a_file_for_another_key_is_refused(tmp_path: Path):
    mine, theirs = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    with pytest.raises(PopflowError, match="for another key"):
        read(encrypted(LINES, theirs), identity_file(tmp_path, mine))


def test_a_key_file_that_others_can_read_or_that_holds_rubbish_is_refused(tmp_path: Path):
    keys = identity_file(tmp_path, pyrage.x25519.Identity.generate())
    keys.chmod(0o644)
    with pytest.raises(PopflowError, match="others than its owner"):
        read(b"", keys)
    keys.write_text("AGE-SECRET-KEY-1RUBBISH\n")
    keys.chmod(0o600)
    with pytest.raises(PopflowError, match="not an age identity") as error:
        read(b"", keys)
    assert "RUBBISH" not in str(error.value)
    with pytest.raises(PopflowError, match="no file of age identities"):
        read(b"", tmp_path / "nowhere")

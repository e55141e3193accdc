"""Files encrypted with age, and the identities that open them."""

from __future__ import annotations

import io
from pathlib import Path

import pyrage


def identity_file(folder: Path, *identities: pyrage.x25519.Identity) -> Path:
    """A file of identities that its owner alone can read."""
    path = folder / "age.key"
    path.write_text("# created: today\n" + "".join(f"{one}\n" for one in identities))
    path.chmod(0o600)
    return path


def encrypted(plain: bytes, identity: pyrage.x25519.Identity) -> bytes:
    """The file for an identity's recipient; no two are alike."""
    out = io.BytesIO()
    pyrage.encrypt_io(io.BytesIO(plain), out, [identity.to_public()])
    return out.getvalue()

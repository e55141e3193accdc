"""The key of the figures in hundreds: by it their secret offsets are drawn, for good.

It is never made anew: by offsets of another key a series that hardly changes would tell itself to less than a hundred.
Which key it was stands in the log of `counts`, as a check that does not tell the key.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from popflow.environment import OFFSET_KEY_FILE
from popflow.errors import PopflowError
from popflow.intake.keys import read_secret, write_new_key
from popflow.lake import Lake
from popflow.paths import local_path

CHECK = "offset_key"  # in the metadata of a commit to `counts`
RECENT_COMMITS = 20  # looked at first; each that told anything bears the check
MESSAGE = b"popflow: which key the figures in hundreds have"


def offset_key(lake: Lake) -> bytes:
    """The key: POPFLOW_OFFSET_KEY_FILE, else <restricted zone>/_keys/offsets.key, made there before the first figure.

    Raises PopflowError where it cannot be had, or is another than that of what was told: then nothing is told.
    """
    told, path = _told_by(lake), _place(lake)
    if not path.exists() and not OFFSET_KEY_FILE.text() and told is None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_new_key(path)
    if not path.exists():
        raise PopflowError(f"{path}: the key of the figures in hundreds is not there; put it back: with another one "
                           "what was told would come open, so nothing is told without it")  # fmt: skip
    key = read_secret(path)
    if told not in (None, key_check(key)):
        raise PopflowError(f"{path}: is another key than that of the figures told so far; put that one back: with "
                           "another one what was told would come open")  # fmt: skip
    return key


def key_check(key: bytes) -> str:
    """What tells a key from another and does not tell the key."""
    return hmac.digest(key, MESSAGE, "sha256").hex()[:16]


def _place(lake: Lake) -> Path:
    if named := OFFSET_KEY_FILE.text():
        return Path(local_path(named))
    zone = lake.make_zone("restricted")
    if zone is None:
        raise PopflowError(f"{OFFSET_KEY_FILE} is not set: with the restricted zone at {lake.zone('restricted')}, name "
                           f"a file of 32 random bytes, and keep it for good")  # fmt: skip
    return zone / "_keys" / "offsets.key"


def _told_by(lake: Lake) -> str | None:
    """The check of the key by which `counts` was told; None where nothing was."""
    for newest in (RECENT_COMMITS, None):
        said = (json.loads(one["userMetadata"]) for one in lake.history("counts", newest) if one.get("userMetadata"))
        for one in said:
            return str(one[CHECK])
    return None

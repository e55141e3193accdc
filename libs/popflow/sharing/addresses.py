"""Addresses of files: signed for one grant, one table and one file, and good for minutes.

The clients fetch files without their token, so that the address itself is the permission.
"""

from __future__ import annotations

import hmac
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from popflow.intake.keys import read_secret, write_new_key
from popflow.operations.owner_only import private_folder, refusing
from popflow.sharing.state import state_folder

if TYPE_CHECKING:
    from popflow.lake import Lake

SECONDS = 600
UNTIL = re.compile("[0-9]{1,12}")


class Addresses:
    """Makes and checks addresses below a root such as https://host/delta-sharing/files."""

    def __init__(self, secret: bytes, seconds: int = SECONDS) -> None:
        self._secret = secret
        self._seconds = seconds

    @classmethod
    def of(cls, lake: Lake, seconds: int = SECONDS) -> Addresses:
        """With the key of the share, made at first use: address.key in its folder, its owner's alone."""
        path = state_folder(lake) / "address.key"
        with refusing(path):
            private_folder(path.parent)
            if not path.exists():
                write_new_key(path)
        return cls(read_secret(path), seconds)

    def of_file(self, root: str, grant_id: str, table: str, path: str) -> str:
        """The address of a file of a table for a grant."""
        until = int(time.time()) + self._seconds
        signature = self._signature(grant_id, table, until, path)
        return f"{root}/{grant_id}/{table}/{until}/{signature}/{quote(path, safe='/=')}"

    def good(self, grant_id: str, table: str, until: str, signature: str, path: str) -> bool:
        """Whether these parts are of one address that was made here and has not expired."""
        if not UNTIL.fullmatch(until) or int(until) < time.time():
            return False
        wanted = self._signature(grant_id, table, int(until), path)
        return hmac.compare_digest(_bytes(signature), wanted.encode())

    def _signature(self, grant_id: str, table: str, until: int, path: str) -> str:
        message = "\n".join((grant_id, table, str(until), path))
        return hmac.digest(self._secret, _bytes(message), "sha256").hex()


def _bytes(text: str) -> bytes:
    """Of any text that a request can hold, halves of letters too."""
    return text.encode("utf-8", "surrogatepass")

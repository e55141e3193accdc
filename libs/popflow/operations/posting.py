"""JSON objects to a web server: a webhook, a lineage backend."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

SECONDS = 10  # to wait for a receiver
NOT_SENT = (OSError, ValueError)  # what `post` raises


def post(address: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    """Post an object. Raises OSError or ValueError, which may quote the address: say `kind_of` them alone."""
    if not address.startswith(("https://", "http://")):
        raise ValueError("not an address of a web server")
    told = {"Content-Type": "application/json"} | dict(headers or {})
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), told), timeout=SECONDS):
        pass


def kind_of(error: Exception) -> str:
    """What may be said of an object that was not sent: a status, or the kind of fault; never an address."""
    return f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__

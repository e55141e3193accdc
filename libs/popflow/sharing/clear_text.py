"""Tokens and addresses go over the line in clear text within this machine alone."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from popflow.errors import PopflowError

HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether a name or address, without its port, is this machine's own."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(address: str) -> str | None:
    """The name in a host, or in a host and port, as a request gives them; None where it is neither."""
    found = HOST.fullmatch(address)
    return found[1] if found else None


def refuse_clear_text(option: str, address: str) -> None:
    """Raise PopflowError unless an option's address is https://host, or http:// of this machine."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise PopflowError(f"{option} {address}: is not an address; write https://host") from None
    host = host_of(parts.netloc)
    if parts.scheme not in ("http", "https") or host is None or parts.query or parts.fragment:
        raise PopflowError(f"{option} {address}: is not an address of a server; write https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise PopflowError(f"{option} {address}: tokens would travel in clear text; write https://{parts.netloc}")

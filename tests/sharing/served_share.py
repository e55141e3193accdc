"""The share's own server for as long as a test needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from popflow.sharing import listener


@contextmanager
def serving(application: ASGIApp, certificate: Path | None = None, key: Path | None = None) -> Iterator[int]:
    """The share's own server, on a port of this machine that was free."""
    served, listening = listener.server(application, certificate, key), listener.listen("127.0.0.1", 0)
    thread = threading.Thread(target=listener.run, args=(served, listening), daemon=True)
    thread.start()
    while not served.started and thread.is_alive():
        time.sleep(0.01)
    yield listening.getsockname()[1]
    served.should_exit = True
    thread.join(10)

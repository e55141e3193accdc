"""What the share answers where it cannot answer: a code and a sentence, never a stack trace or a path."""

from __future__ import annotations

import threading
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from popflow.errors import PopflowError

ONCE_IN = 60.0  # seconds; the same line is not printed again before
AT_MOST = 100  # different lines that are remembered


class Printed:
    """Lines for the one who serves: each once a minute, with the times that it was held back, however often it came."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Print a line, unless it was printed a moment ago, or too many others were."""
        now = time.monotonic()
        with self._lock:
            last, held = self._held.get(line, (float("-inf"), 0))
            if now - last < ONCE_IN:
                self._held[line] = (last, held + 1)
                return
            self._held = {one: known for one, known in self._held.items() if now - known[0] < ONCE_IN}
            if len(self._held) >= AT_MOST:
                return
            self._held[line] = (now, 0)
        print(f"popflow: {line}" + (f" (and {held} times before)" if held else ""), flush=True)


printed = Printed()


def refusal(request: Request, error: HTTPException) -> Response:
    """The answer to what was asked wrongly, or by somebody who may not."""
    text = {"errorCode": str(error.status_code), "message": error.detail}
    return JSONResponse(text, error.status_code, headers=error.headers)


def unable(request: Request, error: Exception) -> Response:
    """What is wrong is for the one who serves, not for the reader; it may name folders."""
    if isinstance(error, PopflowError):
        printed.say(" ".join(str(error).split()))
    else:  # its message may hold anything
        printed.say(f"unforeseen {type(error).__name__}: a request was refused")
    return JSONResponse({"errorCode": "503", "message": "nothing can be read now; ask who serves the share"}, 503)


def gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody is there any more to be answered."""
    return Response(status_code=400)


HANDLERS: dict[Any, Any] = {
    HTTPException: refusal,
    ClientDisconnect: gone,
    PopflowError: unable,
    OSError: unable,
    Exception: unable,
}

"""No reader keeps another waiting: so many requests of one grant are answered at once, its others stand in line."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE = 16  # requests of one grant; those without one have a line of their own, together
IN_LINE = 1000
PATIENCE = 30.0  # seconds in a line


@dataclass
class Line:
    """The requests of one grant."""

    turn: asyncio.Semaphore
    waiting: int = 0


@dataclass
class Admission:
    """Lets requests through to an application by turns. grant_of: id of the grant that a request names, or ''."""

    app: ASGIApp
    grant_of: Callable[[Request], str]
    at_once: int = AT_ONCE
    in_line: int = IN_LINE
    patience: float = PATIENCE
    _lines: dict[str, Line] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = defaultdict(lambda: Line(asyncio.Semaphore(self.at_once)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request when it is its turn; 429 where the line is too long or does not move."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        line = self._lines[self.grant_of(Request(scope))]
        if not await self._turn(line):
            text = {"errorCode": "429", "message": "too many requests of this token at once; try again"}
            await JSONResponse(text, 429, headers={"Retry-After": "2"})(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            line.turn.release()

    async def _turn(self, line: Line) -> bool:
        if not line.turn.locked():
            return await line.turn.acquire()
        if line.waiting >= self.in_line:
            return False
        line.waiting += 1
        try:
            await asyncio.wait_for(line.turn.acquire(), self.patience)
        except TimeoutError:
            return False
        finally:
            line.waiting -= 1
        return True

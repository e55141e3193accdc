"""The share's server: uvicorn, with a limit on how long a connection may keep it waiting.

A connection without a whole request, or whose client does not take its answer, is closed after seconds; where there are
too many, the one that waits longest without a request is. So nobody stops the server by holding connections open.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from popflow.errors import PopflowError

REQUEST_SECONDS = 10.0  # from a connection, or a request's first byte, to its last
ANSWER_SECONDS = 30.0  # that a client may take nothing of its answer
IDLE_SECONDS = 5  # between two requests
HEADERS_AT_MOST = 16_384  # bytes
CONNECTIONS_AT_MOST = 2000
FILES_BESIDE = 200  # that the process needs open beside its connections


class Connection(H11Protocol):
    """One connection of a client, and how long it may keep the server waiting."""

    most = CONNECTIONS_AT_MOST
    request_seconds = REQUEST_SECONDS
    answer_seconds = ANSWER_SECONDS
    _awaiting: asyncio.TimerHandle | None = None
    _answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; make room where there are too many connections."""
        super().connection_made(transport)
        self.since = time.monotonic()
        self._awaiting = self.loop.call_later(self.request_seconds, transport.abort)
        if len(self.connections) > self.most:
            idle = [one for one in self.connections if isinstance(one, Connection) and one.idle]
            min(idle, key=lambda one: one.since, default=self).transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Go on reading a request; the time for one that began is not prolonged by its bytes."""
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._awaiting = _ended(self._awaiting)
        elif self._awaiting is None:
            self._awaiting = self.loop.call_later(self.request_seconds, self.transport.abort)

    def on_response_complete(self) -> None:
        """Wait for the next request; the client has to take what was answered."""
        self.since = time.monotonic()
        if self.transport.get_write_buffer_size():
            self._await_taking()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client to take its answer."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """Go on answering: the client took something."""
        self._answering = _ended(self._answering)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._awaiting, self._answering = _ended(self._awaiting), _ended(self._answering)
        super().connection_lost(exc)

    def _await_taking(self) -> None:
        """End the connection unless the client takes something in time."""
        self._answering = _ended(self._answering)
        self._answering = self.loop.call_later(self.answer_seconds, self._end_untaken)

    def _end_untaken(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose TLS handshakes end in time, too."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """Listen; a handshake has as long as a request."""
        if options.get("ssl"):
            options |= {"ssl_handshake_timeout": REQUEST_SECONDS, "ssl_shutdown_timeout": REQUEST_SECONDS}
        return await super().create_server(*args, **options)


def server(application: ASGIApp, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """The server of an application, with TLS where there is a certificate. Raises PopflowError for a bad one."""
    _allow_open_files()
    config = uvicorn.Config(
        application,
        http=Connection,
        ws="none",
        lifespan="off",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        access_log=False,  # addresses of files are permissions
        log_level="critical",  # what anybody can send is no news, and must not fill a disk
        timeout_keep_alive=IDLE_SECONDS,
        h11_max_incomplete_event_size=HEADERS_AT_MOST,
        server_header=False,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise PopflowError(f"{certificate}, {key}: not a certificate and its key in PEM ({why})") from None
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises PopflowError where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise PopflowError(f"{host}:{port}: cannot listen there ({error.strerror}); mend --host or --port") from None


def run(served: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until interrupted."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(served.serve([listening]))


def _allow_open_files() -> None:
    """As many as the machine lets this process have, and no more connections than fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_AT_MOST + FILES_BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    Connection.most = CONNECTIONS_AT_MOST if soft == resource.RLIM_INFINITY else min(wanted, soft) - FILES_BESIDE


def _ended(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None

"""Who holds connections open, sends slowly or takes nothing stops the share for nobody else."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from served_share import serving
from shared_dates import Profile
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.sharing import listener
from popflow.sharing.listener import Connection
from popflow.sharing.server import application

HEAD = b"GET /delta-sharing/shares HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SECONDS = 0.5


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "request_seconds", SECONDS)
    monkeypatch.setattr(Connection, "answer_seconds", SECONDS)


def connected(endpoint: str) -> socket.socket:
    address = urlsplit(endpoint)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)


def closed_after(connection: socket.socket) -> float:
    """Seconds until the server ends a connection."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65_536):
            pass
    return time.monotonic() - began


def shares(endpoint: str, token: str) -> int:
    return requests.get(f"{endpoint}/shares", headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code


def token_of(profile: Path) -> str:
    return json.loads(profile.read_text())["bearerToken"]


@pytest.fixture
def idle(endpoint: str) -> Iterator[list[socket.socket]]:
    """More connections than the earlier limit, none with a request."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connected(endpoint)) for _ in range(200)]


def test_idle_connections_stop_nobody(idle: list[socket.socket], endpoint: str, profile: Profile):
    assert shares(endpoint, token_of(profile())) == 200
    assert len(idle) == 200


def test_where_there_are_too_many_the_longest_idle_one_ends(
    endpoint: str, profile: Profile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Connection, "most", 20)
    token = token_of(profile())
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connected(endpoint))
        assert [shares(endpoint, token) for _ in range(5)] == [200] * 5


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", [b"", b"GET", HEAD, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"])
def test_a_connection_without_a_whole_request_is_closed(endpoint: str, sent: bytes):
    with connected(endpoint) as connection:
        connection.sendall(sent)
        assert closed_after(connection) < 5 * SECONDS


@pytest.mark.usefixtures("impatient")
def test_bytes_one_by_one_do_not_prolong_it(endpoint: str):
    began = time.monotonic()
    with connected(endpoint) as connection, contextlib.suppress(OSError):
        connection.sendall(HEAD)
        while time.monotonic() - began < 10:
            connection.sendall(b"x")
            time.sleep(SECONDS / 5)
    assert time.monotonic() - began < 5 * SECONDS


@pytest.mark.usefixtures("impatient")
def test_who_takes_nothing_of_an_answer_is_left(tmp_path: Path):
    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"x" * 50_000_000)(scope, receive, send)

    with serving(large) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.settimeout(10)
        connection.sendall(HEAD + b"\r\n")
        time.sleep(3 * SECONDS)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 20):
                taken += len(part)
        assert taken < 50_000_000


@pytest.mark.usefixtures("impatient")
def test_an_honest_client_keeps_its_connection_from_request_to_request(endpoint: str, profile: Profile):
    headers = {"Authorization": f"Bearer {token_of(profile())}"}
    with requests.Session() as session:
        for _ in range(4):
            assert session.get(f"{endpoint}/shares", headers=headers, timeout=10).status_code == 200
            time.sleep(SECONDS / 2)


def test_headers_without_end_are_refused(endpoint: str):
    with connected(endpoint) as connection, contextlib.suppress(OSError):
        connection.sendall(HEAD + b"X: " + b"y" * 200_000)
        assert b"400" in connection.recv(100)


def test_200_clients_at_once_are_all_answered(endpoint: str, profile: Profile):
    token = token_of(profile())
    with ThreadPoolExecutor(200) as clients:
        assert set(clients.map(lambda _: shares(endpoint, token), range(400))) == {200}


def test_one_readers_line_keeps_no_other_waiting():
    import asyncio

    from starlette.requests import Request

    from popflow.sharing.admission import Admission

    ended, statuses = asyncio.Event(), []

    async def slow_for_a(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/a":
            await ended.wait()
        await Response()(scope, receive, send)

    async def ask(admission: Admission, name: str) -> int:
        async def send(message) -> None:
            if message["type"] == "http.response.start":
                statuses.append((name, message["status"]))

        scope = {"type": "http", "path": f"/{name}", "headers": [], "method": "GET"}
        await admission(scope, None, send)

    async def ask_many() -> None:
        admission = Admission(slow_for_a, lambda request: Request(request.scope).url.path, at_once=2, in_line=3)
        waiting = [asyncio.create_task(ask(admission, "a")) for _ in range(6)]
        await asyncio.sleep(0.05)
        await ask(admission, "b")
        assert statuses == [("a", 429), ("b", 200)]  # two are answered, three wait, the sixth is too many
        ended.set()
        await asyncio.gather(*waiting)

    asyncio.run(ask_many())
    assert sorted(statuses) == [("a", 200)] * 5 + [("a", 429), ("b", 200)]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    certificate, key = tmp_path / "share.pem", tmp_path / "share.key"
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    call += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(call, check=True, capture_output=True)
    return certificate, key


def test_a_handshake_that_does_not_come_ends_too(
    lake: Lake, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(listener, "REQUEST_SECONDS", SECONDS)
    with serving(application(lake), *certificate) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            assert closed_after(connection) < 5 * SECONDS
        address = f"https://localhost:{port}/delta-sharing/shares"
        assert requests.get(address, verify=certificate[0], timeout=10).status_code == 401


def test_a_bad_certificate_and_a_taken_port_are_one_line(certificate: tuple[Path, Path]):
    certificate[1].write_text("no key")
    with pytest.raises(PopflowError, match="not a certificate and its key in PEM"):
        listener.server(Response(), *certificate)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(PopflowError, match="cannot listen there"),
    ):
        listener.listen("127.0.0.1", taken.getsockname()[1])

"""The share behind nginx, as scripts/share-nginx.conf sets it up: TLS, limits, addresses by the proxy's name."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from served_share import serving

from popflow.lake import Lake
from popflow.sharing.grants import Grants
from popflow.sharing.server import application

CONFIGURATION = Path(__file__).parents[2] / "scripts" / "share-nginx.conf"


@pytest.fixture(scope="module")
def nginx() -> str:
    """nginx and openssl; where one is missing, these tests are skipped with a warning."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not found or not shutil.which("openssl"):
        warnings.warn("the tests of the front proxy did not run: apt-get install nginx-light openssl", stacklevel=1)
        pytest.skip("no nginx or no openssl")
    return found


@pytest.fixture(scope="module")
def proxy(nginx: str, lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of the proxy, and its certificate; the configuration as it is committed, but for ports and files."""
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = folder / "share.pem", folder / "share.key"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    call = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*call, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"https://localhost:{port}"
    with serving(application(lake, public=address)) as behind:
        site = CONFIGURATION.read_text()
        for ours, theirs in {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "127.0.0.1:8474": f"127.0.0.1:{behind}",
            "/etc/ssl/share.example.org.pem": str(certificate),
            "/etc/ssl/share.example.org.key": str(key),
            "share.example.org;": "localhost;",
            "client_header_timeout 10s": "client_header_timeout 2s",
        }.items():
            assert ours in site
            site = site.replace(ours, theirs)
        places = "".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole = f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}} http {{ {places}\n{site} }}"
        (folder / "nginx.conf").write_text(whole)
        running = subprocess.Popen([nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")])
        try:
            _wait_for(port, running)
            yield address, certificate
        finally:
            running.terminate()
            running.wait(10)


def _wait_for(port: int, running: subprocess.Popen) -> None:
    for _ in range(200):
        assert running.poll() is None, "nginx ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("nginx does not listen")


@pytest.fixture(scope="module")
def headers(lake: Lake) -> dict[str, str]:
    return {"Authorization": f"Bearer {Grants(lake).add('hunan-cdc', 'epidemic_prevention', 30)[1]}"}


def test_tables_and_files_come_by_the_proxys_name(proxy: tuple[str, Path], headers: dict[str, str]):
    address, certificate = proxy
    table = f"{address}/delta-sharing/shares/popflow/schemas/published/tables/flows/query"
    answer = requests.post(table, headers=headers, json={}, verify=certificate, timeout=10)
    urls = [json.loads(line)["file"]["url"] for line in answer.text.splitlines()[2:]]
    assert urls
    for url in urls:
        assert url.startswith(f"{address}/delta-sharing/files/")
        assert requests.get(url, verify=certificate, timeout=10).content.startswith(b"PAR1")


def test_nothing_else_is_there(proxy: tuple[str, Path], headers: dict[str, str]):
    address, certificate = proxy
    assert requests.get(address, headers=headers, verify=certificate, timeout=10).status_code == 404
    shares = f"{address}/delta-sharing/shares"
    assert requests.get(shares, verify=certificate, timeout=10).status_code == 401
    long = requests.post(shares, data=b"x" * 100_000, headers=headers, verify=certificate, timeout=10)
    assert long.status_code == 413


def test_connections_without_a_request_are_ended_by_the_proxy_and_stop_nobody(
    proxy: tuple[str, Path], headers: dict[str, str]
):
    address, certificate = proxy

    def ask(_: int) -> int:
        shares = f"{address}/delta-sharing/shares"
        return requests.get(shares, headers=headers, verify=certificate, timeout=20).status_code

    port = int(address.rsplit(":", 1)[1])
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(200)]
        with ThreadPoolExecutor(20) as clients:
            assert set(clients.map(ask, range(100))) == {200}
        for connection in idle:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""


def test_more_connections_than_one_address_may_have_are_refused(proxy: tuple[str, Path], headers: dict[str, str]):
    address, certificate = proxy
    port = int(address.rsplit(":", 1)[1])
    secure = ssl.create_default_context(cafile=str(certificate))
    request = f"GET /delta-sharing/shares HTTP/1.1\r\nHost: localhost\r\nAuthorization: {headers['Authorization']}\r\n"
    request += "Content-Length: 10\r\n\r\n"
    answers = []
    with contextlib.ExitStack() as stack:
        for _ in range(70):
            plain = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection = stack.enter_context(secure.wrap_socket(plain, server_hostname="localhost"))
            connection.sendall(request.encode())  # without its body: the connection stays in use
            answers.append(connection)
        refused = [one.recv(100) for one in answers[-5:]]
    assert all(b" 429 " in one for one in refused)

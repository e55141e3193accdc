"""So many clients read the share at once for so long: python benchmarks/share.py [clients] [seconds].

Each client has a token of its own, asks for a table, checks what it is given, fetches a file of it, and compares its
bytes with those on disk. All on this machine. Prints the answers that were wrong, and how long the right ones took.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import http
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import published_lake
from popflow import contracts
from popflow.lake import Lake
from popflow.operations.trail import verify
from popflow.sharing.grants import Grants
from popflow.sharing.state import trail_of

DATES = 14
PORT = 18474
TABLE = "/delta-sharing/shares/popflow/schemas/published/tables/flows/query"
ROWS = [("area", "hubei", "all", "all", 1000)] + [
    ("prefecture", "420100", "county", f"{code}", 20 + code % 97) for code in range(430_101, 431_301)
]


async def answer(method: str, target: str, token: str = "") -> tuple[int, bytes]:
    """One request on a connection of its own: status and body; a body cut short raises."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{authorization}Connection: close\r\n"
        writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        lengths = [line.split(":")[1] for line in headers if line.lower().startswith("content-length:")]
        return int(status.split()[1]), await reader.readexactly(int(lengths[0]))
    finally:
        writer.close()


async def client(token: str, number: int, files: dict[str, bytes], until: float, seen: list, wrong: Counter) -> None:
    """Ask and fetch until the time is over."""
    while (began := time.monotonic()) < until:
        try:
            status, body = await answer("POST", TABLE, token)
            seen.append(("query", time.monotonic() - began))
            given = [json.loads(line)["file"] for line in body.splitlines()[2:]] if status == http.HTTPStatus.OK else []
            if {one["id"] for one in given} != set(files):
                wrong[f"query {status}"] += 1
                continue
            one = given[number % len(given)]
            began = time.monotonic()
            status, body = await answer("GET", urlsplit(one["url"]).path)
            seen.append(("file", time.monotonic() - began))
            if (status, body) != (http.HTTPStatus.OK, files[one["id"]]):
                wrong[f"file {status}"] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            wrong[type(error).__name__] += 1


async def load(tokens: list[str], files: dict[str, bytes], seconds: float) -> tuple[list, Counter]:
    """All clients at once."""
    seen: list[tuple[str, float]] = []
    wrong: Counter[str] = Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(*(client(token, n, files, until, seen, wrong) for n, token in enumerate(tokens)))
    return seen, wrong


def main(clients: int = 300, seconds: float = 30) -> None:
    """Publish, grant, serve, load, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        for day in range(DATES):
            published_lake.publish(root, dt.date(2020, 1, 9) + dt.timedelta(days=day), ROWS)
        lake = Lake(root, contracts.load())
        tokens = [Grants(lake).add(f"reader-{n}", "epidemic_prevention", 1)[1] for n in range(clients)]
        files = {one.path: (root / "published/flows" / one.path).read_bytes() for one in lake.snapshot("flows").files}
        program = [sys.executable, "-c", "from popflow.cli import main; main()", "share", "serve"]
        server = subprocess.Popen([*program, "--lake", str(root), "--port", str(PORT)])
        try:
            asyncio.run(_until_it_listens())
            seen, wrong = asyncio.run(load(tokens, files, seconds))
        finally:
            server.terminate()
            server.wait()
        verdict = verify(trail_of(lake).path)
    print(f"{clients} clients, {seconds:.0f} s: {len(seen)} answers, wrong: {dict(wrong) or 'none'}")
    for kind in ("query", "file"):
        took = sorted(one for what, one in seen if what == kind)
        at = {share: took[min(int(len(took) * share), len(took) - 1)] for share in (0.5, 0.95, 0.99)}
        print(f"{kind}: {len(took) / seconds:.0f}/s, " + ", ".join(f"p{100 * k:.0f} {v:.2f} s" for k, v in at.items()))
    print(f"trail: {verdict.summary()}")


async def _until_it_listens() -> None:
    for _ in range(600):
        try:
            await answer("GET", "/delta-sharing/shares")
            return
        except OSError:
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

"""The Delta Sharing protocol (v1) over the published tables: lists, versions, metadata, files, to who holds a token.

https://github.com/delta-io/delta-sharing/blob/main/PROTOCOL.md, response format parquet. Only the newest version is
served. Each query, and the first fetch of each file by an address, is on the share's trail before anything is answered:
where the trail cannot be written, nothing is read.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from popflow.contracts import refuse_unlisted
from popflow.errors import PopflowError
from popflow.operations.trail import Trail
from popflow.sharing.addresses import SECONDS, Addresses
from popflow.sharing.admission import Admission
from popflow.sharing.clear_text import host_of, is_loopback
from popflow.sharing.grants import TABLES, Grant, Grants
from popflow.sharing.ranges import NoSuchRangeError, asked_range
from popflow.sharing.refusals import HANDLERS
from popflow.sharing.state import trail_of
from popflow.sharing.view import View

if TYPE_CHECKING:
    import pyarrow as pa
    from starlette.types import ASGIApp

    from popflow.delta_log import Snapshot
    from popflow.lake import Lake

PREFIX = "/delta-sharing"
SHARE, SCHEMA = "popflow", "published"
NDJSON = "application/x-ndjson; charset=utf-8"
BYTES = "application/octet-stream"
BODY_AT_MOST = 65_536
CHUNK = 1 << 20


def application(lake: Lake, public: str = "", seconds: int = SECONDS) -> ASGIApp:
    """The server's application; it needs the zones `published` and `share` of the lake alone.

    public: how readers reach it where a proxy stands before it; seconds: an address's.
    """
    share = Share(lake, Grants(lake), Addresses.of(lake, seconds), View(lake), trail_of(lake), public.rstrip("/"))
    schema = f"{PREFIX}/shares/{{share}}/schemas/{{schema}}"
    routes = [
        Route(f"{PREFIX}/shares", share.shares),
        Route(f"{PREFIX}/shares/{{share}}", share.one_share),
        Route(f"{PREFIX}/shares/{{share}}/schemas", share.schemas),
        Route(f"{PREFIX}/shares/{{share}}/all-tables", share.tables),
        Route(f"{schema}/tables", share.tables),
        Route(f"{schema}/tables/{{table}}/version", share.version),
        Route(f"{schema}/tables/{{table}}/metadata", share.metadata),
        Route(f"{schema}/tables/{{table}}/query", share.query, methods=["POST"]),
        Route(f"{PREFIX}/files/{{grant}}/{{table}}/{{until}}/{{signature}}/{{path:path}}", share.file),
    ]
    answers = Starlette(routes=routes, exception_handlers=HANDLERS)
    answers.router.redirect_slashes = False  # to an address that the request makes up
    return Admission(answers, share.grant_id)


@dataclass
class Share:
    """What the routes answer with."""

    lake: Lake
    grants: Grants
    addresses: Addresses
    view: View
    trail: Trail
    public: str

    def __post_init__(self) -> None:
        self._fetched: dict[str, int] = {}
        self._lock = threading.Lock()

    def grant_id(self, request: Request) -> str:
        """The grant that a request names by its token, or by its address of a file; '' for none that there is."""
        named = request.scope["path"].removeprefix(f"{PREFIX}/files/").partition("/")[0]
        try:
            grant = self.grants.of_token(_token(request)) or self.grants.of_id(named)
        except PopflowError:  # the answer will say so
            grant = None
        return grant.id if grant else ""

    def shares(self, request: Request) -> Response:
        """GET /shares"""
        self._grant(request)
        return _page(request, [{"name": SHARE, "id": SHARE}])

    def one_share(self, request: Request) -> Response:
        """GET /shares/{share}"""
        self._grant(request)
        _refuse_other_names(request)
        return JSONResponse({"share": {"name": SHARE, "id": SHARE}})

    def schemas(self, request: Request) -> Response:
        """GET /shares/{share}/schemas"""
        self._grant(request)
        _refuse_other_names(request)
        return _page(request, [{"name": SCHEMA, "share": SHARE}])

    def tables(self, request: Request) -> Response:
        """GET /shares/{share}/all-tables and /shares/{share}/schemas/{schema}/tables"""
        self._grant(request)
        _refuse_other_names(request)
        about = {"schema": SCHEMA, "share": SHARE, "shareId": SHARE}
        return _page(request, [{"name": table, "id": table} | about for table in TABLES])

    def version(self, request: Request) -> Response:
        """GET .../tables/{table}/version"""
        self._grant(request)
        return Response(headers=_version(self.view.of(_table(request))))

    def metadata(self, request: Request) -> Response:
        """GET .../tables/{table}/metadata"""
        self._grant(request)
        snapshot = self.view.of(_table(request))
        return Response(_lines(_about(snapshot)), headers=_version(snapshot), media_type=NDJSON)

    async def query(self, request: Request) -> Response:
        """POST .../tables/{table}/query: the files of the table, each by an address that is signed for this grant."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY_AT_MOST:
                raise HTTPException(413, "the query is too long")
        return await run_in_threadpool(self._query, request, body)

    def _query(self, request: Request, body: bytes) -> Response:
        grant = self._grant(request)
        table = _table(request)
        snapshot = self.view.of(table)
        _refuse_past(body, snapshot.version)
        root = f"{self.public or _reached_at(request)}{PREFIX}/files"
        self._record("share", table, grant)
        files = [
            {
                "file": {
                    "url": self.addresses.of_file(root, grant.id, table, one.path),
                    "id": one.path,
                    "partitionValues": {name: str(value) for name, value in one.partition.items()},
                    "size": one.size,
                }
            }
            for one in snapshot.files
        ]
        return Response(_lines([*_about(snapshot), *files]), headers=_version(snapshot), media_type=NDJSON)

    def file(self, request: Request) -> Response:
        """GET or HEAD of a file's address, whole or a range of its bytes."""
        asked = request.path_params
        grant = self.grants.of_id(asked["grant"])
        signed = (asked["grant"], asked["table"], asked["until"], asked["signature"], asked["path"])
        if not self.addresses.good(*signed) or grant is None or grant.state() != "valid":
            raise HTTPException(403, "this address is not, or no longer, good; ask for the table again")
        if "authorization" in request.headers and self._grant(request).id != grant.id:
            raise HTTPException(403, "this address was given to another token")
        snapshot = self.view.of(asked["table"])
        size = next((one.size for one in snapshot.files if one.path == asked["path"]), None)
        if size is None:
            raise HTTPException(410, "this file is no longer served; ask for the table again")
        if request.method == "HEAD":
            self._opened(asked["table"], asked["path"], size).close()
            return Response(headers=_of_bytes(0, size), media_type=BYTES)
        try:
            wanted = asked_range(None if "if-range" in request.headers else request.headers.get("range"), size)
        except NoSuchRangeError:
            raise HTTPException(416, "no such range", {"Content-Range": f"bytes */{size}"}) from None
        return self._bytes(grant, request.path_params, size, wanted)

    def _bytes(self, grant: Grant, asked: dict[str, Any], size: int, wanted: tuple[int, int] | None) -> Response:
        """The file, opened before the first byte of the answer: one that is not there, or not whole, is an error."""
        file = self._opened(asked["table"], asked["path"], size)
        try:
            self._record_first_fetch(grant, asked["table"], asked["signature"], int(asked["until"]))
        except PopflowError:
            file.close()
            raise
        first, last = wanted or (0, size - 1)
        headers = _of_bytes(first, last + 1) | ({"Content-Range": f"bytes {first}-{last}/{size}"} if wanted else {})
        return StreamingResponse(_content(file, first, last), 206 if wanted else 200, headers, BYTES)

    def _opened(self, table: str, path: str, size: int) -> pa.NativeFile:
        try:
            file = self.lake.open_file(table, path)
        except FileNotFoundError:
            raise PopflowError(f"{table}/{path}: the table names this file, and it is not there") from None
        if file.size() != size:
            file.close()
            raise PopflowError(f"{table}/{path}: is not as long as the table says")
        return file

    def _grant(self, request: Request) -> Grant:
        grant = self.grants.of_token(_token(request))
        if grant is None:
            raise HTTPException(401, "no token, or one that was never given", {"WWW-Authenticate": "Bearer"})
        if grant.state() != "valid":
            raise HTTPException(
                401, f"this token is {grant.state()}; ask for a new profile", {"WWW-Authenticate": "Bearer"}
            )
        return grant

    def _record(self, verb: str, table: str, grant: Grant) -> None:
        refuse_unlisted(self.lake.contracts.table(table), grant.purpose)
        self.trail.append(verb, table, f"share/{grant.reader}/{grant.id}", grant.purpose)

    def _record_first_fetch(self, grant: Grant, table: str, signature: str, until: int) -> None:
        """Who asks for the same address meanwhile waits for the entry; without it the address stays one not fetched."""
        with self._lock:
            if signature in self._fetched:
                return
            self._record("fetch", table, grant)
            self._fetched[signature] = until
            while self._fetched and next(iter(self._fetched.values())) < time.time():
                del self._fetched[next(iter(self._fetched))]


def _about(snapshot: Snapshot) -> list[dict[str, Any]]:
    metadata = {
        "id": snapshot.table_id,
        "format": {"provider": "parquet"},
        "schemaString": snapshot.schema_json,
        "partitionColumns": list(snapshot.partition_by),
    }
    return [{"protocol": {"minReaderVersion": 1}}, {"metaData": metadata}]


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _version(snapshot: Snapshot) -> dict[str, str]:
    return {"Delta-Table-Version": str(snapshot.version)}


def _refuse_other_names(request: Request) -> None:
    """Names are the same in small letters and capitals, as the protocol has them."""
    known = {"share": (SHARE,), "schema": (SCHEMA,), "table": TABLES}
    for part, names in known.items():
        if request.path_params.get(part, names[0]).lower() not in names:
            raise HTTPException(404, f"no such {part}; there is {' and '.join(names)}")


def _table(request: Request) -> str:
    """The table that a request names, as popflow calls it."""
    _refuse_other_names(request)
    return str(request.path_params["table"]).lower()


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _page(request: Request, items: list[dict[str, str]]) -> Response:
    """So many of a list as are asked for, from where the last answer ended."""
    begin, most = (_count(request, name) for name in ("pageToken", "maxResults"))
    end = len(items) if most is None else min(len(items), (begin or 0) + most)
    more = {"nextPageToken": str(end)} if end < len(items) else {}
    return JSONResponse({"items": items[begin or 0 : end]} | more)


def _count(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, f"{name} is not a number")
    return int(text) if text else None


def _reached_at(request: Request) -> str:
    """How the reader reached the server, for addresses of files: in clear text within this machine alone."""
    host = request.headers.get("host", "")
    name, scheme = host_of(host), request.scope["scheme"]
    if name is None:
        raise HTTPException(400, "the request names no host")
    if scheme != "https" and not is_loopback(name):
        raise HTTPException(421, "this server is not reached in clear text from elsewhere; use its https address")
    return f"{scheme}://{host}"


def _of_bytes(first: int, end: int) -> dict[str, str]:
    return {"Accept-Ranges": "bytes", "Content-Length": str(end - first), "Cache-Control": "no-store"}


def _content(file: pa.NativeFile, first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := file.read(min(left, CHUNK))):
            left -= len(chunk)
            yield bytes(chunk)


def _refuse_past(body: bytes, version: int) -> None:
    """A past version may hold releases that were withdrawn since, so that none is served."""
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise HTTPException(400, "the query is not JSON") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "the query is not a JSON object")
    past = asked.get("timestamp") is not None or asked.get("version") not in (None, version)
    if past or asked.get("startingVersion") is not None:
        raise HTTPException(400, "only what is served now is shared, no past version")

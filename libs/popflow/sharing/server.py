"""The Delta Sharing protocol (v1) over the published tables: lists, versions, metadata, files, to who holds a token.

https://github.com/delta-io/delta-sharing/blob/main/PROTOCOL.md, response format parquet. Only the newest version is
served. Each query, and the first fetch of each file by an address, is on the audit trail before anything is answered:
where the trail cannot be written, nothing is read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from popflow.errors import PopflowError
from popflow.operations.purposes import refuse_unlisted
from popflow.operations.trail import Trail
from popflow.sharing.addresses import SECONDS, Addresses
from popflow.sharing.grants import TABLES, Grant, Grants
from popflow.sharing.view import View

if TYPE_CHECKING:
    from popflow.lake import Lake, Snapshot

PREFIX = "/delta-sharing"
SHARE, SCHEMA = "popflow", "published"
NDJSON = "application/x-ndjson; charset=utf-8"
BODY_AT_MOST = 65_536
CHUNK = 1 << 20


def application(lake: Lake, public: str = "", seconds: int = SECONDS) -> Starlette:
    """The server's application. public: how readers reach it where a proxy stands before it; seconds: an address's."""
    share = Share(lake, Grants(lake), Addresses.of(lake, seconds), View(lake), Trail.of(lake), public.rstrip("/"))
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
    handlers: dict[Any, Any] = {HTTPException: _refusal, PopflowError: _unable}
    return Starlette(routes=routes, exception_handlers=handlers)


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

    def shares(self, request: Request) -> Response:
        """GET /shares"""
        self._grant(request)
        return JSONResponse({"items": [{"name": SHARE, "id": SHARE}]})

    def one_share(self, request: Request) -> Response:
        """GET /shares/{share}"""
        self._grant(request)
        _refuse_other_names(request)
        return JSONResponse({"share": {"name": SHARE, "id": SHARE}})

    def schemas(self, request: Request) -> Response:
        """GET /shares/{share}/schemas"""
        self._grant(request)
        _refuse_other_names(request)
        return JSONResponse({"items": [{"name": SCHEMA, "share": SHARE}]})

    def tables(self, request: Request) -> Response:
        """GET /shares/{share}/all-tables and /shares/{share}/schemas/{schema}/tables"""
        self._grant(request)
        _refuse_other_names(request)
        about = {"schema": SCHEMA, "share": SHARE, "shareId": SHARE}
        return JSONResponse({"items": [{"name": table, "id": table} | about for table in TABLES]})

    def version(self, request: Request) -> Response:
        """GET .../tables/{table}/version"""
        self._grant(request)
        return Response(headers=_version(self._snapshot(request)))

    def metadata(self, request: Request) -> Response:
        """GET .../tables/{table}/metadata"""
        self._grant(request)
        snapshot = self._snapshot(request)
        return Response(_lines(_about(snapshot)), headers=_version(snapshot), media_type=NDJSON)

    async def query(self, request: Request) -> Response:
        """POST .../tables/{table}/query: the files of the table, each by an address that is signed for this grant."""
        from starlette.concurrency import run_in_threadpool

        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY_AT_MOST:
                raise HTTPException(413, "the query is too long")
        return await run_in_threadpool(self._query, request, body)

    def _query(self, request: Request, body: bytes) -> Response:
        grant = self._grant(request)
        snapshot = self._snapshot(request)
        table = request.path_params["table"]
        _refuse_past(body, snapshot.version)
        self._record("share", table, grant)
        root = f"{self.public or str(request.base_url).rstrip('/')}{PREFIX}/files"
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
        if request.method != "HEAD":
            self._record_first_fetch(grant, asked["table"], asked["signature"], int(asked["until"]))
        return self._bytes(request, asked["table"], asked["path"], size)

    def _bytes(self, request: Request, table: str, path: str, size: int) -> Response:
        first, last = _range(request.headers.get("range"), size)
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(last - first + 1), "Cache-Control": "no-store"}
        status = 206 if "range" in request.headers else 200
        if status == 206:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type="application/octet-stream")
        content = self._content(table, path, first, last)
        return StreamingResponse(content, status, headers, "application/octet-stream")

    def _content(self, table: str, path: str, first: int, last: int) -> Iterator[bytes]:
        with self.lake.open_file(table, path) as file:
            file.seek(first)
            left = last - first + 1
            while left > 0 and (chunk := file.read(min(left, CHUNK))):
                left -= len(chunk)
                yield bytes(chunk)

    def _grant(self, request: Request) -> Grant:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.grants.of_token(token.strip()) if kind.lower() == "bearer" and token else None
        if grant is None:
            raise HTTPException(401, "no token, or one that was never given", {"WWW-Authenticate": "Bearer"})
        if grant.state() != "valid":
            raise HTTPException(
                401, f"this token is {grant.state()}; ask for a new profile", {"WWW-Authenticate": "Bearer"}
            )
        return grant

    def _snapshot(self, request: Request) -> Snapshot:
        _refuse_other_names(request)
        return self.view.of(request.path_params["table"])

    def _record(self, verb: str, table: str, grant: Grant) -> None:
        refuse_unlisted(self.lake.contracts.table(table), grant.purpose)
        self.trail.append(verb, table, f"share/{grant.reader}/{grant.id}", grant.purpose)

    def _record_first_fetch(self, grant: Grant, table: str, signature: str, until: int) -> None:
        with self._lock:
            if signature in self._fetched:
                return
            self._fetched = {known: end for known, end in self._fetched.items() if end >= until - SECONDS}
            self._fetched[signature] = until
        self._record("fetch", table, grant)


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
    asked = request.path_params
    known = {"share": (SHARE,), "schema": (SCHEMA,), "table": TABLES}
    for part, names in known.items():
        if part in asked and asked[part] not in names:
            raise HTTPException(404, f"no {part} '{asked[part][:64]}'; there is {' and '.join(names)}")


def _refuse_past(body: bytes, version: int) -> None:
    """A past version may hold releases that were withdrawn since, so that none is served."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        raise HTTPException(400, "the query is no JSON") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "the query is no JSON object")
    past = asked.get("timestamp") is not None or asked.get("version") not in (None, version)
    if past or asked.get("startingVersion") is not None:
        raise HTTPException(400, "only what is served now is shared, no past version")


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First and last byte of a range header, of the whole file without one."""
    if header is None:
        return 0, size - 1
    first, dash, last = header.removeprefix("bytes=").partition("-")
    good = header.startswith("bytes=") and dash and (first + last).isdigit()
    if good and not first:
        return max(size - int(last), 0), size - 1
    if not good or int(first) >= size or (last and int(last) < int(first)):
        raise HTTPException(416, "no such range", {"Content-Range": f"bytes */{size}"})
    return int(first), min(int(last), size - 1) if last else size - 1


def _refusal(request: Request, error: HTTPException) -> Response:
    text = {"errorCode": str(error.status_code), "message": error.detail}
    return JSONResponse(text, error.status_code, headers=error.headers)


def _unable(request: Request, error: PopflowError) -> Response:
    """What is wrong is for the one who serves, not for the reader; it may name folders."""
    print(f"popflow: {' '.join(str(error).split())}", flush=True)
    return JSONResponse({"errorCode": "503", "message": "nothing can be read now; ask who serves the share"}, 503)

"""Whatever is asked of the share, the answer is no 500 and holds no byte of a file that is not shared."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared_dates import D20, D21, D22, ROWS
from starlette.testclient import TestClient

import published_lake
from popflow import contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.trail import Trail, verify
from popflow.sharing import refusals, view
from popflow.sharing.addresses import Addresses
from popflow.sharing.grants import Grants
from popflow.sharing.server import application
from popflow.sharing.state import trail_of

TABLES = "/delta-sharing/shares/popflow/schemas/published/tables"
QUERY = f"{TABLES}/flows/query"
ANSWERS = {200, 206, 307, 400, 401, 403, 404, 405, 410, 413, 416, 421, 503}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The 20th released, the 21st withdrawn, the 22nd with a stock that an earlier popflow published."""
    folder = tmp_path_factory.mktemp("hostile") / "lake"
    for date in (D20, D21, D22):
        published_lake.publish(folder, date, ROWS)
    published_lake.publish(folder, D22, ROWS, indicator="stock")
    gone = published_lake.release_row(D21, 1, "withdrawn")
    published_lake.write_table(folder, "releases", published_lake.pd.DataFrame([gone]))
    return Lake(folder, contracts.load())


@pytest.fixture(scope="module")
def token(lake: Lake) -> str:
    return Grants(lake).add("hunan-cdc", "epidemic_prevention", 30)[1]


@pytest.fixture(scope="module")
def client(lake: Lake, token: str) -> Iterator[TestClient]:
    """What goes wrong within the server is raised here, not answered with a 500."""
    with TestClient(application(lake), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def own(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def addresses(client: TestClient, own: dict[str, str], table: str = "flows") -> list[str]:
    lines = [json.loads(line) for line in client.post(f"{TABLES}/{table}/query", headers=own).text.splitlines()]
    return [urlsplit(line["file"]["url"]).path for line in lines if "file" in line]


def shared_bytes(client: TestClient, own: dict[str, str]) -> set[bytes]:
    return {client.get(address).content for table in ("flows", "releases") for address in addresses(client, own, table)}


def test_only_outflow_is_shared(client: TestClient, own: dict[str, str], lake: Lake):
    flows, releases = addresses(client, own), addresses(client, own, "releases")
    assert sorted(path.split("indicator=")[1].split("/")[0:2] for path in flows) == [
        ["outflow", f"date={D20}"],
        ["outflow", f"date={D22}"],
    ]
    assert len(releases) == len(lake.snapshot("releases").files) - 1


@pytest.mark.parametrize("until", ["²", "٣٤", "-1", "", "9" * 5000, "1e9", "0x10", "²" * 20])
def test_digits_that_are_none_are_refused(client: TestClient, own: dict[str, str], until: str):
    parts = addresses(client, own)[0].split("/")
    parts[5] = quote(until)
    assert client.get("/".join(parts)).status_code in (403, 404)


@pytest.mark.parametrize("signature", ["é" * 64, "\U0001f600", "%00", "ſ", "%ED%A0%80"])
def test_signatures_beyond_ascii_are_refused(client: TestClient, own: dict[str, str], signature: str):
    parts = addresses(client, own)[0].split("/")
    parts[6] = quote(signature, safe="%")
    assert client.get("/".join(parts)).status_code in (403, 404)
    assert not Addresses(b"k" * 32).good("g", "flows", "9" * 12, "\ud800", "\udfff")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=-0", 416),
        ("bytes=0-" + "9" * 5000, 206),
        ("bytes=" + "9" * 5000 + "-", 416),
        ("bytes=-" + "9" * 5000, 206),
        ("bytes=0-1,4-5", 200),
        ("bytes=²-", 416),
        ("bytes=٣-٤", 416),
        ("bytes=--1", 416),
        ("bytes=", 416),
        ("bytes=5-2", 416),
    ],
)
def test_ranges_that_are_odd(client: TestClient, own: dict[str, str], header: str, status: int):
    answer = client.get(addresses(client, own)[0], headers={"Range": header.encode()})
    assert answer.status_code == status
    assert len(answer.content) == int(answer.headers["content-length"])


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b"{" * 60_000, b'{"a":' * 10_000, b"\xff", b"NaN", b"1" * 60_000, b"[]", b'"', b"\x00"]
)
def test_bodies_that_are_no_query(client: TestClient, own: dict[str, str], body: bytes):
    assert client.post(QUERY, content=body, headers=own).status_code == 400


def test_a_query_that_is_too_long_is_refused(client: TestClient, own: dict[str, str]):
    assert client.post(QUERY, content=b" " * 70_000, headers=own).status_code == 413


def test_names_are_the_same_in_capitals(client: TestClient, own: dict[str, str]):
    path = "/delta-sharing/shares/POPFLOW/schemas/Published/tables/FLOWS"
    assert client.get(f"{path}/metadata", headers=own).status_code == 200
    urls = [line for line in client.post(f"{path}/query", headers=own).text.splitlines() if '"file"' in line]
    assert client.get(urlsplit(json.loads(urls[0])["file"]["url"]).path).content.startswith(b"PAR1")
    assert (
        client.get("/delta-sharing/shares/popflow/schemas/published/tables/ﬂows/metadata", headers=own).status_code
        == 404
    )


def test_lists_come_by_pages(client: TestClient, own: dict[str, str]):
    path = f"{TABLES}?maxResults=1"
    first = client.get(path, headers=own).json()
    pages = [first]
    while "nextPageToken" in pages[-1]:
        pages.append(client.get(f"{path}&pageToken={pages[-1]['nextPageToken']}", headers=own).json())
    assert [[one["name"] for one in page["items"]] for page in pages] == [["flows"], ["counts"], ["releases"]]
    for odd in ("maxResults=²", "maxResults=-1", "pageToken=x", "maxResults=" + "9" * 5000):
        assert client.get(f"{TABLES}?{odd}", headers=own).status_code == 400


@pytest.mark.parametrize("host", ["share.example.org", "10.0.0.1:8474", "127.0.0.1.example.org"])
def test_no_address_in_clear_text_is_given_to_elsewhere(client: TestClient, own: dict[str, str], host: str):
    answer = client.post(QUERY, headers=own | {"Host": host})
    assert answer.status_code == 421
    assert "url" not in answer.text


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "a/b", "@", "x" * 300])
def test_hosts_that_are_none_are_refused(client: TestClient, own: dict[str, str], host: str):
    assert client.post(QUERY, headers=own | {"Host": host}).status_code == 400


TEXT = st.text(max_size=20) | st.sampled_from(["..", "flows", "releases", "²", "outflow", "%2e%2e", "\x00", "ſ", "/"])
HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=40).map(str.strip)
RANGE = st.tuples(st.integers(), st.integers()).map(lambda pair: f"bytes={pair[0]}-{pair[1]}") | HEADER
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "limitHint", "a"]), inner),
    max_leaves=6,
)
FUZZED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FUZZED, max_examples=2000)


def asked(client: TestClient, method: str, path: str, shared: set[bytes], **more: Any) -> int:
    answer = client.request(method, path, **more)
    assert answer.status_code in ANSWERS, (method, path, more)
    assert b"PAR1" not in answer.content or any(answer.content in one for one in shared)
    return answer.status_code


ANY_PATH_IS_ANSWERED = (
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.lists(TEXT, max_size=8),
    st.booleans(),
    HEADER,
)


def any_path_is_answered(client: TestClient, own: dict[str, str], method: str, parts: list[str], known: bool, odd: str):
    path = "/delta-sharing/" + "/".join(quote(part, safe="") for part in parts)
    headers = own if known else {"Authorization": odd.encode("latin-1")}
    asked(client, method, path, set(), headers=headers)


ANY_ADDRESS_BUT_THOSE_GIVEN_IS_REFUSED = (
    st.integers(3, 12),
    TEXT,
    RANGE,
    st.booleans(),
)


def any_address_but_those_given_is_refused(
    client: TestClient, own: dict[str, str], at: int, part: str, asked_range: str, head: bool
):
    parts = addresses(client, own)[0].split("/")
    at = min(at, len(parts) - 1)
    same = quote(part, safe="") == parts[at]
    parts[at] = quote(part, safe="")
    more = {"headers": {"Range": asked_range.encode("latin-1")}}
    status = asked(
        client, "HEAD" if head else "GET", "/".join(parts), shared_bytes(client, own) if same else set(), **more
    )
    assert same or status in (401, 403, 404, 405, 410, 307)


ANY_RANGE_HOLDS_BYTES_OF_THE_FILE = (RANGE,)


def any_range_holds_bytes_of_the_file(client: TestClient, own: dict[str, str], header: str):
    address = addresses(client, own)[0]
    whole = client.get(address).content
    answer = client.get(address, headers={"Range": header.encode("latin-1")})
    assert answer.status_code in (200, 206, 416)
    if answer.status_code == 206:
        first, last = answer.headers["content-range"].removeprefix("bytes ").split("/")[0].split("-")
        assert answer.content == whole[int(first) : int(last) + 1]


ANY_QUERY_IS_ANSWERED = (
    JSON | st.binary(max_size=60),
    TEXT,
)


def any_query_is_answered(client: TestClient, own: dict[str, str], body: Any, table: str):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked(client, "POST", f"{TABLES}/{quote(table, safe='')}/query", set(), content=content, headers=own)
    asked(client, "POST", QUERY, set(), content=content, headers=own)


test_any_path_is_answered = FUZZED(given(*ANY_PATH_IS_ANSWERED)(any_path_is_answered))
test_any_path_is_answered_many_times = pytest.mark.slow(MANY(given(*ANY_PATH_IS_ANSWERED)(any_path_is_answered)))
test_any_address_but_those_given_is_refused = FUZZED(
    given(*ANY_ADDRESS_BUT_THOSE_GIVEN_IS_REFUSED)(any_address_but_those_given_is_refused)
)
test_any_address_but_those_given_is_refused_many_times = pytest.mark.slow(
    MANY(given(*ANY_ADDRESS_BUT_THOSE_GIVEN_IS_REFUSED)(any_address_but_those_given_is_refused))
)
test_any_range_holds_bytes_of_the_file = FUZZED(
    given(*ANY_RANGE_HOLDS_BYTES_OF_THE_FILE)(any_range_holds_bytes_of_the_file)
)
test_any_range_holds_bytes_of_the_file_many_times = pytest.mark.slow(
    MANY(given(*ANY_RANGE_HOLDS_BYTES_OF_THE_FILE)(any_range_holds_bytes_of_the_file))
)
test_any_query_is_answered = FUZZED(given(*ANY_QUERY_IS_ANSWERED)(any_query_is_answered))
test_any_query_is_answered_many_times = pytest.mark.slow(MANY(given(*ANY_QUERY_IS_ANSWERED)(any_query_is_answered)))


@pytest.fixture
def other(tmp_path: Path) -> tuple[Lake, TestClient, dict[str, str]]:
    """A share of its own, to be damaged."""
    published_lake.publish(tmp_path / "lake", D20, ROWS)
    lake = Lake(tmp_path / "lake", contracts.load())
    headers = {"Authorization": f"Bearer {Grants(lake).add('hunan-cdc', 'epidemic_prevention', 30)[1]}"}
    return lake, TestClient(application(lake), base_url="http://127.0.0.1", raise_server_exceptions=False), headers


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "[1]", '[{"id": 1}]', "[" * 100_000, "\x00", "null", '[{"reader": "a"}]', "9" * 5000]
)
def test_grants_that_are_damaged_are_503_in_a_line_for_who_serves(other, text: str, capsys: pytest.CaptureFixture[str]):
    lake, client, headers = other
    refusals.printed._held.clear()
    (lake.local_zone("share") / "grants.json").write_text(text)
    for _ in range(50):
        assert client.get("/delta-sharing/shares", headers=headers).status_code in (401, 503)
    said = capsys.readouterr().out
    assert said.count("\n") <= 1
    assert text == "{}" or "grants.json: cannot be read" in said


def test_a_file_that_vanished_is_an_error_and_not_an_empty_body(other):
    lake, client, headers = other
    address = addresses(client, headers)[0]
    path = next(Path(lake.path("flows")).rglob("*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert client.get(address).status_code == 503
    path.unlink()
    assert (client.get(address).status_code, client.head(address).status_code) == (503, 503)
    assert [entry["verb"] for entry in trail_of(lake).entries()] == ["grant", "share"]  # nothing was fetched
    path.write_bytes(whole)
    assert client.get(address).content == whole


def test_a_table_that_vanished_is_503(other):
    lake, client, headers = other
    for log in Path(lake.path("flows")).glob("_delta_log/*"):
        log.unlink()
    assert client.post(QUERY, headers=headers).status_code == 503


def test_an_address_whose_entry_failed_is_one_that_was_not_fetched(other, monkeypatch: pytest.MonkeyPatch):
    lake, client, headers = other
    address = addresses(client, headers)[0]
    whole = Trail.append

    def full(*_: object, **__: object) -> None:
        raise PopflowError("trail.jsonl: could not be written (No space left on device)")

    monkeypatch.setattr(Trail, "append", full)
    for _ in range(3):
        answer = client.get(address)
        assert (answer.status_code, b"PAR1" in answer.content) == (503, False)
    monkeypatch.setattr(Trail, "append", whole)
    assert client.get(address).status_code == client.get(address).status_code == 200
    assert [entry["verb"] for entry in trail_of(lake).entries()] == ["grant", "share", "fetch"]


def test_who_fetches_at_once_waits_for_the_one_entry(other):
    import threading

    lake, client, headers = other
    address = addresses(client, headers)[0]
    seen: list[int] = []
    asking = [threading.Thread(target=lambda: seen.append(client.get(address).status_code)) for _ in range(12)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert seen == [200] * 12
    assert [entry["verb"] for entry in trail_of(lake).entries()] == ["grant", "share", "fetch"]
    assert verify(trail_of(lake).path).ok


def test_grants_and_their_ends_are_on_the_trail_before_they_hold(other, monkeypatch: pytest.MonkeyPatch):
    lake, client, headers = other

    def full(*_: object, **__: object) -> None:
        raise PopflowError("trail.jsonl: could not be written (No space left on device)")

    with monkeypatch.context() as patch:
        patch.setattr(Trail, "append", full)
        with pytest.raises(PopflowError, match="could not be written"):
            Grants(lake).add("hebei-cdc", "epidemic_prevention", 1)
    assert [one.reader for one in Grants(lake).all()] == ["hunan-cdc"]
    Grants(lake).revoke("hunan-cdc")
    assert [entry["verb"] for entry in trail_of(lake).entries()] == ["grant", "revoke"]
    assert client.get("/delta-sharing/shares", headers=headers).status_code == 401


def test_one_line_is_printed_once_a_minute_and_different_ones_up_to_a_number(capsys: pytest.CaptureFixture[str]):
    printed = refusals.Printed()
    for number in range(10_000):
        printed.say("the same")
        printed.say(f"another {number}")
    assert len(capsys.readouterr().out.splitlines()) == refusals.AT_MOST


def test_a_view_that_is_asked_at_once_is_made_once(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    import threading

    made: list[dt.datetime] = []
    whole = lake.snapshot
    monkeypatch.setattr(lake, "snapshot", lambda table: made.append(dt.datetime.now()) or whole(table))
    shown = view.View(lake)
    asking = [threading.Thread(target=shown.of, args=("flows",)) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert len(made) == 1

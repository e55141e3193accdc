"""The stock delta-sharing client reads what `pull` reads; without a good token it gets nothing."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import delta_sharing
import pandas as pd
import pytest
import requests
from shared_dates import D20, D22, Profile

import popflow
import published_lake
from popflow import contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.trail import Trail, verify
from popflow.reading.reader import Reader
from popflow.sharing import grants as grants_module
from popflow.sharing.grants import Grants
from popflow.sharing.state import trail_of
from popflow.sharing.view import View

FLOWS = "popflow.published.flows"


def token_of(profile: Path) -> str:
    return json.loads(profile.read_text())["bearerToken"]


def get(endpoint: str, path: str, token: str | None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{endpoint}{path}", headers=headers, timeout=20)


def query(endpoint: str, token: str, **body: object) -> requests.Response:
    address = f"{endpoint}/shares/popflow/schemas/published/tables/flows/query"
    return requests.post(address, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def file_addresses(endpoint: str, token: str) -> list[str]:
    lines = [json.loads(line) for line in query(endpoint, token).text.splitlines()]
    return [line["file"]["url"] for line in lines if "file" in line]


def test_it_lists_the_share_and_its_tables(profile: Profile):
    client = delta_sharing.SharingClient(str(profile()))
    assert [share.name for share in client.list_shares()] == ["popflow"]
    named = [(table.share, table.schema, table.name) for table in client.list_all_tables()]
    assert named == [("popflow", "published", name) for name in ("flows", "counts", "releases")]
    schema = client.list_schemas(client.list_shares()[0])[0]
    assert [table.name for table in client.list_tables(schema)] == ["flows", "counts", "releases"]


def test_flows_in_pandas_are_the_rows_that_pull_reads(profile: Profile, lake: Lake):
    loaded = delta_sharing.load_as_pandas(f"{profile()}#{FLOWS}")
    reader = Reader(lake)
    question = reader.question("hubei", D20, D22, "pair")
    _, pulled = reader.shown(question)
    columns = ["date", "release", "origin_level", "origin_code", "destination_level", "destination_code", "persons"]
    assert sorted(loaded[columns].itertuples(index=False, name=None)) == sorted(
        pulled[columns].itertuples(index=False, name=None)
    )
    assert set(zip(loaded["date"], loaded["release"], strict=True)) == {(D20, 2), (D22, 1)}
    total = popflow.read(lake.root).outflow("hubei", D20, D22, "province").attrs["summary"]["persons_at_least"]
    border = loaded[loaded["destination_code"] == "outside_420000"]
    assert border[border["origin_level"] == "area"]["persons"].sum() == total


def test_releases_tell_what_was_withdrawn(profile: Profile):
    loaded = delta_sharing.load_as_pandas(f"{profile()}#popflow.published.releases")
    assert loaded[loaded["status"] == "withdrawn"]["date"].tolist() == [dt.date(2020, 1, 21)]


@pytest.mark.parametrize("token", ["wrong", None])
@pytest.mark.parametrize("path", ["/shares", "/shares/popflow/all-tables", "/shares/popflow/schemas/published/tables"])
def test_without_a_good_token_there_is_nothing(endpoint: str, path: str, token: str | None):
    answer = get(endpoint, path, token)
    assert answer.status_code == 401
    assert "flows" not in answer.text


def test_the_client_with_a_wrong_token_gets_nothing(profile: Profile):
    with pytest.raises(requests.HTTPError, match="401"):
        delta_sharing.load_as_pandas(f"{profile(token='wrong')}#{FLOWS}")


def test_an_expired_token_gets_nothing_and_its_addresses_end(
    profile: Profile, endpoint: str, monkeypatch: pytest.MonkeyPatch
):
    written = profile()
    address = file_addresses(endpoint, token_of(written))[0]
    assert requests.get(address, timeout=20).status_code == 200
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=31)
    monkeypatch.setattr(grants_module, "_now", lambda: later)
    assert get(endpoint, "/shares", token_of(written)).status_code == 401
    assert query(endpoint, token_of(written)).status_code == 401
    assert requests.get(address, timeout=20).status_code == 403


def test_a_revoked_token_gets_nothing(profile: Profile, endpoint: str, lake: Lake):
    written = profile("guizhou-cdc")
    address = file_addresses(endpoint, token_of(written))[0]
    assert Grants(lake).revoke("guizhou-cdc") == 1
    assert get(endpoint, "/shares", token_of(written)).status_code == 401
    assert requests.get(address, timeout=20).status_code == 403


def test_an_address_expires(profile: Profile, endpoint: str, monkeypatch: pytest.MonkeyPatch):
    address = file_addresses(endpoint, token_of(profile()))[0]
    monkeypatch.setattr("popflow.sharing.addresses.time.time", lambda: 4e9)
    assert requests.get(address, timeout=20).status_code == 403


def test_an_address_is_refused_to_another_token_and_under_another_grant(profile: Profile, endpoint: str, lake: Lake):
    own, other = profile("hunan-cdc"), profile("hebei-cdc")
    address = file_addresses(endpoint, token_of(own))[0]
    headers = {"Authorization": f"Bearer {token_of(other)}"}
    assert requests.get(address, headers=headers, timeout=20).status_code == 403
    assert requests.get(address, headers={"Authorization": f"Bearer {token_of(own)}"}, timeout=20).ok
    ids = {grant.reader: grant.id for grant in Grants(lake).all()}
    assert requests.get(address.replace(own_id(address), ids["hebei-cdc"]), timeout=20).status_code == 403


def own_id(address: str) -> str:
    return address.split("/files/")[1].split("/")[0]


@pytest.mark.parametrize("change", ["../../restricted/x.parquet", "indicator=outflow/date=2020-01-21/x.parquet"])
def test_no_other_file_is_reached_through_an_address(profile: Profile, endpoint: str, change: str):
    address = file_addresses(endpoint, token_of(profile()))[0]
    head = address.split("indicator=")[0]
    session = requests.Session()
    request = requests.Request("GET", head + change).prepare()
    request.url = head + change  # as it is, without what requests would make of the dots
    assert session.send(request, timeout=20).status_code in (403, 404)


def test_ranges_and_heads_are_as_http_has_them(profile: Profile, endpoint: str):
    address = file_addresses(endpoint, token_of(profile()))[0]
    whole = requests.get(address, timeout=20).content
    assert whole.startswith(b"PAR1")
    assert int(requests.head(address, timeout=20).headers["content-length"]) == len(whole)
    for text, part in (("bytes=0-3", whole[:4]), ("bytes=-8", whole[-8:]), ("bytes=4-", whole[4:])):
        answer = requests.get(address, headers={"Range": text}, timeout=20)
        assert (answer.status_code, answer.content) == (206, part)
    for text in (f"bytes={len(whole)}-", "bytes=9-3", "lines=1-2", "bytes=-"):
        assert requests.get(address, headers={"Range": text}, timeout=20).status_code == 416


def test_no_past_version_is_served(profile: Profile, endpoint: str):
    token = token_of(profile())
    assert query(endpoint, token, version=0).status_code == 400
    assert query(endpoint, token, timestamp="2020-01-22T00:00:00Z").status_code == 400
    assert query(endpoint, token, limitHint=1).status_code == 200


def test_other_names_are_not_found(profile: Profile, endpoint: str):
    token = token_of(profile())
    for path in ("/shares/other/schemas", "/shares/popflow/schemas/restricted/tables"):
        assert get(endpoint, path, token).status_code == 404
    assert get(endpoint, "/shares/popflow/schemas/published/tables/presence/metadata", token).status_code == 404


def test_each_read_is_on_the_trail_with_its_purpose(profile: Profile, lake: Lake):
    trail = trail_of(lake)
    before = len(trail.entries())
    delta_sharing.load_as_pandas(f"{profile('anhui-cdc')}#{FLOWS}")
    new = trail.entries()[before:]
    assert [entry["verb"] for entry in new] == ["grant", "share", "fetch", "fetch"]
    assert {entry["purpose"] for entry in new} == {"epidemic_prevention"}
    assert all(entry["run_id"].startswith("share/anhui-cdc/") for entry in new)
    assert verify(trail.path).ok


def test_where_the_trail_cannot_be_written_nothing_is_read(
    profile: Profile, endpoint: str, monkeypatch: pytest.MonkeyPatch
):
    token = token_of(profile())
    monkeypatch.setattr(Trail, "_last", _cut)
    answer = query(endpoint, token)
    assert answer.status_code == 503
    assert "url" not in answer.text
    assert "trail.jsonl" not in answer.text


def _cut(*_: object) -> None:
    raise PopflowError("trail.jsonl: it does not end as its anchor says")


def test_a_withdrawal_ends_what_is_served(profile: Profile, lake: Lake, tmp_path: Path):
    folder = tmp_path / "own"
    published_lake.publish(folder, D20, [("area", "hubei", "all", "all", 1000)])
    view = View(Lake(folder, contracts.load()), seconds=0)
    assert len(view.of("flows").files) == 1
    gone = published_lake.release_row(D20, 1, "withdrawn")
    published_lake.write_table(folder, "releases", pd.DataFrame([gone]))
    assert view.of("flows").files == []

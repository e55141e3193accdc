"""Grants: tokens kept as hashes, owner-only files, purposes of the contract, one line for what is off."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from popflow import contracts
from popflow.cli import app
from popflow.cli.share import _refuse_host_in_clear
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.sharing.addresses import Addresses
from popflow.sharing.clear_text import refuse_clear_text
from popflow.sharing.grants import Grants


@pytest.fixture
def grants(tmp_path: Path) -> Grants:
    return Grants(Lake(tmp_path, contracts.load()))


def test_the_token_is_nowhere_but_in_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    call = ["share", "grant", "--reader", "hunan-cdc", "--days", "3", "--lake", str(tmp_path / "lake")]
    (tmp_path / "lake" / "published").mkdir(parents=True)
    outcome = CliRunner().invoke(app, call, catch_exceptions=False)
    profile = tmp_path / "hunan-cdc.share"
    token = json.loads(profile.read_text())["bearerToken"]
    assert len(token) >= 43
    assert token not in outcome.output
    kept = "".join(path.read_text() for path in (tmp_path / "lake").rglob("*.json"))
    assert "hunan-cdc" in kept
    assert token not in kept
    assert [oct(path.stat().st_mode & 0o777) for path in (profile, tmp_path / "lake/share/grants.json")] == [
        "0o600"
    ] * 2


def test_a_token_is_found_and_no_other(grants: Grants):
    given, token = grants.add("hunan-cdc", "epidemic_prevention", 1)
    assert grants.of_token(token) == given
    assert grants.of_token(token[:-1]) is None
    assert grants.of_token("") is None


@pytest.mark.parametrize(
    ("reader", "purpose", "days", "words"),
    [
        ("hunan-cdc", "marketing", 30, "'marketing' is not a purpose"),
        ("Hunan CDC\n", "epidemic_prevention", 30, "small letters"),
        ("hunan-cdc", "epidemic_prevention", 0, "1 to 366"),
        ("hunan-cdc", "epidemic_prevention", 367, "1 to 366"),
    ],
)
def test_what_may_not_be_granted_is_refused_in_one_line(
    grants: Grants, reader: str, purpose: str, days: int, words: str
):
    with pytest.raises(PopflowError, match=words):
        grants.add(reader, purpose, days)
    assert grants.all() == []


def test_revoking_names_those_who_have_access(grants: Grants):
    grants.add("hunan-cdc", "epidemic_prevention", 1)
    with pytest.raises(PopflowError, match="there are grants of hunan-cdc"):
        grants.revoke("hunna-cdc")
    assert grants.revoke("hunan-cdc") == 1
    assert [one.state() for one in grants.all()] == ["revoked"]


def test_an_address_is_good_for_all_its_parts_alone():
    addresses = Addresses(b"k" * 32)
    parts = addresses.of_file("root", "g1", "flows", "date=2020-01-22/a b.parquet").split("/", 5)[1:]
    good = [*parts[:4], "date=2020-01-22/a b.parquet"]
    assert addresses.good(*good)
    for at, other in enumerate(("g2", "releases", str(int(parts[2]) + 1), "0" * 64, "date=2020-01-21/a b.parquet")):
        assert not addresses.good(*[other if i == at else part for i, part in enumerate(good)])
    assert not Addresses(b"o" * 32).good(*good)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "share.example.org"])
def test_tokens_do_not_leave_the_machine_in_clear_text(host: str):
    with pytest.raises(PopflowError, match="clear text"):
        _refuse_host_in_clear(host, with_tls=False)
    _refuse_host_in_clear(host, with_tls=True)
    _refuse_host_in_clear("127.0.0.1", with_tls=False)


@pytest.mark.parametrize(
    "address",
    [
        "http://share.example.org",
        "http://10.0.0.1:80/x",
        "ftp://a",
        "share.example.org",
        "http://127.0.0.1@evil.example",
        "http://[::1",
        "https://a?b",
        "",
    ],
)
def test_no_option_takes_an_address_in_clear_text_or_none_at_all(address: str):
    with pytest.raises(PopflowError, match=r"clear text|not an address"):
        refuse_clear_text("--public", address)


@pytest.mark.parametrize(
    "address", ["https://share.example.org", "http://localhost:1", "http://127.0.0.1/x", "http://[::1]:8"]
)
def test_https_and_this_machine_are_taken(address: str):
    refuse_clear_text("--public", address)


@pytest.mark.parametrize("kind", ["a folder", "a link", "no file"])
def test_a_profile_takes_the_place_of_nothing_but_a_file(tmp_path: Path, kind: str):
    """As root a device in --out was replaced by the token's file; and the grant stood without its profile."""
    out, lake = tmp_path / "out", tmp_path / "lake"
    (lake / "published").mkdir(parents=True)
    {"a folder": out.mkdir, "a link": lambda: out.symlink_to("x"), "no file": lambda: os.mkfifo(out)}[kind]()
    call = ["share", "grant", "--reader", "hunan-cdc", "--out", str(out), "--lake", str(lake)]
    refused = CliRunner().invoke(app, call).exception
    assert isinstance(refused, PopflowError)
    assert f"is {kind}; name a file" in str(refused)
    assert Grants(Lake(lake, contracts.load())).all() == []


def test_a_grant_whose_profile_cannot_be_written_is_taken_back(tmp_path: Path):
    lake = tmp_path / "lake"
    (lake / "published").mkdir(parents=True)
    call = ["share", "grant", "--reader", "hunan-cdc", "--out", str(tmp_path / ("n" * 250)), "--lake", str(lake)]
    assert isinstance(CliRunner().invoke(app, call).exception, PopflowError)
    assert [one.state() for one in Grants(Lake(lake, contracts.load())).all()] == ["revoked"]


def test_a_pipe_in_the_place_of_the_grants_is_refused_and_not_waited_for(grants: Grants, tmp_path: Path):
    """The server waited for it, and answered nobody any more."""
    (tmp_path / "share").mkdir()
    os.mkfifo(tmp_path / "share" / "grants.json")
    with pytest.raises(PopflowError, match=r"grants\.json: cannot be read"):
        grants.all()

"""The share runs under an account of its own: it reads `published`, writes its own folder, and needs nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from shared_dates import D20, ROWS
from typer.testing import CliRunner

import published_lake
from popflow import contracts
from popflow.cli import app
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.trail import verify
from popflow.sharing.state import trail_of

SERVES = """
import os, sys
opened = []
kinds = ("open", "os.mkdir", "os.listdir")
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event in kinds else None)
import threading, time
def report(seen):
    while not os.path.exists(seen + ".asked"):
        time.sleep(0.05)
    open(seen, "w").write("\\n".join(opened))
    os._exit(0)
threading.Thread(target=report, args=(sys.argv[1],), daemon=True).start()
sys.argv = ["popflow", *sys.argv[2:]]
from popflow.cli import main
main()
"""


def run(*words: str) -> str:
    outcome = CliRunner().invoke(app, ["share", *words], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published zone by itself; the lake's other zones are not there at all."""
    published_lake.publish(tmp_path / "lake", D20, ROWS)
    (tmp_path / "lake" / "published").rename(tmp_path / "given")
    (tmp_path / "lake").rmdir()
    return tmp_path / "given"


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_it_serves_from_published_and_its_own_folder_alone(published: Path, tmp_path: Path):
    state, out, port = tmp_path / "share", tmp_path / "profile.share", free_port()
    run("grant", "--reader", "hunan-cdc", "--state", str(state), "--out", str(out))
    before = sorted(path for path in published.rglob("*"))
    call = [sys.executable, "-c", SERVES, str(tmp_path / "seen"), "share", "serve", "--published", str(published)]
    environment = {**os.environ, "POPFLOW_ZONE_RESTRICTED": "/nowhere/restricted", "POPFLOW_ZONE_OPS": "/nowhere/ops"}
    server = subprocess.Popen([*call, "--state", str(state), "--port", str(port)], env=environment)
    try:
        headers = {"Authorization": f"Bearer {json.loads(out.read_text())['bearerToken']}"}
        table = f"http://127.0.0.1:{port}/delta-sharing/shares/popflow/schemas/published/tables/flows/query"
        for _ in range(200):
            try:
                answer = requests.post(table, headers=headers, timeout=10)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        address = [json.loads(line) for line in answer.text.splitlines()][2]["file"]["url"]
        assert requests.get(address, timeout=10).content.startswith(b"PAR1")
    finally:
        (tmp_path / "seen.asked").touch()
        try:
            server.wait(20)
        finally:
            server.kill()
    seen = [
        path for path in (tmp_path / "seen").read_text().splitlines() if path.startswith((str(tmp_path), "/nowhere"))
    ]
    allowed = (str(published), str(state), str(tmp_path / "seen"))
    assert [path for path in seen if not path.startswith(allowed)] == []
    assert str(state / "trail.jsonl") in seen
    assert sorted(path for path in published.rglob("*")) == before
    assert {path.name for path in state.iterdir()} == {
        "address.key", "grants.json", "grants.lock", "trail.jsonl", "trail.lock",
    }  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in (state, *state.iterdir()))
    entries = [json.loads(line)["verb"] for line in (state / "trail.jsonl").read_text().splitlines()]
    assert entries == ["grant", "share", "fetch"]


def test_its_trail_is_verified_and_anchored_by_itself(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_TRAIL_ANCHOR", str(tmp_path / "the_nights_anchor"))
    monkeypatch.setenv("POPFLOW_SHARE_ANCHOR", str(tmp_path / "anchor"))
    state = tmp_path / "share"
    run("grant", "--reader", "hunan-cdc", "--state", str(state), "--out", str(tmp_path / "a.share"))
    run("revoke", "--reader", "hunan-cdc", "--state", str(state))
    assert not (tmp_path / "the_nights_anchor").exists()
    assert verify(state / "trail.jsonl", tmp_path / "anchor").entries == 2
    verified = CliRunner().invoke(app, ["trail", "verify", "--state", str(state)], catch_exceptions=False)
    assert "2 entries, its head is anchored; unbroken" in verified.output
    assert published.is_dir()


def test_what_an_earlier_popflow_kept_among_the_nights_files_is_named_with_its_mend(tmp_path: Path):
    old = tmp_path / "ops" / "share"
    old.mkdir(parents=True)
    (old / "grants.json").write_text("[]")
    lake = Lake(tmp_path, contracts.load())
    with pytest.raises(PopflowError, match=rf"mv {old} {tmp_path}/share"):
        trail_of(lake)
    old.rename(tmp_path / "share")
    assert trail_of(lake).path.parent == tmp_path / "share"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--published", "nowhere", "--state", "."], "nowhere: there is no such folder"),
        (["serve", "--published", ".", "--state", "none/there"], "there is no such folder"),
        (["serve", "--published", ".", "--state", "new"], "nobody has been granted anything yet"),
        (["grants", "--state", "none/there"], "create it first"),
        (["grant", "--reader", "a-cdc", "--state", "none/there"], "create it first"),
        (["grant", "--reader", "a-cdc", "--state", "new", "--endpoint", "http://a.example"], "clear text"),
        (["serve", "--published", ".", "--state", ".", "--public", "http://a.example"], "clear text"),
        (["serve", "--published", ".", "--state", ".", "--certificate", "none.pem"], "no such file"),
        (["grants"], "name a lake by --lake"),
    ],
)
def test_what_is_not_there_is_one_line_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(app, ["share", *words])
    assert isinstance(outcome.exception, PopflowError), outcome.output
    assert said in str(outcome.exception)
    assert list(tmp_path.iterdir()) == []

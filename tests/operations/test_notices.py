"""Who is told of a night: a webhook and a mail where it was held or failed, and a file that Prometheus reads."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import published_lake
import small_lake
from popflow import contracts
from popflow.errors import AtWork, Held, PopflowError
from popflow.lake import Lake
from popflow.operations.notices import told_of
from popflow.operations.recorded_run import recorded_run

D20, D21 = dt.date(2020, 1, 20), dt.date(2020, 1, 21)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The 20th released."""
    published_lake.publish(tmp_path / "lake", D20, [("area", "hubei", "all", "all", 1000)])
    return Lake(tmp_path / "lake", contracts.load())


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """A real server on a port of this machine."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def web(heard: list[dict], status: int = 200, keys: list[str | None] | None = None) -> http.server.HTTPServer:
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if keys is not None:
                keys.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return http.server.HTTPServer(("127.0.0.1", 0), Hook)


def post_office(heard: list[str]) -> socketserver.TCPServer:
    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line.strip().upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        text.append(part.decode())
                    heard.append("".join(text))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    return socketserver.TCPServer(("127.0.0.1", 0), Smtp)


def night(lake: Lake, date: dt.date, error: Exception | None = None) -> list[str]:
    """A night, and the lines that are said of who could not be told."""
    said: list[str] = []
    if error is None:
        with told_of(lake, date, said.append):
            pass
        return said
    with pytest.raises(type(error)):
        _failing(lake, date, error, said)
    return said


def _failing(lake: Lake, date: dt.date, error: Exception, said: list[str]) -> None:
    with (
        told_of(lake, date, said.append),
        recorded_run(lake, date, "run", "a night") as log,
        log.stage("intake", [], []),
    ):
        raise error


@pytest.mark.parametrize(("error", "kind"), [(Held("no telecom"), "held"), (PopflowError("a check"), "failed")])
def test_a_night_that_was_held_or_failed_is_told_by_web_and_mail(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
):
    posted: list[dict] = []
    mailed: list[str] = []
    with serving(web(posted)) as hook, serving(post_office(mailed)) as office:
        monkeypatch.setenv("POPFLOW_WEBHOOK", f"http://127.0.0.1:{hook}/hook?token=secret")
        monkeypatch.setenv("POPFLOW_MAIL_TO", "duty@example.org")
        monkeypatch.setenv("POPFLOW_SMTP", f"127.0.0.1:{office}")
        assert night(lake, D21, error) == []
        assert night(lake, D21) == []  # a good night sends nothing
    (notice,) = posted
    assert (notice["kind"], notice["date"], notice["why"]) == (kind, str(D21), str(error))
    (mail,) = mailed
    assert f"Subject: popflow {D21}: {kind}" in mail
    assert "To: duty@example.org" in mail
    assert f"why: {error}" in mail


def test_an_unforeseen_fault_is_told_by_its_kind_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Its message may quote a record."""
    posted: list[dict] = []
    with serving(web(posted)) as hook:
        monkeypatch.setenv("POPFLOW_WEBHOOK", f"http://127.0.0.1:{hook}")
        night(lake, D21, ValueError("9f86d081884c7d65 is in line 3"))
    assert posted[0]["why"] == "ValueError"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x?token=secret", "file:///etc/passwd?secret", "hook.example secret"]
)
def test_a_receiver_that_cannot_be_told_is_one_line_without_its_address(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
):
    monkeypatch.setenv("POPFLOW_WEBHOOK", address)
    monkeypatch.setenv("POPFLOW_MAIL_TO", "duty@example.org")
    monkeypatch.setenv("POPFLOW_SMTP", "127.0.0.1:9")
    monkeypatch.setenv("POPFLOW_METRICS", str(tmp_path / "nowhere" / "popflow.prom"))
    said = night(lake, D21, Held("no telecom"))
    assert [line.split(" (")[0] for line in said] == [
        f"not told by POPFLOW_{name}" for name in ("METRICS", "WEBHOOK", "MAIL_TO")
    ]
    assert not any("secret" in line or "\n" in line for line in said)


def test_a_receiver_that_refuses_is_said_by_its_status(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    with serving(web([], status=500)) as hook:
        monkeypatch.setenv("POPFLOW_WEBHOOK", f"http://127.0.0.1:{hook}")
        assert night(lake, D21, Held("x")) == ["not told by POPFLOW_WEBHOOK (HTTP 500); the night stays what it is"]


def test_another_run_at_work_is_no_news(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    posted: list[dict] = []
    with serving(web(posted)) as hook:
        monkeypatch.setenv("POPFLOW_WEBHOOK", f"http://127.0.0.1:{hook}")
        monkeypatch.setenv("POPFLOW_METRICS", str(tmp_path / "popflow.prom"))
        assert night(lake, D21, AtWork("another run is at work")) == []
    assert posted == []
    assert not (tmp_path / "popflow.prom").exists()


def samples(file: Path) -> dict[tuple[str, ...], float]:
    """The metrics as Prometheus's own parser reads them."""
    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_prometheus_reads_the_newest_night(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    file = tmp_path / "popflow.prom"
    monkeypatch.setenv("POPFLOW_METRICS", str(file))
    night(lake, D20)
    good = samples(file)
    assert {key[1]: value for key, value in good.items() if key[0] == "popflow_night_state"} == {
        state: float(state == "released")
        for state in ("released", "empty", "done", "held", "landed", "refused", "failed", "withdrawn", "unknown")
    }
    midnight = dt.datetime(2020, 1, 20, tzinfo=dt.UTC).timestamp()
    assert (
        good["popflow_newest_night_timestamp_seconds",] == good["popflow_newest_release_timestamp_seconds",] == midnight
    )
    assert good["popflow_mno_landed", "telecom"] == 0
    night(lake, D21, PopflowError("a check"))
    failed = samples(file)
    assert failed["popflow_night_state", "failed"] == 1
    assert failed["popflow_newest_night_timestamp_seconds",] == midnight + 86_400
    assert failed["popflow_newest_release_timestamp_seconds",] == midnight
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["popflow.prom"]


def test_nothing_is_told_where_nobody_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("WEBHOOK", "MAIL_TO", "METRICS"):
        monkeypatch.delenv(f"POPFLOW_{name}", raising=False)
    assert night(lake, D21, Held("no telecom")) == []


def test_a_lineage_backend_gets_the_events_that_the_lake_keeps(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    sent: list[dict] = []
    keys: list[str | None] = []
    with serving(web(sent, 201, keys)) as backend:
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{backend}/")
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
        night(lake, D21, PopflowError("a check"))
    kept = (Path(lake.zone("ops")) / "lineage" / f"{D21}.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == sent
    assert [event["eventType"] for event in sent] == ["START", "FAIL"]
    assert keys == ["/api/v1/lineage Bearer secret"] * 2


def test_a_lineage_backend_that_is_down_stops_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9/x?token=secret")
    with recorded_run(lake, D21, "run", "a night") as log, log.stage("intake", [], ["presence"]):
        pass
    events = (Path(lake.zone("ops")) / "events" / f"{D21}.jsonl").read_text()
    assert events.count("lineage_not_sent") == 2
    assert "secret" not in events
    assert len((Path(lake.zone("ops")) / "lineage" / f"{D21}.jsonl").read_text().splitlines()) == 2


def test_what_the_metrics_read_of_the_restricted_zone_is_on_the_trail(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    published_lake.write_table(Path(lake.root), "deliveries", small_lake.deliveries(D20))
    monkeypatch.setenv("POPFLOW_METRICS", str(tmp_path / "popflow.prom"))
    night(lake, D20)
    assert samples(tmp_path / "popflow.prom")["popflow_mno_landed", "telecom"] == 1
    entries = (Path(lake.zone("ops")) / "trail.jsonl").read_text().splitlines()
    assert {(json.loads(line)["verb"], json.loads(line)["table"]) for line in entries} == {("read", "deliveries")}


def test_a_first_night_is_no_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lake, file = Lake(tmp_path / "new", contracts.load()), tmp_path / "popflow.prom"
    monkeypatch.setenv("POPFLOW_METRICS", str(file))
    with told_of(lake, D20, print), recorded_run(lake, D20, "run", "a night") as log:
        log.finish("done")
    first = samples(file)
    assert first["popflow_night_state", "done"] == 1
    assert first["popflow_newest_night_timestamp_seconds",] > 0
    assert first["popflow_newest_release_timestamp_seconds",] == 0

"""What leaves the machine of a night: a notice where it was held or failed, and metrics; neither changes how it ended.

A notice and the metrics hold national figures and popflow's own words: no token, and no count of an area.
"""

from __future__ import annotations

import datetime as dt
import smtplib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest

from popflow import __version__, environment
from popflow.errors import AtWork, Held, PopflowError
from popflow.operations.events import reason_of
from popflow.operations.posting import NOT_SENT, SECONDS, kind_of, post
from popflow.operations.purposes import watch
from popflow.operations.status import RELEASED, STATES, status
from popflow.reading.tables_out import at_once

if TYPE_CHECKING:
    from popflow.lake import Lake
    from popflow.progress import Progress

NIGHTS = 30  # among which the newest release is looked for


@contextmanager
def told_of(lake: Lake, date: dt.date, say: Progress) -> Iterator[None]:
    """Tell of a night after it, however it ends: write its metrics, and send a notice where it was held or failed.

    say: gets a line for each receiver that could not be told; it names the variable, never the address, which may hold
    a secret.
    """
    try:
        yield
    except AtWork:
        raise
    except Exception as error:
        kind = "held" if isinstance(error, Held) else "failed"
        _each(say, lake, {"kind": kind, "date": str(date), "why": reason_of(error), "popflow": __version__})
        raise
    else:
        _each(say, lake, None)


def _each(say: Progress, lake: Lake, notice: dict[str, Any] | None) -> None:
    receivers: list[tuple[environment.Variable, Any]] = [(environment.METRICS, lambda: write_metrics(lake))]
    if notice is not None:
        receivers += [
            (environment.WEBHOOK, lambda: post(environment.WEBHOOK.text() or "", notice)),
            (environment.MAIL_TO, lambda: _mail(notice)),
        ]
    for variable, tell in receivers:
        if variable.text() is None:
            continue
        try:
            tell()
        except (*NOT_SENT, PopflowError, smtplib.SMTPException) as error:
            say(f"not told by {variable} ({kind_of(error)}); the night stays what it is")


def write_metrics(lake: Lake) -> None:
    """Write the metrics of the newest night to the file that POPFLOW_METRICS names, whole or not at all."""
    path = environment.METRICS.path()
    assert path is not None
    with at_once(path) as temporary:
        temporary.write_bytes(generate_latest(metrics(lake)))


def metrics(lake: Lake) -> CollectorRegistry:
    """The newest night and the newest release of a lake, as Prometheus's client holds them; read on the trail."""
    found = CollectorRegistry()
    nights = status(watch(lake, uuid.uuid4().hex[:12]), NIGHTS)
    state = Gauge("popflow_night_state", "1 for the state of the newest night", ["state"], registry=found)
    newest = nights.iloc[0] if len(nights) else None
    for name in STATES:
        state.labels(name).set(newest is not None and newest["state"] == name)
    released = nights[nights["state"].isin(RELEASED)] if len(nights) else nights
    for name, meaning, row in (
        ("popflow_newest_night_timestamp_seconds", "date of the newest night", newest),
        (
            "popflow_newest_release_timestamp_seconds",
            "newest date released",
            released.iloc[0] if len(released) else None,
        ),
    ):
        gauge = Gauge(name, f"Midnight UTC of the {meaning}", registry=found)
        if row is not None:
            gauge.set(dt.datetime.fromisoformat(str(row["date"])).replace(tzinfo=dt.UTC).timestamp())
    landed = Gauge(
        "popflow_mno_landed", "1 where the MNO's delivery of the newest night is accepted", ["mno"], registry=found
    )
    for mno in lake.contracts.mno_bits():
        landed.labels(mno).set(newest is not None and mno in newest["landed"].split(", "))
    return found


def _mail(notice: dict[str, Any]) -> None:
    message = EmailMessage()
    message["Subject"] = f"popflow {notice['date']}: {notice['kind']}"
    message["From"], message["To"] = environment.MAIL_FROM.text() or "popflow@localhost", environment.MAIL_TO.text()
    message.set_content("\n".join(f"{name}: {value}" for name, value in notice.items()))
    host, _, port = (environment.SMTP.text() or "localhost:25").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=SECONDS) as server:
        server.send_message(message)

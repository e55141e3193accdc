"""Who is told when a date fails, is held back or is late: a mail, a webhook, or both.

POPFLOW_WEBHOOK: address to which a JSON object is posted. POPFLOW_MAIL_TO, POPFLOW_SMTP (host:port): a mail.
"""

from __future__ import annotations

import json
import re
import smtplib
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier
from night_plan import setting

SECONDS = 10


class Notice(BaseNotifier):
    """Tells people of a task that failed for good; a receiver that is down is said in the log and stops nothing."""

    template_fields = ("date",)

    def __init__(self, kind: str, date: str) -> None:
        super().__init__()
        self.kind = kind
        self.date = date

    def notify(self, context: Any) -> None:
        """Send it."""
        task = context["task_instance"]
        said = {
            "kind": self.kind,
            "date": self.date,
            "task": task.task_id,
            "run": context["run_id"],
            "tries": task.try_number,
            "why": why(self.date) or "no word of popflow; see the task's log",
        }
        for send in (post, mail):
            try:
                send(said)
            except OSError as error:
                self.log.warning("notice not sent by %s: %s", send.__name__, type(error).__name__)


def why(date: str) -> str:
    """What the last run of the date said of itself: the lake's ops folder, which holds no token and no small count."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", date):  # it becomes part of a pattern of files
        return ""
    runs = sorted(Path(setting("ZONE_OPS", f"{setting('LAKE')}/ops")).glob(f"runs/{date}.*.json"), key=_changed)
    said = json.loads(runs[-1].read_text(encoding="utf-8")) if runs else {}
    return f"{said['outcome']}: {said['why']}" if said.get("why") else ""


def post(said: dict[str, Any]) -> None:
    """Post it to the webhook, where there is one."""
    if not (address := setting("WEBHOOK")):
        return
    body = json.dumps(said).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS):
        pass


def mail(said: dict[str, Any]) -> None:
    """Mail it, where there is somebody to mail it to."""
    if not (to := setting("MAIL_TO")):
        return
    message = EmailMessage()
    message["Subject"] = f"popflow {said['date']}: {said['kind']}"
    message["From"], message["To"] = setting("MAIL_FROM", "popflow@localhost"), to
    message.set_content("\n".join(f"{name}: {value}" for name, value in said.items()))
    host, _, port = setting("SMTP", "localhost:25").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=SECONDS) as server:
        server.send_message(message)


def _changed(path: Path) -> float:
    return path.stat().st_mtime

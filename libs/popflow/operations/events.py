"""What a run says of itself: one JSON line an event, a summary, and its lineage in the OpenLineage form.

Nothing here takes a row of a table. Figures are national ones, rounded, and shares in whole percent (docs/design,
section 6); `figures` refuses what is neither a number nor a short word.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popflow import __version__, environment
from popflow.encryption.faults import fault_in
from popflow.errors import Held, PopflowError, printable
from popflow.operations.owner_only import append_private, ops_folder, write_private
from popflow.operations.posting import NOT_SENT, kind_of, post

if TYPE_CHECKING:
    from popflow.lake import Lake

PRODUCER = f"https://example.org/popflow/{__version__}"  # a name in the form of an address, as the schema demands
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
NAMESPACE = uuid.UUID("6d2c0f4c-4a4e-5b0e-9f5a-0c8d3a1f7e21")
LONGEST_WORD = 200
LINEAGE_PATH = "api/v1/lineage"  # of OpenLineage's HTTP transport


@dataclass
class RunLog:
    """The events of one run of one date, written as they happen; any number of runs may write at once."""

    folder: Path
    date: dt.date
    run_id: str
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, lake: Lake, date: dt.date, run_id: str) -> RunLog:
        """The log of a run of a lake: ops/events/<date>.jsonl, lineage beside it, summaries in ops/runs."""
        ops_folder(lake, "events")
        ops_folder(lake, "lineage")
        ops_folder(lake, "runs")
        return cls(ops_folder(lake), date, run_id)

    def say(self, event: str, **figures: Any) -> None:
        """One line: when, which run, what, and figures that a log may hold."""
        line = {"at_utc": _now(), "run_id": self.run_id, "date": str(self.date), "event": event} | loggable(figures)
        append_private(self.folder / "events" / f"{self.date}.jsonl", json.dumps(line, ensure_ascii=False) + "\n")

    @contextmanager
    def stage(self, name: str, reads: Iterable[str] = (), writes: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
        """Begin and end of a stage, with its figures: put them into the dictionary that this yields."""
        began = dt.datetime.now(dt.UTC)
        figures: dict[str, Any] = {}
        self._lineage("START", name, reads, writes)
        self.say("stage_began", stage=name)
        try:
            yield figures
        except BaseException as error:
            self._ended(name, began, outcome_of(error, begun=True), figures)
            self._lineage("FAIL", name, reads, writes)
            raise
        self._ended(name, began, "done", figures)
        self._lineage("COMPLETE", name, reads, writes)

    def finish(self, outcome: str, why: str = "") -> Path:
        """Write the summary (JSON and text) and return the JSON file.

        outcome: released, empty, held, failed, refused or done.
        """
        summary = {
            "run_id": self.run_id,
            "date": str(self.date),
            "outcome": outcome,
            "why": " ".join(why.split()),
            "began_at_utc": self.began.isoformat(timespec="seconds"),
            "ended_at_utc": _now(),
            "code_version": __version__,
            "stages": self.stages,
        }
        self.say("run_ended", outcome=outcome, why=summary["why"])
        path = self.folder / "runs" / f"{self.date}.{self.run_id}.json"
        write_private(path.with_suffix(".txt"), summary_text(summary))
        return write_private(path, json.dumps(summary, ensure_ascii=False, indent=1))

    def _ended(self, name: str, began: dt.datetime, outcome: str, figures: Mapping[str, Any]) -> None:
        seconds = round((dt.datetime.now(dt.UTC) - began).total_seconds(), 1)
        self.stages[name] = {"outcome": outcome, "seconds": seconds} | loggable(figures)
        self.say("stage_ended", stage=name, **self.stages[name])

    def _lineage(self, kind: str, stage: str, reads: Iterable[str], writes: Iterable[str]) -> None:
        event = lineage_event(kind, stage, self.run_id, self.date, reads, writes)
        append_private(self.folder / "lineage" / f"{self.date}.jsonl", json.dumps(event) + "\n")
        if address := environment.OPENLINEAGE_URL.text():
            key = environment.OPENLINEAGE_KEY.text()
            try:
                post(f"{address.rstrip('/')}/{LINEAGE_PATH}", event, {"Authorization": f"Bearer {key}"} if key else {})
            except NOT_SENT as error:
                self.say("lineage_not_sent", stage=stage, why=kind_of(error))


def lineage_event(
    kind: str, stage: str, run_id: str, date: dt.date, reads: Iterable[str], writes: Iterable[str]
) -> dict[str, Any]:
    """An OpenLineage RunEvent (2-0-2); kind: START, COMPLETE or FAIL. Tables by name, no facet that holds data."""
    return {
        "eventType": kind,
        "eventTime": _now(),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": str(uuid.uuid5(NAMESPACE, f"{run_id}/{stage}/{date}"))},
        "job": {"namespace": "popflow", "name": f"night.{stage}"},
        "inputs": [{"namespace": "popflow", "name": name} for name in reads],
        "outputs": [{"namespace": "popflow", "name": name} for name in writes],
    }


def loggable(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as a log may hold them; raises PopflowError for a value that could be a row or a table."""
    return {name: _loggable(name, value) for name, value in figures.items()}


def _loggable(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _loggable(f"{name}.{key}", one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_loggable(name, one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        return value
    if (isinstance(value, str | dt.date) and len(str(value)) <= LONGEST_WORD) or name == "why":
        return str(value)
    raise PopflowError(
        f"event figure '{name}': a {type(value).__name__} is not a figure; log counts, shares and short words"
    )


def outcome_of(error: BaseException, *, begun: bool) -> str:
    """How a run that ended with this error is called; begun: whether any of its stages had begun.

    What popflow refuses before it has begun is not a failed night: nothing of the date was tried.
    """
    if isinstance(error, Held):
        return "held"
    return "failed" if begun or not isinstance(error, PopflowError) else "refused"


def reason_of(error: BaseException) -> str:
    """What may be written of an error: our own messages, and only the kind of any other, which may hold a record."""
    if isinstance(error, PopflowError):
        return printable(error)  # a path in it may hold bytes that are not text, and no file takes these
    fault = fault_in(error)
    return str(fault) if fault else type(error).__name__


def summary_text(summary: Mapping[str, Any]) -> str:
    """The summary for people."""
    why = f": {summary['why']}" if summary["why"] else ""
    lines = [f"{summary['date']} {summary['outcome']}{why}"]
    lines += [f"run {summary['run_id']}, popflow {summary['code_version']}, began {summary['began_at_utc']} UTC"]
    for name, figures in summary["stages"].items():
        rest = ", ".join(f"{key} {value}" for key, value in figures.items() if key not in ("outcome", "seconds"))
        lines.append(f"  {name:<10} {figures['outcome']:<7} {figures['seconds']:>8.1f} s  {rest}".rstrip())
    return "\n".join(lines) + "\n"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")

"""What a run says of itself: events, summary, lineage, status."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from popflow.errors import Held, PopflowError
from popflow.lake import Lake
from popflow.operations.events import RunLog, lineage_event, outcome_of, reason_of
from popflow.operations.status import status
from published_lake import write_table

DAY = dt.date(2020, 1, 22)
ADDRESS = {"type": "string", "format": "uri", "pattern": "^https?://"}
NAMED = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}, "facets": {"type": "object"}},
}
# What OpenLineage 2-0-2 demands of a RunEvent.
RUN_EVENT = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$",
        },
        "producer": ADDRESS,
        "schemaURL": ADDRESS,
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-"}},
        },
        "job": NAMED,
        "inputs": {"type": "array", "items": NAMED},
        "outputs": {"type": "array", "items": NAMED},
    },
    "additionalProperties": False,
}


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_stage_leaves_two_lines_and_two_lineage_events(bare_lake: Lake):
    log = RunLog.of(bare_lake, DAY, "run1")
    with log.stage("intake", ["cell_to_county"], ["intake"]) as figures:
        figures["records"] = 1_234_000
    lines = read(Path(bare_lake.zone("ops")) / "events" / "2020-01-22.jsonl")
    assert [line["event"] for line in lines] == ["stage_began", "stage_ended"]
    assert {line["run_id"] for line in lines} == {"run1"}
    assert (lines[1]["records"], lines[1]["outcome"]) == (1_234_000, "done")
    lineage = read(Path(bare_lake.zone("ops")) / "lineage" / "2020-01-22.jsonl")
    assert [event["eventType"] for event in lineage] == ["START", "COMPLETE"]
    assert [one["name"] for one in lineage[1]["outputs"]] == ["intake"]
    assert lineage[0]["run"] == lineage[1]["run"]


@pytest.mark.parametrize("kind", ["START", "COMPLETE", "FAIL"])
def test_lineage_is_valid_openlineage(kind: str):
    event = lineage_event(kind, "flows", "run1", DAY, ["person_state"], ["flows_exact"])
    checker = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker())
    checker.validate(event)
    client = pytest.importorskip("openlineage.client.event_v2")
    run = client.Run(event["run"]["runId"])
    job = client.Job(event["job"]["namespace"], event["job"]["name"])
    state = client.RunState[kind]
    known = client.RunEvent(eventTime=event["eventTime"], run=run, job=job, eventType=state, producer=event["producer"])
    assert known.schemaURL == event["schemaURL"]


def test_the_lineage_check_can_fail():
    event = lineage_event("START", "flows", "run1", DAY, [], []) | {"run": {"runId": "run1"}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(event, RUN_EVENT, format_checker=jsonschema.FormatChecker())


def test_a_failed_stage_says_so_and_passes_the_error_on(bare_lake: Lake):
    log = RunLog.of(bare_lake, DAY, "run1")
    with pytest.raises(Held), log.stage("intake"):
        raise Held("waiting for telecom")
    assert log.stages["intake"]["outcome"] == "held"
    assert read(Path(bare_lake.zone("ops")) / "lineage" / "2020-01-22.jsonl")[-1]["eventType"] == "FAIL"


def test_only_our_own_words_of_an_error_are_kept():
    assert reason_of(PopflowError("deliveries: telecom is missing")) == "deliveries: telecom is missing"
    assert reason_of(ValueError("could not convert 0123456789abcdef|20200122")) == "ValueError"
    assert (outcome_of(Held("x"), begun=False), outcome_of(ValueError("x"), begun=False)) == ("held", "failed")
    assert (outcome_of(PopflowError("x"), begun=False), outcome_of(PopflowError("x"), begun=True)) == (
        "refused",
        "failed",
    )


@pytest.mark.parametrize("value", [pd.DataFrame({"a": [1]}), b"raw", "x" * 201, {"deep": object()}])
def test_what_could_be_a_row_is_no_figure(bare_lake: Lake, value: object):
    with pytest.raises(PopflowError, match="is not a figure"):
        RunLog.of(bare_lake, DAY, "run1").say("odd", value=value)


def test_the_summary_is_json_and_text_for_the_owner_only(bare_lake: Lake):
    log = RunLog.of(bare_lake, DAY, "run1")
    with log.stage("intake") as figures:
        figures["located_percent"] = 98
    path = log.finish("held", "waiting for telecom")
    assert json.loads(path.read_text())["stages"]["intake"]["located_percent"] == 98
    text = path.with_suffix(".txt").read_text()
    assert text.startswith("2020-01-22 held: waiting for telecom\n")
    assert "located_percent 98" in text
    for file in Path(bare_lake.zone("ops")).rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_status_shows_the_last_run_of_each_date(bare_lake: Lake):
    RunLog.of(bare_lake, DAY, "run1").finish("held", "waiting for telecom")
    RunLog.of(bare_lake, DAY - dt.timedelta(days=1), "run2").finish("released")
    table = status(bare_lake)
    assert list(table["date"]) == ["2020-01-22", "2020-01-21"]
    assert list(table["state"]) == ["held", "released"]
    assert table["why"][0] == "waiting for telecom"
    assert len(status(bare_lake, nights=1)) == 1


def test_status_knows_landed_and_released(bare_lake: Lake):
    lake = bare_lake
    when = dt.datetime(2020, 1, 23, tzinfo=dt.UTC)
    rows = [(mno, f"{mno}-1", DAY, "f", "all", "ab" * 32, 1, "accepted", when) for mno in ("telecom", "mobile")]
    lake.replace("deliveries", lake.frame("deliveries", rows))
    row = ("outflow", DAY, 1, "released", "run1", "0", "day-end-1", "ab" * 32, ["mobile"], "first release", "the night")
    frame = pd.DataFrame([(*row, 1000, 60, 90, when)], columns=list(lake.contracts.table("releases").columns))
    write_table(Path(lake.root), "releases", frame)
    table = status(lake)
    assert table.loc[0, ["landed", "state", "release", "run_id"]].tolist() == ["mobile, telecom", "released", 1, "run1"]


ODD = ["", "hello", "null", "[]", "5", "{}", "[" * 100_000, "\ud800"]


@pytest.mark.parametrize("text", [*ODD, None])
def test_a_damaged_summary_hides_no_other_night(bare_lake: Lake, text: str | None):
    """One such file ended `status` and every upkeep's page, or, a pipe, let both wait for ever."""
    RunLog.of(bare_lake, DAY, "run1").finish("held", "waiting for telecom")
    runs = Path(bare_lake.zone("ops")) / "runs"
    odd = runs / "2020-01-21.run0.json"
    os.mkfifo(odd) if text is None else odd.write_bytes(text.encode(errors="surrogatepass"))
    (runs / "2020-13-45.x.json").write_text("no run of a date")
    (runs / "notes.x.json").write_text("no run of a date")
    rows = status(bare_lake).set_index("date")
    assert list(rows["state"]) == ["held", "unknown"]
    assert "2020-01-21.run0.json: is not a summary of a run; remove it" in rows.loc["2020-01-21", "why"]


def test_a_refusal_that_names_a_file_in_gbk_is_written_down(bare_lake: Lake):
    """What was refused was lost to an UnicodeEncodeError of the run's own summary."""
    name = os.fsdecode("武汉".encode("gbk"))
    RunLog.of(bare_lake, DAY, "run1").finish("failed", reason_of(PopflowError(f"{name}: no such file")))
    assert "no such file" in status(bare_lake)["why"][0]

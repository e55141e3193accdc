"""The trail shows every entry that was edited, dropped, reordered, inserted or cut off."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.purposes import refuse_unlisted, stated, watch
from popflow.operations.trail import Trail, verify


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    trail = Trail(tmp_path / "trail.jsonl", tmp_path / "elsewhere.anchor")
    for table in ("presence", "person_day", "flows_exact", "atoms"):
        trail.append("read", table, "run1", "epidemic_prevention")
    return trail


def lines(trail: Trail) -> list[str]:
    return trail.path.read_text().splitlines()


def rewrite(trail: Trail, new: list[str]) -> None:
    trail.path.write_text("".join(line + "\n" for line in new))


def findings(trail: Trail) -> str:
    return " ".join(verify(trail.path, trail.anchor).findings)


def test_an_untouched_trail_holds(trail: Trail):
    verdict = verify(trail.path, trail.anchor)
    assert verdict.ok
    assert verdict.anchored
    assert verdict.entries == 4
    assert [entry["table"] for entry in trail.entries()] == ["presence", "person_day", "flows_exact", "atoms"]


def test_an_edited_entry_shows(trail: Trail):
    text = lines(trail)
    rewrite(trail, [text[0], text[1].replace("person_day", "flows_exact"), *text[2:]])
    assert "entry 1 was edited" in findings(trail)


def test_a_dropped_entry_shows(trail: Trail):
    text = lines(trail)
    rewrite(trail, [text[0], *text[2:]])
    assert "entry 2 stands where 1 belongs" in findings(trail)


def test_reordered_entries_show(trail: Trail):
    text = lines(trail)
    rewrite(trail, [text[0], text[2], text[1], text[3]])
    assert "entry 2 stands where 1 belongs" in findings(trail)


def test_a_cut_end_shows_by_the_anchor_alone(trail: Trail):
    rewrite(trail, lines(trail)[:-1])
    assert verify(trail.path).ok  # the chain itself is unbroken
    assert "the end was cut off" in findings(trail)
    trail.path.unlink()
    assert "the end was cut off" in findings(trail)


def test_a_chain_built_anew_shows_by_the_anchor_alone(trail: Trail, tmp_path: Path):
    forged = Trail(tmp_path / "forged.jsonl")
    for _ in range(5):
        forged.append("read", "counties", "run1", "epidemic_prevention")
    rewrite(trail, lines(forged))
    assert verify(trail.path).ok
    assert "built anew" in findings(trail)


def test_nothing_is_appended_to_a_trail_that_was_cut(trail: Trail):
    rewrite(trail, lines(trail)[:2])
    with pytest.raises(PopflowError, match="does not end as its anchor"):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    assert len(lines(trail)) == 2


def test_a_line_that_is_no_entry_shows(trail: Trail):
    rewrite(trail, [*lines(trail)[:2], "rubbish", *lines(trail)[2:]])
    assert "line 3: is no entry" in findings(trail)


def test_a_process_that_died_in_mid_write_costs_its_own_line_only(trail: Trail):
    with trail.path.open("a") as file:
        file.write('{"number": 4, "at_u')
    trail.append("write", "atoms", "run2", "epidemic_prevention")
    assert verify(trail.path, trail.anchor).ok
    assert trail.entries()[-1]["number"] == 4


def test_an_anchor_one_entry_behind_is_a_crash_and_no_finding(trail: Trail):
    before = trail.anchor.read_text()
    trail.append("read", "presence", "run2", "epidemic_prevention")
    trail.anchor.write_text(before)
    assert verify(trail.path, trail.anchor).ok
    trail.append("read", "presence", "run2", "epidemic_prevention")
    assert verify(trail.path, trail.anchor).entries == 6


def _append_many(path: Path, anchor: Path, number: int) -> None:
    for _ in range(number):
        Trail(path, anchor).append("read", "presence", "run", "epidemic_prevention")


def test_processes_that_append_at_once_leave_one_chain(tmp_path: Path):
    path, anchor = tmp_path / "trail.jsonl", tmp_path / "anchor"
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_append_many, args=(path, anchor, 30)) for _ in range(2)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    verdict = verify(path, anchor)
    assert (verdict.ok, verdict.entries) == (True, 60)


def test_only_the_owner_can_read_trail_and_anchor(trail: Trail):
    for path in (trail.path, trail.anchor, trail.path.with_suffix(".lock")):
        assert path.stat().st_mode & 0o077 == 0


def test_the_anchor_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_TRAIL_ANCHOR", str(tmp_path / "kept_elsewhere"))
    Trail(tmp_path / "trail.jsonl").append("read", "presence", "run", "epidemic_prevention")
    assert (tmp_path / "kept_elsewhere").read_text().startswith("0 ")


def test_every_access_of_a_restricted_table_is_on_the_trail(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    watch(lake, "run7")
    lake.replace("flows_exact", lake.frame("flows_exact", []))
    lake.read_pandas("flows_exact")
    lake.delete("flows_exact", "persons < 0")
    lake.replace("cells", lake.frame("cells", []))  # reference data is not restricted
    seen = [(e["verb"], e["table"], e["run_id"], e["purpose"]) for e in Trail.of(lake).entries()]
    assert [one[:2] for one in seen] == [("write", "flows_exact"), ("read", "flows_exact"), ("delete", "flows_exact")]
    assert {one[2:] for one in seen} == {("run7", "epidemic_prevention")}
    assert json.loads(Trail.of(lake).path.read_text().splitlines()[0])["who"]


def test_a_purpose_that_a_contract_does_not_list_is_refused(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    watch(lake, "run8", "advertising")
    frame = lake.frame("flows_exact", [])
    with pytest.raises(PopflowError, match="flows_exact: 'advertising' is no purpose"):
        lake.replace("flows_exact", frame)
    assert not lake.exists("flows_exact")
    assert Trail.of(lake).entries() == []
    for contract in contracts.tables.values():
        refuse_unlisted(contract, "epidemic_prevention")


def test_a_run_states_its_purpose(monkeypatch: pytest.MonkeyPatch):
    assert stated() == "epidemic_prevention"
    monkeypatch.setenv("POPFLOW_PURPOSE", "research")
    assert stated() == "research"
    assert stated("audit") == "audit"

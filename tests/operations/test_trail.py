"""The trail shows every entry that was edited, dropped, reordered, inserted or cut off."""

from __future__ import annotations

import json
import multiprocessing
import os
import pwd
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations.purposes import refuse_unlisted, stated, watch
from popflow.operations.trail import Trail, verify
from popflow.operations.trail_entries import GENESIS, with_hash, written


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    trail = Trail(tmp_path / "trail.jsonl", tmp_path / "elsewhere.anchor")
    for table in ("presence", "person_day", "flows_exact", "base_cells"):
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
    assert [entry["table"] for entry in trail.entries()] == ["presence", "person_day", "flows_exact", "base_cells"]


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
    with pytest.raises(PopflowError, match="does not hold the entry that its anchor"):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    assert len(lines(trail)) == 2


def test_a_line_that_is_no_entry_shows(trail: Trail):
    rewrite(trail, [*lines(trail)[:2], "rubbish", *lines(trail)[2:]])
    assert "line 3: is not an entry" in findings(trail)


def forged_without(trail: Trail, gone: int) -> list[str]:
    """The trail's lines without one entry, padded to as many and chained anew: what whoever can write it could do."""
    made, previous = [], GENESIS
    kept = [entry for entry in trail.entries() if entry["number"] != gone]
    for number, entry in enumerate([*kept, kept[-1]]):
        body = {name: value for name, value in entry.items() if name != "hash"}
        made.append(with_hash(body | {"number": number, "previous": previous}))
        previous = made[-1]["hash"]
    return [written(entry).rstrip() for entry in made]


def test_the_anchor_does_not_move_to_a_forgery(trail: Trail):
    before = trail.anchor.read_bytes()
    rewrite(trail, forged_without(trail, 1))
    assert verify(trail.path).ok  # a chain like any other
    with pytest.raises(PopflowError, match="does not hold the entry that its anchor"):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    assert trail.anchor.read_bytes() == before
    assert "built anew" in findings(trail)


def test_the_anchor_does_not_move_past_lines_that_do_not_follow_it(trail: Trail):
    before = trail.anchor.read_text()
    for _ in range(2):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    trail.anchor.write_text(before)
    text = lines(trail)
    rewrite(trail, [*text[:4], text[5]])
    with pytest.raises(PopflowError, match="after the anchored entry, entry 5 stands where 4 belongs"):
        trail.append("read", "presence", "run3", "epidemic_prevention")


def test_an_anchor_that_is_gone_stops(trail: Trail):
    trail.anchor.unlink()
    with pytest.raises(PopflowError, match=r"its anchor .* is gone"):
        trail.append("read", "presence", "run2", "epidemic_prevention")
    assert len(lines(trail)) == 4
    assert "is gone" in findings(trail)


@pytest.mark.parametrize(
    "text", ["", "4", "x y", "4 " + "0" * 63, "9" * 5000, "\u00b2 " + "0" * 64, "\x00" * 10_000_000]
)
def test_an_anchor_that_is_none_stops_in_one_line(trail: Trail, text: str):
    trail.anchor.write_text(text)
    for doing in (lambda: trail.append("read", "presence", "r", "p"), lambda: verify(trail.path, trail.anchor)):
        with pytest.raises(PopflowError, match="an anchor holds a number and a hash") as stopped:
            doing()
        assert "\n" not in str(stopped.value)


def test_an_anchor_of_an_earlier_popflow_is_looked_for_and_gets_its_place(trail: Trail):
    number, digest, _ = trail.anchor.read_text().split()
    trail.anchor.write_text(f"{number} {digest}\n")
    trail.append("read", "presence", "run2", "epidemic_prevention")
    assert len(trail.anchor.read_text().split()) == 3
    assert verify(trail.path, trail.anchor).ok


def test_an_append_reads_nothing_before_the_anchored_entry(trail: Trail):
    text = trail.path.read_bytes()
    before = len(text) - len(text.splitlines(keepends=True)[-1])
    trail.path.write_bytes(b"\0" * before + text[before:])
    trail.append("read", "presence", "run2", "epidemic_prevention")
    assert not verify(trail.path, trail.anchor).ok


def test_a_trail_without_an_anchor_gets_one_after_a_check_of_all_of_it(tmp_path: Path):
    bare = Trail(tmp_path / "trail.jsonl")
    for _ in range(2):
        bare.append("read", "presence", "run1", "epidemic_prevention")
    anchored = Trail(bare.path, tmp_path / "anchor")
    anchored.start_anchor("run2", "epidemic_prevention")
    anchored.append("read", "presence", "run3", "epidemic_prevention")
    assert verify(bare.path, anchored.anchor).entries == 4
    with pytest.raises(PopflowError, match="there is an anchor"):
        anchored.start_anchor("run4", "epidemic_prevention")
    anchored.anchor.unlink()
    rewrite(bare, lines(bare)[1:])
    with pytest.raises(PopflowError, match=r"not anchored: .* entry 1 stands where 0 belongs"):
        anchored.start_anchor("run5", "epidemic_prevention")


def test_a_process_that_died_in_mid_write_costs_its_own_line_only(trail: Trail):
    with trail.path.open("a") as file:
        file.write('{"number": 4, "at_u')
    trail.append("write", "base_cells", "run2", "epidemic_prevention")
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


def test_the_anchor_comes_from_the_environment(tmp_path: Path, contracts: Contracts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_TRAIL_ANCHOR", str(tmp_path / "kept_elsewhere"))
    Trail.of(Lake(tmp_path / "lake", contracts)).append("read", "presence", "run", "epidemic_prevention")
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


def test_an_analyst_needs_no_place_for_a_trail_and_nothing_restricted_is_read_without_one(
    tmp_path: Path, contracts: Contracts
):
    """A lake in object storage whose ops folder only the night's machine has."""
    full = Lake(tmp_path / "lake", contracts)
    full.replace("flows_exact", full.frame("flows_exact", []))
    full.replace("cells", full.frame("cells", []))
    lake = watch(Lake(tmp_path / "lake", contracts, zones={"ops": "s3://lake/ops"}), "run9")
    assert lake.read_pandas("cells").empty
    with pytest.raises(PopflowError, match="POPFLOW_ZONE_OPS"):
        lake.read_pandas("flows_exact")


def test_a_purpose_that_a_contract_does_not_list_is_refused(tmp_path: Path, contracts: Contracts):
    lake = Lake(tmp_path / "lake", contracts)
    watch(lake, "run8", "advertising")
    frame = lake.frame("flows_exact", [])
    with pytest.raises(PopflowError, match="flows_exact: 'advertising' is not a purpose"):
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


def test_the_account_is_who_the_machine_knows_and_not_who_the_environment_says(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    trail.append("read", "presence", "run2", "epidemic_prevention")
    entry = trail.entries()[-1]
    assert entry["who"].split("@")[0] == pwd.getpwuid(os.geteuid()).pw_name
    assert entry["uid"] == os.geteuid()


def test_an_account_without_a_name_is_its_number(trail: Trail, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_001)
    trail.append("read", "presence", "run2", "epidemic_prevention")
    assert trail.entries()[-1]["uid"] == 4_000_000_001
    assert verify(trail.path, trail.anchor).ok


def test_a_lake_refuses_an_unlisted_purpose_without_being_watched(
    tmp_path: Path, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("POPFLOW_PURPOSE", "advertising")
    lake = Lake(tmp_path / "lake", contracts)
    with pytest.raises(PopflowError, match="flows_exact: 'advertising' is not a purpose"):
        lake.replace("flows_exact", lake.frame("flows_exact", []))


def test_a_pipe_in_the_place_of_the_trail_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "trail.jsonl")
    with pytest.raises(PopflowError, match="is not a file, and so no trail"):
        Trail(tmp_path / "trail.jsonl").append("read", "presence", "run", "epidemic_prevention")

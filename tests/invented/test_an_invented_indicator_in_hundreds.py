"""A YAML of the kind hundreds, its exact table, one pure function: night, gate, auditor, reader, share need no more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import popflow
from popflow import contracts
from popflow.cli import analyst
from popflow.contracts import Contracts
from popflow.dictionary import data_dictionary
from popflow.errors import PopflowError
from popflow.exact import keep_counts, keep_exact
from popflow.lake import Lake
from popflow.pipeline import plan
from popflow.release.candidates import audited_history, bits_of
from popflow.release.ledger import all_releases, record_releases, withdraw
from popflow.release.night import Released, release_date
from popflow.sharing.view import View
from published_lake import write_table
from small_lake import EVERY_DAY, MNOS, persons, small_lake, state

HERE = Path(__file__).parent
DAY = dt.date(2020, 1, 15)
AWAY = {("420102", "420102"): 1460, ("430102", "430102"): 299 - 99, ("430202", "430202"): 900}
ONE_MNO = {("430202", "430202"): 900}  # all of one MNO's


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, known: Contracts, spark) -> Lake:
    """A date that has come as far as its exact tables; some persons were not seen on it."""
    root = tmp_path_factory.mktemp("hundreds") / "lake"
    lake = small_lake(root, known, spark, DAY)
    silent = state(DAY, persons({k: n for k, n in AWAY.items() if k not in ONE_MNO}, begin=20_000)
                   + persons(ONE_MNO, masks=(1,), begin=90_000))  # fmt: skip
    silent["last_seen"] = DAY - dt.timedelta(days=2)
    lake.delete("person_state", f"as_of = DATE'{DAY}'")
    write_table(root, "person_state", state(DAY, persons(EVERY_DAY)))
    write_table(root, "person_state", silent)
    states, bits = lake.read("person_state", as_of=DAY), bits_of(lake, MNOS)
    for indicator in known.indicators.values():
        keep_exact(lake, indicator, DAY, states, bits)
    keep_counts(lake, known.hundreds["silent_persons"], DAY, lake.read("person_state", as_of=DAY), states, bits)
    return lake


@pytest.fixture(scope="module")
def released(lake: Lake) -> Released:
    return release_date(lake, DAY, MNOS, "night")


def test_a_night_tells_it_once_and_says_why_the_others_are_not_told(lake: Lake, released: Released):
    assert set(released.counts) == {"silent_persons"}
    assert {note.split(" of ")[0] for note in released.notes} == {"population", "daytime"}
    assert released.warnings == released.notes
    assert all("has nothing of it" in note for note in released.notes)
    rows = lake.read_pandas("counts")
    assert set(rows["county_code"]) == {"420102"}  # too few in the second county, one MNO knows the third
    (figure,) = rows["persons"]
    assert figure % 100 == 0
    assert abs(figure - 1460) < 100
    again = release_date(lake, DAY, MNOS, "again")
    assert again.counts == {}
    assert any("was told before; first write wins" in note for note in again.notes)
    assert lake.commits("counts") == 2  # its making, and one telling


def test_its_release_is_recorded_like_any_other(lake: Lake, released: Released):
    (row,) = [row for row in all_releases(lake) if row["indicator"] == "silent_persons"]
    assert (row["release"], row["status"], row["definition"]) == (1, "released", "silent-1")
    assert (row["persons_rounded"], row["pair_share_percent"]) == (0, 0)
    assert record_releases(lake) == 0


def test_the_auditor_looks_at_both_kinds_and_catches_what_is_planted(lake: Lake, released: Released):
    verdict = audited_history(lake, every=True)
    assert verdict.ok, verdict.text()
    assert verdict.counts["dates in hundreds"] == 1
    outcomes = {leak.leak: leak.outcome for leak in verdict.planted}
    assert "missed" not in outcomes.values()
    assert outcomes["exact figure among rounded ones"] == "caught"


def test_the_nights_plan_and_the_dictionary_have_it(known: Contracts):
    stages = {stage["name"]: stage for stage in plan(known)["stages"]}
    assert "silent_persons_exact" in stages["flows"]["writes"]
    assert "silent_persons_exact" in stages["release"]["reads"]
    page = data_dictionary(known)
    assert "### silent_persons\n" in page
    assert "a county has a row from 300 on, with 30 persons without each MNO" in page


def test_pull_and_python_answer_it_with_bounds(lake: Lake, released: Released):
    frame = popflow.read(lake).silent_persons("wuhan", DAY, DAY)
    assert len(frame) > 10
    (row,) = frame[frame["kind"] == "shown"].to_dict("records")
    assert (row["county_code"], row["persons"] - row["persons_at_least"], row["persons_at_most"] - row["persons"]) == (
        "420102", 99, 99)  # fmt: skip
    assert (
        frame.loc[frame["kind"] == "unknown", ["persons", "persons_at_least", "persons_at_most"]].isna().all(axis=None)
    )
    app = typer.Typer()
    analyst.register(app)
    asked = [
        "pull",
        "silent_persons",
        "--area",
        "hubei",
        "--from",
        str(DAY),
        "--to",
        str(DAY),
        "--lake",
        str(lake.root),
    ]
    done = CliRunner().invoke(app, [*asked, "--format", "csv"])
    assert done.exit_code == 0, done.output
    assert "420102" in done.output
    assert CliRunner().invoke(app, [*asked, "--hour", "3"]).exit_code == 2  # it has no hours
    with pytest.raises(PopflowError, match="told in hundreds, by county; ask for it with popflow pull silent_persons"):
        popflow.read(lake).ask("silent_persons", "hubei", DAY, DAY)


def test_the_share_serves_it_until_it_is_withdrawn(lake: Lake, released: Released):
    def shared() -> set[str]:
        return {file.partition["indicator"] for file in View(lake).of("counts").files}

    assert shared() == {"silent_persons"}
    withdraw(lake, "silent_persons", DAY, "a trial", "Li Na")
    assert shared() == set()
    with pytest.raises(PopflowError, match="withdrawn"):
        popflow.read(lake).silent_persons("wuhan", DAY, DAY)


def test_a_form_that_was_not_attacked_is_refused_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = (HERE / "indicators" / "silent_persons.yaml").read_text(encoding="utf-8")
    for part, other, said in (
        ("offset: fixed", "offset: by_date", "no other form was attacked"),
        ("offset: fixed", "offset: fixed\nmovers: true", "no other form was attacked"),
        ("silent: {counted: true}", "silent: {counted: false}", "parts: none is counted"),
        ("silent: {counted: true}", "silent: {counted: true, least: secret}", "where movers are counted, one part"),
        ("least_figure: 300", "least_figure: 100", "least_figure"),
        ("least_figure: 300", "least_figure: 350", "least_figure"),
        ("least_without: 30", "least_without: 10", "least_without"),
        ("  arrivals: 'who was not seen did not arrive'\n", "", "nothing says why it may stand beside arrivals"),
        ("arrivals: 'who", "blocks: 'who", "there is no indicator blocks"),
        ("exact: silent_persons_exact", "exact: late_departures_exact", "is not a restricted table with county_code"),
        ("night_travel.silent_persons", "night_travel.nobody", "counts: there is no function nobody"),
    ):  # fmt: skip
        folder = tmp_path / f"{abs(hash((part, other)))}"
        for name in ("indicators", "restricted"):
            (folder / name).mkdir(parents=True)
            for path in (HERE / name).glob("*.yaml"):
                (folder / name / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "night_travel.py").write_text((HERE / "night_travel.py").read_text())
        assert part in text
        (folder / "indicators" / "silent_persons.yaml").write_text(text.replace(part, other, 1), encoding="utf-8")
        monkeypatch.setenv("POPFLOW_CONTRACTS", str(folder))
        with pytest.raises(PopflowError, match=said):
            contracts.load().hundreds["silent_persons"].function()

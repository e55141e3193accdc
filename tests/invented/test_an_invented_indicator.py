"""A YAML, its exact table and one pure function in this folder: night, gate, auditor, reader and share need no more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import popflow
from popflow import contracts
from popflow.audit import audit_lake
from popflow.cli import analyst
from popflow.contracts import Contracts
from popflow.dictionary import data_dictionary
from popflow.errors import PopflowError
from popflow.exact import keep_exact
from popflow.lake import Lake
from popflow.operations.status import status
from popflow.pipeline import Night, nightly, plan
from popflow.release.candidates import bits_of, day_end_counties
from popflow.release.ledger import all_releases, withdraw
from popflow.release.night import release_date
from popflow.sharing.view import View
from published_lake import write_table
from small_lake import EVERY_DAY, MNOS, persons, small_lake, state

HERE = Path(__file__).parent
DAY = dt.date(2020, 1, 15)
LATE = {("420102", "430102"): 80, ("420102", "430202"): 45, ("420102", "420502"): 60, ("420502", "430102"): 60,
        ("420502", "420102"): 40, ("420502", "430202"): 9}  # fmt: skip
NAMES = ["late_departures", "outflow"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, known: Contracts, spark) -> Lake:
    """A date whose persons are known, its exact tables made and its indicators released as a night does it."""
    root = tmp_path_factory.mktemp("invented") / "lake"
    lake = small_lake(root, known, spark, DAY)
    late = [one | {"day_end_county": one["origin_county"], "trailing_county": one["day_end_county"]}
            for one in persons(LATE, begin=10_000)]  # fmt: skip
    lake.delete("person_state", f"as_of = DATE'{DAY}'")
    write_table(root, "person_state", state(DAY, [*persons(EVERY_DAY), *late]))
    states, bits = lake.read("person_state", as_of=DAY), bits_of(lake, MNOS)
    for indicator in known.indicators.values():
        keep_exact(lake, indicator, DAY, states, bits)
    assert sorted(release_date(lake, DAY, MNOS, "night").tables) == NAMES
    return lake


def test_the_exact_table_is_what_the_function_says(lake: Lake):
    rows = lake.read_pandas("late_departures_exact", date=DAY)
    assert {(o, d): n for o, d, n in rows[["origin_county", "destination_county", "persons"]].values} == LATE


def test_the_nights_plan_has_its_exact_table(known: Contracts):
    stages = {stage["name"]: stage for stage in plan(known)["stages"]}
    assert "late_departures_exact" in stages["flows"]["writes"]
    assert "late_departures_exact" in stages["release"]["reads"]


def test_the_gate_folds_it_by_its_own_thresholds_and_steps(lake: Lake):
    rows = lake.read_pandas("flows", indicator="late_departures", date=DAY)
    assert set(rows["destination_level"]) <= {"all", "border", "province", "prefecture"}
    assert rows["persons"].min() >= 30
    assert set(rows["definition"]) == {"late-1"}
    (root,) = rows.loc[rows["destination_level"] == "all", "persons"]
    assert root == sum(LATE.values())


def test_it_changes_nothing_of_what_was_there(lake: Lake, tmp_path: Path, spark, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("POPFLOW_CONTRACTS")
    alone = small_lake(tmp_path / "lake", contracts.load(), spark, DAY)
    release_date(alone, DAY, MNOS, "night")
    columns = [name for name in alone.contracts.table("flows").columns if name != "release"]
    wanted = alone.read_pandas("flows", columns).sort_values(columns).reset_index(drop=True)
    found = lake.read_pandas("flows", columns, indicator="outflow").sort_values(columns).reset_index(drop=True)
    assert found.equals(wanted)


def test_the_auditor_attacks_both_and_catches_what_is_planted(lake: Lake):
    verdict = audit_lake(lake, covered=day_end_counties(lake), every=True)
    assert verdict.ok, verdict.text()
    assert verdict.counts["releases"] == 2
    assert "missed" not in {leak.outcome for leak in verdict.planted}
    rows = lake.read_pandas("late_departures_exact", date=DAY)
    raised = lake.contracts.indicators["late_departures"].thresholds
    assert raised.k > lake.contracts.disclosure.k
    assert len(rows)


def test_a_row_below_its_own_threshold_is_a_finding(lake: Lake):
    from popflow.audit import Candidate, audit

    rows = lake.read_pandas("flows", indicator="late_departures", date=DAY)
    base_cells = lake.read_pandas("base_cells", indicator="late_departures", date=DAY)
    between = rows["persons"] == rows.loc[rows["persons"] > 30, "persons"].min()
    options = {
        "covered": day_end_counties(lake)(DAY),
        "mnos": MNOS,
        "plant": False,
        "indicators": lake.contracts.indicators,
    }
    assert audit(rows.iloc[:0], base_cells.iloc[:0], candidate=Candidate(rows, base_cells), **options).ok
    off = rows.assign(persons=rows["persons"].mask(between, 29))
    text = audit(rows.iloc[:0], base_cells.iloc[:0], candidate=Candidate(off, base_cells), **options).text()
    assert "= 29 persons, below 30" in text


def test_pull_python_and_the_dictionary_know_it(lake: Lake, known: Contracts):
    frame = popflow.read(lake).late_departures("hubei", DAY, DAY, "province")
    assert frame.attrs["summary"]["persons_at_least"] == 80 + 45 + 60 + 9
    app = typer.Typer()
    analyst.register(app)
    asked = [
        "pull",
        "late_departures",
        "--area",
        "wuhan",
        "--from",
        str(DAY),
        "--to",
        str(DAY),
        "--level",
        "prefecture",
    ]
    done = CliRunner().invoke(app, [*asked, "--lake", str(lake.root), "--format", "csv"])
    assert done.exit_code == 0, done.output
    assert "430100" in done.output
    with pytest.raises(PopflowError, match=r"no level 'county'.*the levels are province, prefecture"):
        popflow.read(lake).ask("late_departures", "wuhan", DAY, DAY, "county")
    page = data_dictionary(known)
    assert "### late_departures\n" in page
    assert "at least 30 persons, 10 without each MNO; a date cannot be corrected" in page


def test_the_share_serves_it_until_it_is_withdrawn(lake: Lake):
    def shared() -> set[str]:
        return {file.partition["indicator"] for file in View(lake).of("flows").files}

    assert shared() == set(NAMES)
    withdraw(lake, "late_departures", DAY, "a trial", "Li Na")
    assert shared() == {"outflow"}
    assert status(lake).set_index("date").loc[str(DAY), "state"] == "released"  # the headline's


def test_what_may_not_stand_beside_outflow_is_refused_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    body = (HERE / "indicators" / "late_departures.yaml").read_text(encoding="utf-8")
    for part, other, said in (
        (
            body[body.index("links:") : body.index("steps:")],
            "",
            "nothing says that it counts other persons than outflow",
        ),
        ("kind: chain", "kind: blocks", "'blocks' is not a kind"),
        ("areas: [hubei]", "areas: [atlantis]", "'atlantis' is none of areas.yaml"),
        ("exact: late_departures_exact", "exact: presence", "is not a restricted table with"),
        ("night_travel.late_departures", "night_travel.nobody", "there is no function nobody"),
        ("rest: origin", "rest: destination", "its rest row differs in the origin"),
        ("correctable: false", "correctable: true", "correctable: of one indicator"),
    ):
        folder = tmp_path / said[:12].replace("'", "")
        for name in ("indicators", "restricted"):
            (folder / name).mkdir(parents=True)
        for name in ("indicators/silent_persons.yaml", "restricted/silent_persons_exact.yaml"):
            (folder / name).write_text((HERE / name).read_text())
        (folder / "night_travel.py").write_text((HERE / "night_travel.py").read_text())
        table = "late_departures_exact.yaml"
        (folder / "restricted" / table).write_text((HERE / "restricted" / table).read_text())
        assert part in body
        text = body.replace(part, other, 1)
        (folder / "indicators" / "late_departures.yaml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("POPFLOW_CONTRACTS", str(folder))
        with pytest.raises(PopflowError, match=said):
            contracts.load().indicators["late_departures"].function()


@pytest.mark.slow
def test_whole_nights_release_it(tmp_path: Path, known: Contracts, spark):
    from popflow.reference import load_reference
    from popflow.synthetic.nation import simulate

    first = dt.date(2020, 1, 21)
    simulate(tmp_path / "simulation", first, 2, 12_000, 1)
    lake = Lake(tmp_path / "lake", known, spark)
    for kind in ("cells", "subscribers"):
        load_reference(lake, kind, tmp_path / "simulation" / "reference" / f"{kind}.parquet", as_of=first)
    for date in (first, first + dt.timedelta(days=1)):
        nightly(lake, Night(date, str(tmp_path / "simulation" / "landing"), tuple(known.mno_bits()), sample=True))
    assert sorted(row["indicator"] for row in all_releases(lake)) == NAMES
    assert lake.read_pandas("late_departures_exact")["persons"].sum() > 0
    assert audit_lake(lake, covered=day_end_counties(lake), every=True).ok

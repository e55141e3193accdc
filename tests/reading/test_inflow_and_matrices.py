"""Inflow, net flow and matrices of a small nation whose chains connect: bounds hold the truth, whoever is hidden."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from popflow import contracts
from popflow.cli.app import app
from popflow.disclosure import protect_flows
from popflow.errors import PopflowError
from popflow.geography.counties import county_table
from popflow.lake import Lake
from popflow.reading import both_ways
from popflow.reading.reader import Reader, read
from popflow.reading.tables_out import save
from published_lake import release_row, write_table

DAYS = [dt.date(2020, 1, 21), dt.date(2020, 1, 22)]
MNOS = ("mobile", "unicom", "telecom")
PREFECTURES = {"420100": 4, "420200": 3, "420500": 3, "430100": 4, "430200": 3, "430300": 2, "330100": 3, "330300": 2,
               "110100": 4}  # fmt: skip
KNOWN = county_table().groupby("prefecture_code")["county_code"]
CHAINS = {code[:2] for code in PREFECTURES}
FEW = contracts.load()
FEW = FEW.model_copy(update={"areas": {name: area for name, area in FEW.areas.items() if area.code[:2] in CHAINS}})
COUNTIES = [code for prefecture, few in PREFECTURES.items() for code in sorted(KNOWN.get_group(prefecture))[:few]]


def moves(date: dt.date, seed: int) -> pd.DataFrame:
    """Exact moves of a date between all counties: many small, some large."""
    draw = np.random.default_rng([seed, date.toordinal()])
    rows = [(o, d, int(n)) for o in COUNTIES for d in COUNTIES if (n := draw.negative_binomial(0.4, 0.006)) and o != d]
    frame = pd.DataFrame(rows, columns=["origin_county", "destination_county", "persons"])
    without = [dict.fromkeys(MNOS, n) for n in frame["persons"]]
    return frame.assign(date=date, persons_registered=frame["persons"], persons_without=without)


def nation(root: Path, seed: int) -> tuple[Reader, pd.DataFrame]:
    """A lake in which a nation is published by the gate, and the moves between prefectures that are the truth."""
    known, truth = FEW, []
    for date in DAYS:
        exact = moves(date, seed)
        about = {"areas": known.areas, "rules": known.disclosure, "indicator": known.headline}
        table = protect_flows(exact, date=date, release=1, covered_counties=COUNTIES, mnos=MNOS, **about)
        write_table(root, "flows", table.rows)
        write_table(root, "releases", pd.DataFrame([release_row(date, 1)]))
        truth.append(exact[["date", "origin_county", "destination_county", "persons"]])
    frame = pd.concat(truth, ignore_index=True)
    for end in ("origin", "destination"):
        frame[f"{end}_prefecture"] = frame[f"{end}_county"].str[:4] + "00"
        frame[f"{end}_province"] = frame[f"{end}_county"].str[:2] + "0000"
    return read(Lake(root, known)), frame[frame["origin_prefecture"] != frame["destination_prefecture"]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, pd.DataFrame, Path]:
    root = tmp_path_factory.mktemp("nation") / "lake"
    return *nation(root, 1), root


WINDOW = {"date_from": DAYS[0], "date_to": DAYS[1]}


def held(frame: pd.DataFrame, truth: pd.Series, keys: list[str]) -> int:
    """How many figures of a truth lie within the bounds of an answer; what no row names has 0 at most."""
    bounds = frame.set_index(keys)[["persons_at_least", "persons_at_most"]]
    assert not bounds.index.duplicated().any()
    low, high = (bounds[name].reindex(truth.index, fill_value=0) for name in bounds)
    assert (low <= truth).all()
    assert (truth <= high).all(), truth[truth > high]
    assert (bounds["persons_at_least"] <= bounds["persons_at_most"]).all()
    return len(truth)


def test_a_provinces_question_reads_no_other_provinces_rows(published) -> None:
    reader, _, _ = published
    question = reader.question("hubei", level="pair", **WINDOW)
    _, read = reader.shown(question)
    whole = reader.lake.read_pandas("flows")
    codes = set(whole["origin_code"])
    of_hubei = {code for code in codes if code.removeprefix("rest_of_")[:2] == "42" or code.endswith("hubei")}
    assert 0 < len(of_hubei) < len(codes) // 2
    assert set(read["origin_code"]) == of_hubei
    assert len(read) == int(whole["origin_code"].isin(of_hubei).sum())


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_bounds_hold_the_truth_of_every_place(tmp_path: Path, seed: int) -> None:
    reader, truth = nation(tmp_path / "lake", seed)
    for by in ("prefecture", "province"):
        for level in ("province", "prefecture", "county"):
            for code in sorted(truth[f"destination_{level}"].unique()):
                came = truth[truth[f"destination_{level}"] == code]
                if level == "province":
                    came = came[came["origin_province"] != code]
                found = reader.inflow(code, **WINDOW, by=by)
                assert held(found, came.groupby(f"origin_{by}")["persons"].sum(), ["origin_code"])
                summary = found.attrs["summary"]
                assert summary["persons_at_least"] == found["persons_at_least"].sum()
                assert summary["persons_at_least"] <= came["persons"].sum() <= summary["persons_at_most"]
                assert summary["persons_at_most"] <= found["persons_at_most"].sum()
                near = came[came["origin_province"] == code[:2] + "0000"]["persons"].sum()
                assert summary["from_own_province_at_least"] <= near <= summary["from_own_province_at_most"]


def test_each_date_has_its_own_bounds(published) -> None:
    reader, truth, _ = published
    came = truth[truth["destination_county"] == COUNTIES[11]].groupby(["date", "origin_prefecture"])["persons"].sum()
    found = reader.inflow(COUNTIES[11], **WINDOW, daily=True)
    assert held(found, came, ["date", "origin_code"])
    assert set(found["unit"]) == {"persons"}
    assert set(reader.inflow(COUNTIES[11], **WINDOW)["unit"]) == {"person-trips"}


@pytest.mark.parametrize(
    ("level", "by"), [("province", "province"), ("prefecture", "prefecture"), ("county", "prefecture")]
)
def test_a_matrix_holds_every_pair(published, level: str, by: str) -> None:
    reader, truth, _ = published
    pairs = truth.groupby([f"origin_{by}", f"destination_{level}"])["persons"].sum()
    found = reader.matrix(level, **WINDOW)
    assert held(found, pairs, ["origin_code", "destination_code"])
    daily = truth.groupby(["date", f"origin_{by}", f"destination_{level}"])["persons"].sum()
    assert held(reader.matrix(level, **WINDOW, daily=True), daily, ["date", "origin_code", "destination_code"])
    for code in truth[f"destination_{level}"].unique()[:3]:
        mine = found[(found["destination_code"] == code) & (found["origin_code"] != code)]
        alone = reader.inflow(code, **WINDOW, by=by)
        columns = ["origin_code", "persons_at_least", "persons_at_most"]
        if alone["destination_level"].iloc[0] == level:
            wanted = alone[columns].sort_values(columns).reset_index(drop=True)
            assert mine[columns].sort_values(columns).reset_index(drop=True).equals(wanted)


def test_net_is_bounded_by_what_came_and_left(published) -> None:
    reader, truth, _ = published
    for level in ("province", "prefecture"):
        for code in ("420000", "430000") if level == "province" else ("420100", "430100", "330300"):
            come = truth[(truth[f"destination_{level}"] == code) & (truth[f"origin_{level}"] != code)]
            gone = truth[(truth[f"origin_{level}"] == code) & (truth[f"destination_{level}"] != code)]
            daily = come.groupby("date")["persons"].sum() - gone.groupby("date")["persons"].sum()
            found = reader.net(code, **WINDOW, daily=True).set_index("date")
            assert (found["net_at_least"] <= daily).all()
            assert (daily <= found["net_at_most"]).all()
            whole = reader.net(code, **WINDOW).iloc[0]
            assert whole["net_at_least"] == found["net_at_least"].sum()
            assert whole["net_at_most"] == found["net_at_most"].sum()


def test_a_wide_matrix_has_a_place_for_every_pair(published, tmp_path: Path) -> None:
    reader, *_ = published
    wide = reader.matrix("prefecture", **WINDOW, wide=True)
    prefectures = [place.code for place in reader.places.all("prefecture")]
    assert wide.index.tolist() == prefectures
    assert wide["persons_at_least"].columns.tolist() == prefectures
    long = reader.matrix("prefecture", **WINDOW).set_index(["origin_code", "destination_code"])
    assert wide.loc["420100", ("persons_at_most", "430100")] == long.loc[("420100", "430100"), "persons_at_most"]
    assert int(wide["persons_at_least"].to_numpy().sum()) == long["persons_at_least"].sum()
    save(wide, tmp_path / "m.csv")
    table = pd.read_csv(tmp_path / "m.csv", dtype={"origin_code": str}).set_index(["bound", "origin_code"])
    assert table.loc[("persons_at_least", "420100"), "430100"] == wide.loc["420100", ("persons_at_least", "430100")]
    save(wide, tmp_path / "m.xlsx")
    book = openpyxl.load_workbook(tmp_path / "m.xlsx")
    sheet = book[book.sheetnames[1]]
    place = 2 + prefectures.index("430100")
    assert (sheet.cell(1, place).value, sheet.cell(2 + prefectures.index("420100"), place).value) == (
        "430100",
        wide.loc["420100", ("persons_at_most", "430100")],
    )


def test_the_commands_tell_the_same(published, tmp_path: Path) -> None:
    root = published[2]
    reader = read(root)  # of all provinces, as the command
    dates = ["--from", str(DAYS[0]), "--to", str(DAYS[1]), "--lake", str(root)]
    for words, wanted in (
        (["inflow", "--area", "430100"], reader.inflow("430100", **WINDOW)),
        (["inflow", "--to-area", "changsha", "--by", "province"], reader.inflow("430100", **WINDOW, by="province")),
        (["net", "--area", "wuhan"], reader.net("wuhan", **WINDOW)),
        (["matrix", "--level", "province"], reader.matrix("province", **WINDOW)),
        (
            ["outflow", "--from-area", "wuhan", "--to-area", "hunan"],
            reader.outflow("wuhan", **WINDOW, destination="430000"),
        ),
    ):
        shown = CliRunner().invoke(app, ["pull", *words, *dates])
        assert shown.exit_code == 0, shown.output
        done = CliRunner().invoke(app, ["pull", *words, *dates, "--out", str(tmp_path / "answer.parquet")])
        assert done.exit_code == 0, done.output
        assert len(pd.read_parquet(tmp_path / "answer.parquet")) == len(wanted)
        save(wanted, tmp_path / "answer.xlsx")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda reader: reader.inflow("wuhan", **WINDOW, by="county"), "origins are told by province or prefecture"),
        (lambda reader: reader.inflow("atlantis", **WINDOW), "is called 'atlantis'"),
        (lambda reader: reader.net("430102", **WINDOW), "is not an area of which flows are published"),
        (lambda reader: reader.matrix("pair", **WINDOW), "the levels are province, prefecture, county"),
        (lambda reader: reader.matrix(**WINDOW, wide=True, daily=True), "ask for --daily without it"),
        (lambda reader: reader.inflow("wuhan", "2019-01-01", "2019-01-02"), "2019"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(published, ask, words: str) -> None:
    with pytest.raises(PopflowError, match=words) as refused:
        ask(published[0])
    assert "\n" not in str(refused.value)


def test_a_county_that_is_a_prefecture_too_is_asked_for_at_its_level(published) -> None:
    reader, *_ = published
    assert {reader.inflow("110000", **WINDOW)["destination_level"].iloc[0]} == {"province"}
    assert {reader.inflow("110100", **WINDOW)["destination_level"].iloc[0]} == {"prefecture"}


@pytest.mark.parametrize("daily", [False, True])
@pytest.mark.parametrize("by", ["province", "prefecture"])
def test_where_no_chain_leads_there_or_none_shows_it_nobody_is_said_to_come(published, by: str, daily: bool) -> None:
    reader, _, _ = published
    areas, places = reader.lake.contracts.areas, reader.places
    asked = both_ways.Toward(reader.lake.contracts.headline, places.find("hubei"), "province", by, *DAYS, daily=daily)
    flows = reader.lake.read_pandas("flows")
    for rows, chains in ((flows, {"hubei": areas["hubei"]}), (flows.iloc[:0], areas)):
        trees = both_ways.trees(asked, rows, chains, [])
        assert both_ways.figures(asked, trees, places).empty
        assert both_ways.total(asked, trees, places) == (0, 0)


@pytest.fixture(scope="module")
def with_a_gap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, pd.DataFrame, Path]:
    """The nation, but nothing is shown of who left Zhejiang on the first date, as if its root were too small."""
    root = tmp_path_factory.mktemp("gap") / "lake"
    reader, truth = nation(root, 1)
    flows = reader.lake.read_pandas("flows")
    of_zhejiang = flows["origin_code"].str.removeprefix("rest_of_").str.match("33|zhejiang")
    hidden = flows[~(of_zhejiang & (flows["date"] == DAYS[0]))]
    assert 0 < len(hidden) < len(flows)
    other = root.parent / "hidden"
    write_table(other, "flows", hidden)
    write_table(other, "releases", pd.DataFrame([release_row(date, 1) for date in DAYS]))
    return read(Lake(other, FEW)), truth, other


@pytest.mark.parametrize("by", ["province", "prefecture"])
def test_the_most_is_unknown_where_a_province_shows_nothing_on_a_date(with_a_gap, by: str) -> None:
    reader, *_ = with_a_gap
    came = reader.inflow("changsha", **WINDOW, by=by)
    zhejiang = came["origin_code"].str[:2] == "33"
    assert came["persons_at_most"].isna().tolist() == zhejiang.tolist()
    assert set(came["kind"]) == ({"shown"} if by == "province" else {"shown", "unknown"})
    assert came.loc[zhejiang, "persons_at_least"].sum() > 0  # of the second date, which shows it
    summary = came.attrs["summary"]
    assert summary["persons_at_most"] is None
    assert "330000" in summary["origins_unknown"]
    assert any("nothing is published of who left" in notice["en"] for notice in came.attrs["notices"])
    daily = reader.inflow("changsha", **WINDOW, by=by, daily=True).set_index(["date", "origin_code"])["persons_at_most"]
    assert daily.loc[DAYS[0]].loc[lambda most: most.index.str[:2] == "33"].isna().all()
    assert daily.loc[DAYS[1]].loc[lambda most: most.index.str[:2] == "33"].notna().all()


def test_net_and_matrix_say_what_is_unknown(with_a_gap, tmp_path: Path) -> None:
    reader, _, root = with_a_gap
    net = reader.net("changsha", **WINDOW)
    assert net["net_at_most"].isna().all()
    assert net["net_at_least"].notna().all()
    long = reader.matrix("province", **WINDOW).set_index(["origin_code", "destination_code"])
    assert pd.isna(long.loc[("330000", "420000"), "persons_at_most"])
    assert long.loc[("420000", "330000"), "persons_at_most"] > 0
    wide = reader.matrix("province", **WINDOW, wide=True)
    assert pd.isna(wide.loc["330000", ("persons_at_most", "420000")])
    assert wide.loc["420000", ("persons_at_most", "330000")] == long.loc[("420000", "330000"), "persons_at_most"]
    for number, frame in enumerate((net, long.reset_index(), wide)):
        for kind in ("csv", "xlsx", "parquet"):
            save(frame, tmp_path / f"{number}.{kind}")
    sheet = openpyxl.load_workbook(tmp_path / "0.xlsx").worksheets[0]
    heads = [str(cell.value).split("\n")[-1] for cell in sheet[1]]
    assert dict(zip(heads, (cell.value for cell in sheet[2]), strict=True))["Net, at most"] is None
    for words in (["inflow", "--area", "changsha"], ["net", "--area", "changsha"], ["matrix", "--level", "province"]):
        dates = ["--from", str(DAYS[0]), "--to", str(DAYS[1]), "--lake", str(root)]
        told = CliRunner().invoke(app, ["pull", *words, *dates])
        assert told.exit_code == 0, told.output
        assert "nothing is published of who left" in told.output.replace("\n", " ")


def test_a_date_that_shows_nothing_of_a_province_is_a_gap_in_its_outflow(with_a_gap) -> None:
    reader, truth, _ = with_a_gap
    left = reader.outflow("hangzhou", **WINDOW, level="province")
    summary = left.attrs["summary"]
    assert (summary["dates"], summary["dates_empty"]) == ([str(DAYS[1])], [str(DAYS[0])])
    of_date = truth[(truth["origin_prefecture"] == "330100") & (truth["date"] == DAYS[1])]["persons"].sum()
    assert summary["persons_at_least"] <= of_date <= summary["persons_at_most"]
    net = reader.net("hangzhou", **WINDOW, daily=True)
    assert net["date"].tolist() == [DAYS[1]]

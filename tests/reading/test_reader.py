"""What an analyst reads: at least what is shown, at most what may be hidden, and never a zero for what is not shown."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import popflow
import published_lake
from popflow.errors import PopflowError
from popflow.reading.reader import Reader

D20, D21, D22, D23 = (dt.date(2020, 1, day) for day in (20, 21, 22, 23))
FOUR_WUHAN = ["420102", "420103", "420104", "420111"]
PLACES = {
    "420100": ("武汉市", "Wuhan", FOUR_WUHAN),
    "420600": ("襄阳市", "Xiangyang", ["420602", "420606", "420684"]),
    "421000": ("荆州市", "Jingzhou", ["421002", "421003", "421088"]),
    "429000": ("湖北省直辖县级行政区划", "Hubei (administered by the province)", ["429004", "429005", "429006"]),
    "430100": ("长沙市", "Changsha", ["430102", "430103", "430104", "430105"]),
    "430600": ("岳阳市", "Yueyang", ["430602", "430603", "430611"]),
    "430700": ("常德市", "Changde", ["430702", "430703", "430721"]),
    "110100": ("北京市", "Beijing", ["110101", "110102", "110105"]),
    "441900": ("东莞市", "Dongguan", ["441900"]),
    "440100": ("广州市", "Guangzhou", ["440103", "440104", "440105"]),
}
PROVINCES = {
    "42": ("湖北省", "Hubei"),
    "43": ("湖南省", "Hunan"),
    "11": ("北京市", "Beijing"),
    "44": ("广东省", "Guangdong"),
}


def small_counties() -> pd.DataFrame:
    rows = []
    for prefecture, (zh, en, codes) in PLACES.items():
        province_zh, province_en = PROVINCES[prefecture[:2]]
        province = prefecture[:2] + "0000"
        for code in codes:
            name = (code, f"{zh[:2]}{code[-2:]}区", f"C{code} Qū")
            rows.append(
                (*name, prefecture, zh, en, province, province_zh, province_en, 500_000, 114.0, 30.5, b"", "2021")
            )
    columns = (
        "county_code county_name county_pinyin prefecture_code prefecture_name prefecture_pinyin province_code "
        "province_name province_pinyin population lon lat geometry_wkb edition"
    )
    return pd.DataFrame(rows, columns=columns.split())


COUNTIES = small_counties()
ONE_DATE = [  # what Wuhan's rows may look like on a date: Changsha by county, Yueyang hidden, Beijing not by county
    ("area", "hubei", "all", "all", 1000),
    ("area", "hubei", "border", "inside_420000", 400),
    ("area", "hubei", "border", "outside_420000", 600),
    ("prefecture", "420100", "border", "inside_420000", 300),
    ("prefecture", "rest_of_hubei", "border", "inside_420000", 100),
    ("prefecture", "420100", "border", "outside_420000", 450),
    ("prefecture", "rest_of_hubei", "border", "outside_420000", 150),
    ("prefecture", "420100", "province", "420000", 300),
    ("prefecture", "420100", "province", "430000", 300),
    ("prefecture", "420100", "province", "110000", 100),
    ("prefecture", "420100", "province", "rest_of_outside_420000", 50),
    ("prefecture", "420100", "prefecture", "430100", 240),
    ("prefecture", "420100", "prefecture", "rest_of_430000", 60),
    ("prefecture", "420100", "prefecture", "110100", 100),
    ("prefecture", "420100", "county", "430102", 140),
    ("prefecture", "420100", "county", "rest_of_430100", 100),
    ("county", "420102", "county", "430102", 80),
    ("county", "rest_of_420100", "county", "430102", 60),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("published") / "lake"
    published_lake.write_table(lake, "counties", COUNTIES)
    published_lake.publish(lake, D20, ONE_DATE)
    published_lake.publish(lake, D22, [r for r in ONE_DATE if r[3] != "430102" and r[3] != "rest_of_430100"])
    return lake


@pytest.fixture(scope="module")
def reader(folder: Path) -> Reader:
    return popflow.read(folder)


def figures(frame: pd.DataFrame, kind: str | None = None) -> dict[str, tuple[int, int]]:
    chosen = frame if kind is None else frame[frame["kind"] == kind]
    values = chosen[["persons_at_least", "persons_at_most"]].itertuples(index=False, name=None)
    return dict(zip(chosen["destination_code"], values, strict=True))


def test_the_rows_of_one_date_add_up_to_the_whole_and_are_persons(reader: Reader):
    frame = reader.outflow("wuhan", D20, D20, "county")
    assert figures(frame, "shown") == {"430102": (140, 140)}
    assert figures(frame, "rest") == {
        "rest_of_420000": (300, 300),
        "rest_of_430100": (100, 100),
        "rest_of_110100": (100, 100),
        "rest_of_430000": (60, 60),
        "rest_of_outside_420000": (50, 50),
    }
    assert frame["persons_at_least"].sum() == 750
    assert set(frame["unit"]) == {"persons"}
    assert frame.attrs["summary"]["rest_share_percent"] == 81.3


def test_a_day_that_hides_a_county_raises_what_it_has_at_most(reader: Reader):
    frame = reader.outflow("wuhan", D20, D22, "county")
    assert figures(frame)["430102"] == (140, 140 + 240)
    assert set(frame["unit"]) == {"person-trips"}
    row = frame[frame["destination_code"] == "430102"].iloc[0]
    assert (row["dates_shown"], row["dates_released"], row["dates_not_served"]) == (1, 2, "no release: 2020-01-21")
    assert "2020-01-21 have no release" in frame.attrs["notices"][0]["en"]


def test_each_row_bears_names_definition_and_release(reader: Reader):
    row = reader.outflow("武汉", D20, D20, "prefecture", destination="Hunan").iloc[0]
    assert (row["destination_name"], row["destination_name_en"], row["province_name_en"]) == (
        "长沙市",
        "Changsha",
        "Hunan",
    )
    assert (row["origin_code"], row["origin_name"], row["definition"], row["release"]) == (
        "420100",
        "武汉",
        "day-end-1",
        "1",
    )


def test_a_destination_in_a_rest_is_given_as_bounds_not_as_zero(reader: Reader):
    frame = reader.outflow("wuhan", D20, D20, "prefecture", destination="yueyang")
    assert frame[["kind", "persons_at_least", "persons_at_most"]].to_numpy().tolist() == [["possible", 0, 60]]
    assert "between 0 and 60" in frame.attrs["notices"][0]["en"]
    assert "未单独公布" in frame.attrs["notices"][0]["zh"]


def test_a_province_is_a_sum_over_origins_with_the_rest_of_origins_as_upper_bound(reader: Reader):
    frame = reader.outflow("hubei", D20, D20, "province")
    assert figures(frame, "shown") == {"430000": (300, 450), "110000": (100, 250)}
    rest = frame[frame["kind"] == "rest"].set_index("origin_code")["persons_at_least"].to_dict()
    assert rest == {"420000": 50, "rest_of_hubei": 150}
    assert frame["persons_at_least"].sum() == 600


def test_pairs_give_the_origin_county(reader: Reader):
    frame = reader.outflow("wuhan", D20, D20, "pair", destination="430102")
    found = {(r.origin_code, r.destination_code): r.persons_at_least for r in frame.itertuples()}
    assert found == {("420102", "430102"): 80, ("rest_of_420100", "430102"): 60}


def test_daily_gives_a_row_for_each_date(reader: Reader):
    frame = reader.outflow("wuhan", D20, D22, "prefecture", destination="changsha", daily=True)
    assert frame["date"].tolist() == [D20, D22]
    assert frame["persons_at_least"].tolist() == [240, 240]
    assert set(frame["unit"]) == {"persons"}


def test_dates_may_be_given_as_days_before(reader: Reader):
    question = reader.question("wuhan", days=14, before="2020-01-23")
    assert (question.first, question.last) == (dt.date(2020, 1, 9), D22)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"area": "wuhna", "date_from": D20, "date_to": D20}, "did you mean wuhan"),
        ({"area": "changsha", "date_from": D20, "date_to": D20}, "nothing of Changsha is shown on 2020-01-20"),
        ({"area": "hunan", "date_from": D20, "date_to": D20}, "released before it was an area"),
        ({"area": "430102", "date_from": D20, "date_to": D20}, "ask for its prefecture, 430100"),
        ({"area": "wuhan", "date_from": D20, "date_to": D20, "level": "conuty"}, "did you mean county?"),
        (
            {"area": "wuhan", "date_from": D20, "date_to": D20, "level": "province", "destination": "changsha"},
            "coarser than Changsha",
        ),
        ({"area": "wuhan", "date_from": D20, "date_to": D20, "destination": "hunna"}, "did you mean hunan?"),
        ({"area": "hubei", "date_from": D20, "date_to": D20, "destination": "xiangyang"}, "lies in Hubei"),
        ({"area": "wuhan", "date_from": D21, "date_to": D21}, "there are releases of 2020-01-20, 2020-01-22"),
        ({"area": "wuhan", "date_from": D22, "date_to": D20}, "lies after"),
        ({"area": "wuhan", "date_from": "22.1.2020", "date_to": D22}, "write it as 2020-01-22"),
        ({"area": "wuhan"}, "--days 14 --before 2020-01-23"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(reader: Reader, call: dict, words: str):
    with pytest.raises(PopflowError, match=words.replace("?", r"\?")) as caught:
        reader.outflow(**call)
    assert "\n" not in str(caught.value)


def test_an_empty_lake_says_so(tmp_path: Path):
    published_lake.write_table(tmp_path, "counties", COUNTIES)
    with pytest.raises(PopflowError, match="nothing has been published"):
        popflow.read(tmp_path).outflow("wuhan", D20, D20)


def test_a_correction_is_served_from_its_moment_and_a_withdrawal_ends_it(tmp_path: Path):
    first, second = dt.datetime(2020, 1, 23, 3, tzinfo=dt.UTC), dt.datetime(2020, 1, 24, 3, tzinfo=dt.UTC)
    published_lake.write_table(tmp_path, "counties", COUNTIES)
    published_lake.publish(tmp_path, D22, ONE_DATE, release=1, at=first)
    corrected = [(*row[:4], row[4] + 100) for row in ONE_DATE]
    published_lake.publish(tmp_path, D22, corrected, release=2, at=second)
    shown = {
        as_of: popflow.read(tmp_path).outflow("wuhan", D22, D22, as_of=as_of).set_index("destination_code")
        for as_of in (None, "2020-01-24T10:59+08:00", "2020-01-24T11:00", "2020-01-24")
    }
    assert {as_of: frame.loc["430102", "persons_at_least"] for as_of, frame in shown.items()} == {
        None: 240,
        "2020-01-24T10:59+08:00": 140,
        "2020-01-24T11:00": 240,
        "2020-01-24": 240,
    }
    with pytest.raises(PopflowError, match=r"as of 2020-01-23 00:00 .*; nothing of it had been"):
        popflow.read(tmp_path).outflow("wuhan", D22, D22, as_of="2020-01-22")
    gone = published_lake.release_row(D22, 2, "withdrawn", dt.datetime(2020, 1, 25, tzinfo=dt.UTC))
    published_lake.write_table(tmp_path, "releases", pd.DataFrame([gone]))
    assert figures(popflow.read(tmp_path).outflow("wuhan", D22, D22))["430102"] == (140, 140)


def test_a_date_whose_only_release_is_withdrawn_or_empty_is_listed_and_not_zero(tmp_path: Path):
    published_lake.write_table(tmp_path, "counties", COUNTIES)
    for date in (D20, D21):
        published_lake.publish(tmp_path, date, ONE_DATE)
    rows = [published_lake.release_row(D21, 1, "withdrawn"), published_lake.release_row(D22, 1, "empty")]
    published_lake.write_table(tmp_path, "releases", pd.DataFrame(rows))
    frame = popflow.read(tmp_path).outflow("wuhan", D20, D23)
    assert frame["dates_not_served"][0] == "no release: 2020-01-23; withdrawn: 2020-01-21; empty: 2020-01-22"
    assert figures(frame)["430102"] == (140, 140)
    with pytest.raises(PopflowError, match=r"withdrawn or empty|every release is empty"):
        popflow.read(tmp_path).outflow("wuhan", D22, D22)


def random_moves(seed: int) -> dict[tuple[str, str], int]:
    """Persons of random pairs: most few, some many, so that every kind of hiding occurs."""
    chance = np.random.default_rng(seed)
    origins = [c for c in COUNTIES.county_code if c.startswith("42")]
    pairs = [(o, d) for o in origins for d in COUNTIES.county_code if o[:4] != d[:4]]
    persons = np.rint(chance.lognormal(chance.uniform(0, 3), 1.5, len(pairs)))
    return {pair: int(n) for pair, n in zip(pairs, persons, strict=True) if n > 0 and chance.random() < 0.7}


class InMemory(Reader):
    """A reader of published rows that no lake holds, so that many can be tried."""

    def __init__(self, published: dict[dt.date, list[tuple]]) -> None:
        super().__init__("nowhere")
        self.counties = COUNTIES
        self.known = pd.DataFrame([published_lake.release_row(date) for date in published])
        self.published = pd.concat([published_lake.flow_rows(date, rows) for date, rows in published.items()])

    def releases_of(self, dates=None):
        return self.known

    def shown(self, question):
        return self.served(question), self.published


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_the_truth_and_rows_add_up(seed: int):
    truth = {date: random_moves(10 * seed + i) for i, date in enumerate((D20, D21))}
    reader = InMemory({date: published_lake.chain_rows(moves, COUNTIES) for date, moves in truth.items()})
    moves = pd.concat([pd.Series(m) for m in truth.values()]).groupby(level=[0, 1]).sum().rename("n").reset_index()
    moves.columns = ["o", "d", "n"]
    for area, own in (("wuhan", moves[moves.o.str[:4] == "4201"]), ("hubei", moves[moves.d.str[:2] != "42"])):
        for level, width in (("province", 2), ("prefecture", 4), ("county", 6)):
            frame = reader.outflow(area, D20, D21, level)
            exact = own.groupby(own.d.str[:width].str.ljust(6, "0")).n.sum()
            assert frame.persons_at_least.sum() <= own.n.sum() <= frame.attrs["summary"]["persons_at_most"]
            assert frame.persons_at_least.sum() == frame.attrs["summary"]["persons_at_least"]
            for code, (low, high) in figures(frame, "shown").items():
                assert low <= exact[code] <= high, (area, level, code)
            for code in exact.index.difference(list(figures(frame, "shown")))[:3]:
                asked = reader.outflow(area, D20, D21, level, destination=code).attrs["summary"]
                assert asked["persons_at_least"] <= exact[code] <= asked["persons_at_most"], (area, level, code)


@pytest.mark.parametrize("asked", [{}, {"by_origin": True}, {"level": "pair"}, {"by_origin": True, "daily": True}])
def test_origins_that_are_hidden_count_for_the_most_however_a_destination_is_asked_for(reader: Reader, asked: dict):
    """They have no row by origin or by pair; what they may have sent to Hunan is in the whole all the same."""
    found = reader.outflow("hubei", D20, D20, **{"level": "county", "destination": "430000"} | asked)
    assert (found.attrs["summary"]["persons_at_least"], found.attrs["summary"]["persons_at_most"]) == (300, 450)

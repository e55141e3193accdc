"""Deliveries: what the manifest says is there, in the formats of the landing contracts, at the rates of a real feed."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_nations import DAYS, FIRST, PERSONS, SEED, Simulated

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.synthetic.nation import simulate
from popflow.synthetic.troubles import Troubles

MNOS = ("mobile", "unicom", "telecom")


def rows_of(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    return gzip.decompress(path.read_bytes()).count(b"\n")


def test_manifests_list_exactly_the_files_that_are_there(hard: Simulated) -> None:
    for folder, manifest in hard.manifests().items():
        assert {file["name"] for file in manifest["files"]} == {p.name for p in folder.iterdir()} - {"manifest.json"}
        assert (manifest["mno"], manifest["event_date"], manifest["delivery_id"]) == folder.parts[-3:]
        for file in manifest["files"]:
            path = folder / file["name"]
            assert file["bytes"] == path.stat().st_size
            assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert file["rows"] == rows_of(path)


def test_every_mno_delivers_every_date_by_area(everyday: Simulated) -> None:
    dates = [(FIRST + dt.timedelta(days=day)).isoformat() for day in range(DAYS)]
    delivered = {(manifest["mno"], manifest["event_date"]) for manifest in everyday.manifests().values()}
    assert delivered == {(mno, date) for mno in MNOS for date in dates}
    for manifest in everyday.manifests().values():
        assert "420000" in [file["area"] for file in manifest["files"]]


def test_files_fit_the_landing_contracts(everyday: Simulated, contracts: Contracts) -> None:
    for folder, manifest in everyday.manifests().items():
        feed = contracts.feeds[manifest["mno"]]
        assert all(Path(file["name"]).match(feed.file_pattern) for file in manifest["files"])
        if feed.format == "parquet":
            schema = pq.read_schema(folder / manifest["files"][0]["name"])
            assert schema.names == feed.columns
            assert str(schema.field("event_time_utc").type) == "timestamp[us, tz=UTC]"


def test_mobile_lines_are_crlf_text_with_free_text_at_the_end(everyday: Simulated) -> None:
    path = min(everyday.out.glob("landing/mobile/*/*/*.csv.gz"))
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]
    shape = re.compile(r"([0-9a-f]{32})?\|(\d{14}|37:05\.0)\|\d+\|\d+\|[0-5]\|.*\r")
    assert all(shape.fullmatch(line) for line in lines)


def test_telecom_lines_are_json_with_the_contract_keys(everyday: Simulated, contracts: Contracts) -> None:
    path = min(everyday.out.glob("landing/telecom/*/*/*.jsonl.gz"))
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert all(list(row) == contracts.feeds["telecom"].columns for row in rows)


def test_the_rates_of_a_real_feed(everyday: Simulated) -> None:
    rows = pd.concat([everyday.rows(mno).assign(mno=mno) for mno in MNOS])
    repeated = rows.duplicated(["sim_token", "time", "cell_id"]).mean()
    other_day = (~rows["time"].dt.date.isin([FIRST + dt.timedelta(days=day) for day in range(DAYS)])).mean()
    assert 0.019 < repeated < 0.024
    assert 0.0010 < other_day < 0.0025  # of 0.25 %, those that fall on the nation's other date are not seen here
    per_sim_day = rows.groupby(["sim_token", rows["time"].dt.date]).size()
    assert 7 <= per_sim_day.median() <= 30
    assert per_sim_day.max() > 10 * per_sim_day.median()


def test_extra_fields_at_the_real_rate(everyday: Simulated) -> None:
    lines = [
        line
        for path in everyday.out.glob("landing/mobile/*/*/*.csv.gz")
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    assert 0.053 < sum(line.count("|") > 5 for line in lines) / len(lines) < 0.063


def test_a_late_file_comes_with_the_next_dates_delivery(hard: Simulated) -> None:
    late = list(hard.out.glob("landing/*/*/*/*_late.*"))
    assert late
    for path in late:
        of_date = dt.datetime.strptime(path.name.split("_")[1], "%Y%m%d").date()
        delivered, number = dt.date.fromisoformat(path.parts[-3]), path.parts[-2].split("-")[1]
        is_last = of_date == FIRST + dt.timedelta(days=DAYS - 1)
        assert (delivered, number) == ((of_date, "2") if is_last else (of_date + dt.timedelta(days=1), "1"))


def test_no_sim_is_at_two_mnos_and_the_shares_are_those_of_the_market(everyday: Simulated) -> None:
    sims = everyday.truth("SELECT * FROM '{out}/truth/sims.parquet'")
    assert sims["sim_token"].is_unique
    main = sims[sims["line_kind"] == "person"]
    shares = main.drop_duplicates("person")["mno"].value_counts(normalize=True)
    assert shares["mobile"] == pytest.approx(0.58, abs=0.03)
    assert shares["telecom"] == pytest.approx(0.22, abs=0.03)
    several = main.groupby("person")["mno"].nunique().eq(2).mean()
    assert several == pytest.approx(0.25, abs=0.03)


def test_register_tokens_have_their_form(everyday: Simulated) -> None:
    register = everyday.truth("SELECT * FROM '{out}/reference/subscribers.parquet'")
    assert list(register.columns) == ["mno", "sim_token", "person_token", "line_kind"]
    assert register["sim_token"].str.fullmatch(r"[0-9a-f]{32}").all()
    assert register["person_token"].str.fullmatch(r"[0-9a-f]{64}").all()
    assert register["person_token"].nunique() == PERSONS


@pytest.mark.parametrize("processes", [1, 2])
def test_the_same_seed_gives_the_same_bytes(hard: Simulated, tmp_path: Path, processes: int) -> None:
    simulate(tmp_path / "again", FIRST, DAYS, PERSONS, SEED, Troubles.all(), processes=processes)
    again = {p.relative_to(tmp_path / "again"): p for p in (tmp_path / "again").rglob("*") if p.is_file()}
    before = {p.relative_to(hard.out): p for p in hard.out.rglob("*") if p.is_file()}
    assert again.keys() == before.keys()
    assert all(again[name].read_bytes() == path.read_bytes() for name, path in before.items())


def test_a_folder_in_use_is_refused(everyday: Simulated) -> None:
    with pytest.raises(PopflowError, match="not empty"):
        simulate(everyday.out, FIRST, DAYS, PERSONS, SEED)


def test_too_few_persons_for_the_movers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PopflowError, match="at least"):
        simulate(tmp_path / "out", FIRST, DAYS, 2000, SEED, movers=2000)
    assert not (tmp_path / "out").exists()

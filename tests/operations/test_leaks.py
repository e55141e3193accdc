"""The leak scan finds a token wherever it was planted, and does not repeat it."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations import leaks
from popflow.operations.known_tokens import KnownTokens, RegisterTokens
from popflow.operations.leaks import LeakReport, known_of, scan, scan_lake, shapes_of

TOKEN = "3f" + "0a9b7c" * 5  # 32 hex digits, as the feeds write them
DATE = dt.date(2020, 1, 22)
ODD = "sim-00042-of-telecom"  # a token that no contract's pattern describes


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a run leaves behind, without a token: a log, a page, a published table with its Delta log."""
    (tmp_path / "run.log").write_text('{"event": "stage_done", "run_id": "0123456789abcdef0123456789abcdef"}\n')
    (tmp_path / "page.html").write_text(f"<td>input_fingerprint</td><td>{'ab' * 32}</td>\n" * 20)
    table = pa.table({"origin_code": ["420102", "420103"], "persons": [20, 25]})
    pq.write_table(table, tmp_path / "part-00000-7e0e4d9a-9d4b-4c5b-8a53-1c6c7f6e5d4c.parquet")
    add = {"add": {"path": "part-0.parquet", "stats": json.dumps({"minValues": {"origin_code": "420102"}})}}
    (tmp_path / "00000000000000000000.json").write_text(json.dumps(add) + "\n")
    return tmp_path


def scanned(path: Path, contracts: Contracts, *known: str) -> LeakReport:
    return scan([path], shapes_of(contracts), KnownTokens(known))


def plant_in_log(folder: Path, token: str) -> None:
    with (folder / "run.log").open("a") as file:
        file.write(f"could not read line: {token}|20200122080000|1|2\n")


def plant_in_page(folder: Path, token: str) -> None:
    (folder / "page.html").write_text("<p>fine</p>\n" * 50 + f"<td>unexpected value {token.upper()}</td>")


def plant_in_statistic(folder: Path, token: str) -> None:
    table = pa.table({"sim_token": pa.array([token.encode()], pa.binary())})  # binary: not read as text, only its range
    pq.write_table(table, folder / "leak.parquet")


def plant_in_value(folder: Path, token: str) -> None:
    nested = pa.table({"add": [{"tags": [token, "x"]}]})
    pq.write_table(nested, folder / "leak.parquet", write_statistics=False, compression="zstd")


def plant_in_metadata(folder: Path, token: str) -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"written_for": token})
    pq.write_table(table, folder / "leak.parquet")


def plant_in_delta_log(folder: Path, token: str) -> None:
    add = {"add": {"path": "p.parquet", "stats": json.dumps({"maxValues": {"sim_token": token}})}}
    (folder / "00000000000000000001.json").write_text(json.dumps(add))


def plant_in_packed_log(folder: Path, token: str) -> None:
    (folder / "old.log.gz").write_bytes(gzip.compress(f"token={token}\n".encode()))


def plant_in_name(folder: Path, token: str) -> None:
    (folder / f"{token}.csv").write_text("a\n")


PLANTS = [plant_in_log, plant_in_page, plant_in_statistic, plant_in_value, plant_in_metadata, plant_in_delta_log]
PLANTS += [plant_in_packed_log, plant_in_name]


def test_what_holds_no_token_is_clean(left: Path, contracts: Contracts):
    report = scanned(left, contracts, TOKEN, ODD)
    assert report.leaks == ()
    assert report.files == 4
    assert report.refuse() is report


def test_a_delta_log_of_many_commits_holds_no_token(lake: Lake):
    """Spark writes a checkpoint after ten commits, and beside it a file with a checksum that looks like a token."""
    lake.make_zone("restricted")
    at, row = lake.path("flows"), ("outflow", DATE, 1, "area", "hubei", "all", "all", 40, "day-end-1")
    lake.append_once("flows", lake.frame("flows", [row]), "first", "run")
    lake.spark.sql(f"ALTER TABLE delta.`{at}` SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    lake.append_once("flows", lake.frame("flows", [row]), "second", "run")
    assert '"checksum":"' in Path(at, "_delta_log", "_last_checkpoint").read_text()
    assert scan_lake(lake).refuse().files > 5


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize(("token", "known", "kind"), [(TOKEN, (), "shape of a token"), (ODD, (ODD,), "known token")])
def test_a_planted_token_is_found_and_not_repeated(left: Path, contracts: Contracts, plant, token, known, kind):
    plant(left, token)
    report = scanned(left, contracts, *known)
    assert [leak.kind for leak in report.leaks][:1] == [kind]
    assert token not in repr(report).lower()
    with pytest.raises(PopflowError) as error:
        report.refuse()
    assert token not in str(error.value).lower()


def test_the_place_is_named(left: Path, contracts: Contracts):
    plant_in_statistic(left, TOKEN)
    plant_in_log(left, TOKEN)
    places = {Path(leak.file).name: leak.place for leak in scanned(left, contracts).leaks}
    assert places == {"leak.parquet": "Parquet statistic of sim_token, row group 0", "run.log": "line 2"}


def test_a_known_token_is_found_in_an_allowed_field_and_inside_a_longer_word(left: Path, contracts: Contracts):
    (left / "run.log").write_text(f'{{"run_id": "{TOKEN}"}}\n')
    assert scanned(left, contracts).ok
    assert not scanned(left, contracts, TOKEN).ok
    (left / "run.log").write_text(f"key{TOKEN}{secrets.token_hex(8)}\n")
    assert scanned(left, contracts, TOKEN).leaks[0].kind == "known token"


def test_a_token_across_the_pieces_of_a_long_line_is_found(left: Path, contracts: Contracts):
    (left / "one_line.html").write_text(" " * ((1 << 16) - 10) + TOKEN + " " * 100)
    assert [Path(leak.file).name for leak in scanned(left, contracts).leaks] == ["one_line.html"]


def test_a_token_in_the_name_of_a_folder_is_found_and_not_repeated(left: Path, contracts: Contracts):
    (left / ODD).mkdir()
    (left / ODD / "run.log").write_text("a line\n")
    (leak,) = scanned(left, contracts, ODD).leaks
    assert (leak.file, leak.place) == (str(left), "folder name")


def test_what_was_clean_and_is_untouched_is_read_once(bare_lake: Lake, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    texts = leaks.texts_of
    monkeypatch.setattr(leaks, "texts_of", lambda file: read.append(file.name) or texts(file))
    published = Path(bare_lake.zone("published"))
    published.mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (published / name).write_text("a line\n")
    counted = scan_lake(bare_lake).refuse().files
    assert {"a.csv", "b.csv"} <= set(read)
    read.clear()
    assert scan_lake(bare_lake).refuse().files == counted + 1  # and what the first one keeps
    assert not {"a.csv", "b.csv"} & set(read)
    (published / "b.csv").write_text(f"{TOKEN}\n")
    for _ in range(2):  # what is not clean is read each time
        with pytest.raises(PopflowError, match=r"b\.csv: shape of a token"):
            scan_lake(bare_lake).refuse()
    assert "a.csv" not in read
    (published / "b.csv").write_text(f"{ODD}\n")
    assert scan_lake(bare_lake).ok
    with pytest.raises(PopflowError, match=r"b\.csv: known token"):  # other tokens are another question
        scan_lake(bare_lake, KnownTokens([ODD])).refuse()
    assert "a.csv" in read


def test_tokens_are_kept_as_hashes_only():
    known = KnownTokens([TOKEN])
    assert TOKEN not in repr(vars(known))
    assert known.among(known.forms().within(f"x{TOKEN.upper()}")) == {TOKEN}
    assert not known.among(known.forms().within(TOKEN[:-1] + "0"))


def registered(lake: Lake, sims: int, line_of: str = "sim") -> None:
    """A register in which SIM n's token is <line_of>-<n>, and its other secrets are as good as random."""
    rows = [
        (DATE, "mobile", f"{line_of}-{n:08}", f"person-{n:08}", f"{n:032x}", f"{n:031x}f", "person", 1)
        for n in range(sims)
    ]
    lake.replace("subscribers", lake.frame("subscribers", rows), as_of=DATE)


def test_every_token_of_the_register_is_known_in_whatever_column_and_case(left: Path, contracts: Contracts):
    lake = Lake(left / "lake", contracts)
    registered(lake, 1000)
    known = known_of(lake)
    assert known.forms().lengths == (12, 15, 32)
    (left / "run.log").write_text("a\nxSIM-00000999\n_person-00000998\nsim-00001000\n" + f"{7:032x}")
    found = scan([left / "run.log", left / "page.html"], [], known).leaks
    assert [(leak.place, leak.kind) for leak in found] == [(f"line {n}", "known token") for n in (2, 3, 5)]


def test_no_more_of_the_register_is_in_memory_than_a_batch(
    left: Path, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
):
    lake = Lake(left / "lake", contracts)
    registered(lake, 140_000)  # more than a batch
    (left / "run.log").write_text("sim-00139999\n")
    known, before = known_of(lake), pa.total_allocated_bytes()
    monkeypatch.setattr(lake, "read_arrow", None)  # which would hold all of it
    report = scan([left / "run.log", left / "page.html"], shapes_of(contracts), known)
    assert [leak.kind for leak in report.leaks] == ["known token"]
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert not any("sim-" in repr(value) for value in vars(known).values())


def test_what_could_be_a_token_is_looked_up_in_portions(left: Path, contracts: Contracts, monkeypatch):
    asked: list[int] = []

    class Counted(KnownTokens):
        def among(self, texts):
            asked.append(len(texts))
            return super().among(texts)

    monkeypatch.setattr(leaks, "AT_ONCE", 100)
    lines = [f"sim-{n:08}" for n in range(1000)]
    (left / "run.log").write_text("\n".join(lines))
    report = scan([left / "run.log"], [], Counted(lines[::111]))
    assert [leak.place for leak in report.leaks][:3] == ["line 1", "line 112", "line 223"]
    assert len(report.leaks) == 10
    assert len(asked) == 10
    assert max(asked) <= 100


def test_an_encrypted_register_is_asked_in_sparks_tasks(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    registered(lake, 20)
    monkeypatch.setattr(lake, "encrypts", lambda contract: True)
    known = RegisterTokens(lake)
    assert known.forms().lengths == (12, 15, 32)
    assert known.among({"sim-00000007", "sim-00000021"}) == {"sim-00000007"}

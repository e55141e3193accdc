"""What lies in landing is opened once, as what it is: no name is a pattern, a column, or a way to another file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from landing_files import A, B, D, counts, mobile_bytes, reduce_files, unicom_bytes

from popflow.contracts import Contracts
from popflow.errors import Held, PopflowError, printable
from popflow.intake import file_checks
from popflow.intake.deliveries import discover
from popflow.intake.night import _refuse_absent

Deliver = Callable[..., Path]
ONE = unicom_bytes((A, "2020-01-22 10:00:00", 1, 1))
OTHER = unicom_bytes((B, "2020-01-22 10:00:00", 1, 2))
TEXT = mobile_bytes((A, "2020-01-22 10:00:00", 1, 1))
NAMES = ["[ab].parquet", "*.parquet", "?.parquet", "{a,b}.parquet", "sim=x.parquet", "_hidden.parquet", ".a.parquet",
         "湖北 武汉#1%20.parquet", "it's `a`.parquet", "-rf", "a.parquet.gz", "~"]  # fmt: skip


def tokens(reduced: dict) -> list[str]:
    return [row[1] for row in reduced["presence"]]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("engine", ["kernel", "check"], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    for beside in ("a.parquet", "b.parquet", "c.parquet"):
        (tmp_path / beside).write_bytes(OTHER)
    assert tokens(reduce_files(tmp_path, "unicom", {name: (ONE, 1)})) == [A]


@pytest.mark.parametrize(
    "folder", ["sim=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cgi=460-01-1-2", "event_time_utc=2020-01-22"]
)
def test_a_folder_is_no_column(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    reduced = reduce_files(tmp_path / folder, "unicom", {"a.parquet": (ONE, 1)})
    assert [row[1:3] for row in reduced["presence"]] == [(A, "420102")]


@pytest.mark.parametrize("mno", ["mobile", "unicom"])
def test_a_file_put_in_anothers_place_after_it_was_hashed_is_not_read(
    tmp_path: Path, mno: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, other = (TEXT, mobile_bytes((B, "2020-01-22 10:00:00", 1, 2))) if mno == "mobile" else (ONE, OTHER)
    real = file_checks.regular_files.open_regular

    def swapping(address: str):
        found = real(address)
        Path(f"{address}.new").write_bytes(other)
        Path(f"{address}.new").replace(address)
        return found

    monkeypatch.setattr(file_checks.regular_files, "open_regular", swapping)
    assert tokens(reduce_files(tmp_path, mno, {"a": (sound, 1)})) == [A]


@pytest.mark.parametrize("undone", [False, True], ids=["changed", "changed and back"])
def test_a_file_changed_in_its_place_while_it_is_read_is_set_aside(
    tmp_path: Path, undone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = file_checks._state

    def changing(source):
        before = real(source)
        monkeypatch.setattr(file_checks, "_state", real)
        path = tmp_path / "a.parquet"
        with path.open("r+b") as file:
            file.write(OTHER[: len(ONE)])
        if undone:
            with path.open("r+b") as file:
                file.write(ONE)
        os.utime(path, ns=(0, 0))
        return before

    monkeypatch.setattr(file_checks, "_state", changing)
    reduced = reduce_files(tmp_path, "unicom", {"a.parquet": (ONE, 1)})
    assert set(counts(reduced, "a.parquet")) in ({"rows", "file_hash"}, {"rows", "file_damaged"})
    assert tokens(reduced) == []


def irregular(path: Path, kind: str) -> None:
    """Put something else in a file's place."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.symlink_to({"device": "/dev/zero", "link": "/etc/passwd", "dangling": "/nowhere"}[kind])


KINDS = ["pipe", "folder", "loop", "device", "link", "dangling"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("engine", ["kernel", "check"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mno", ["mobile", "unicom"])
def test_only_a_regular_file_is_read(tmp_path: Path, mno: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def write(path: Path, content: bytes) -> int:
        real(path, content)
        if path.name == "odd":
            irregular(path, kind)
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", write)
    content = TEXT if mno == "mobile" else ONE
    reduced = reduce_files(tmp_path, mno, {"odd": (content, 1), "sound": (content, 1)})
    assert counts(reduced, "odd") == {"rows": 1, "file_irregular": 1}
    assert counts(reduced, "sound") == {"rows": 1, "accepted": 1}


def test_a_file_that_nobody_may_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_checks.regular_files, "open_regular", refused)
    assert counts(reduce_files(tmp_path, "mobile", {"a": (TEXT, 1)}), "a") == {"rows": 1, "file_unreadable": 1}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("engine", ["kernel", "check"], indirect=True)
@pytest.mark.parametrize("more", [1, -1])
def test_a_file_of_another_size_is_not_read_at_all(tmp_path: Path, more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_checks, "HashedFile", None)
    reduced = reduce_files(tmp_path, "mobile", {"a": (TEXT, 1)}, bytes=len(TEXT) + more)
    assert counts(reduced, "a") == {"rows": 1, "file_bytes": 1}


def test_a_file_that_grows_while_it_is_read_is_what_its_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = file_checks.regular_files.open_regular

    def growing(address: str):
        found = real(address)
        with Path(address).open("ab") as file:
            file.write(TEXT * 100)
        return found

    monkeypatch.setattr(file_checks.regular_files, "open_regular", growing)
    assert counts(reduce_files(tmp_path, "mobile", {"a": (TEXT, 1)}), "a") == {"rows": 1, "accepted": 1}


def found(landing: Path, contracts: Contracts):
    return discover(str(landing), D, contracts, ["mobile", "unicom"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_that_is_no_file_stops_its_own_delivery_alone(
    landing: Path, deliver: Deliver, contracts: Contracts, kind: str
) -> None:
    folder = deliver("mobile", "odd", {"a.csv.gz": (TEXT, 1)})
    deliver("mobile", "sound", {"a.csv.gz": (TEXT, 1)})
    irregular(folder / "manifest.json", kind)
    if kind == "folder":
        (folder / "manifest.json" / "x").write_text("{}")
    got = found(landing, contracts)
    assert [one.delivery_id for one in got.ready] == ["sound"]
    (line,) = got.refused
    assert "odd/manifest.json: is not a regular file" in line


def test_a_delivery_that_is_a_link_or_an_mnos_folder_that_is_none_is_refused_by_name(
    landing: Path, deliver: Deliver, contracts: Contracts, tmp_path: Path
) -> None:
    folder = deliver("mobile", "sound", {"a.csv.gz": (TEXT, 1)})
    (folder.parent / "linked").symlink_to(folder)
    (folder.parent / "loop").symlink_to("loop")
    (landing / "unicom").write_text("no folder")
    got = found(landing, contracts)
    assert [one.delivery_id for one in got.ready] == ["sound"]
    assert [line.rpartition("/")[2].partition(":")[0] for line in got.refused] == ["linked", "loop", str(D)]
    assert "is not a folder that can be listed" in got.refused[2]


def test_links_in_a_delivery_are_not_followed(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    folder = deliver("mobile", "sound", {"a.csv.gz": (TEXT, 1)})
    (folder / "up").symlink_to("..")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("../..")
    (delivery,) = found(landing, contracts).ready
    assert delivery.unlisted == ["deep/up", "up"]


def test_names_that_are_no_text_are_spelt_out(landing: Path, deliver: Deliver, contracts: Contracts) -> None:
    folder = deliver("mobile", "sound", {"湖北 武汉\u3000.csv.gz": (TEXT, 1)})
    gbk = "湖北".encode("gbk")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + gbk)).write_bytes(b"")
    (folder / "two\nlines\x1b[31m").write_bytes(b"")
    (folder / ("x" * 255)).write_bytes(b"")
    odd = os.fsencode(folder.parent) + b"/" + gbk
    Path(os.fsdecode(odd)).mkdir()
    Path(os.fsdecode(odd + b"/manifest.json")).write_text("{")
    (folder.parent / "two\nlines").mkdir()
    (folder.parent / "two\nlines" / "a").write_text("")
    got = found(landing, contracts)
    (delivery,) = got.ready
    assert delivery.missing == []
    assert delivery.unlisted == [r"\udcba\udcfe\udcb1\udcb1", "two\nlines\x1b[31m", "x" * 255]
    for line in (*got.refused, *got.waiting, *delivery.unlisted):
        line.encode()
    assert [line for line in (*got.refused, *got.waiting) if "\n" in line] == []
    assert (len(got.refused), len(got.waiting)) == (1, 1)


def test_a_delivery_of_too_many_files_is_not_listed_to_its_end(
    landing: Path, deliver: Deliver, contracts: Contracts
) -> None:
    small = contracts.feeds["mobile"].limits.model_copy(update={"files": 5})
    feeds = contracts.feeds | {"mobile": contracts.feeds["mobile"].model_copy(update={"limits": small})}
    folder = deliver("mobile", "many", {"a.csv.gz": (TEXT, 1)})
    for number in range(5):
        (folder / f"stray{number}").mkdir()
    got = discover(str(landing), D, contracts.model_copy(update={"feeds": feeds}), ["mobile"])
    assert "many: holds more than 5 files, the contract's limit" in got.refused[0]


def test_a_landing_address_that_is_none_is_one_line(contracts: Contracts, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for landing in ("file", "loop", "x" * 300):
        with pytest.raises(PopflowError, match=r"no such landing folder|no file or folder can have this name"):
            discover(str(tmp_path / landing), D, contracts, ["mobile"])


def test_what_steers_a_terminal_is_shown_spelt_out() -> None:
    assert printable("a\x1b]0;x\u202e\u2028\n武汉\u3000") == r"a\x1b]0;x\u202e\u2028\n武汉" + "\u3000"


def test_an_absent_mno_is_told_its_own_refusal(
    tmp_path: Path, contracts: Contracts, landing: Path, deliver: Deliver
) -> None:
    deliver("mobile", "m1", {"a.csv.gz": (TEXT, 1)}, files=[])
    inside = tmp_path / "unicom" / "landing"
    inside.parent.mkdir()
    landing.rename(inside)
    with pytest.raises(Held, match="no delivery of unicom in landing"):
        _refuse_absent(found(inside, contracts), str(inside), D, ["unicom"])
    with pytest.raises(PopflowError, match=r"m1/manifest\.json: files: must be a list"):
        _refuse_absent(found(inside, contracts), str(inside), D, ["mobile"])

"""Old deliveries in landing: what is too old goes, nothing else, and what cannot go is named."""

from __future__ import annotations

import datetime as dt
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from popflow.contracts import Contracts
from popflow.errors import PopflowError
from popflow.lake import Lake
from popflow.operations import old_landing
from popflow.operations.retention import RetentionReport, enforce_retention

DAY = dt.date(2020, 2, 1)
OLD, YOUNG = "2020-01-24", "2020-01-25"  # 8 and 7 days


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def put(landing: Path, *parts: str) -> Path:
    file = landing.joinpath(*parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a record")
    return file


def kept(lake: Lake, landing: Path) -> RetentionReport:
    return enforce_retention(lake, DAY, landing)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_what_is_older_than_the_feeds_contract_goes_and_nothing_else(bare_lake: Lake, landing: Path):
    stays = [("mobile", YOUNG, "d", "1"), ("mobile", "readme"), ("mobile", "2020-13-45", "d", "1"), ("notes", "1")]
    stays += [("acme", OLD, "d", "1"), ("mobile", f"{OLD}.bak", "d", "1"), ("mobile", "20200124", "d", "1")]
    for parts in [*stays, ("mobile", OLD, "d1", "1"), ("mobile", OLD, "d2", "deep", "1"), ("unicom", OLD, "stray")]:
        put(landing, *parts)
    report = kept(bare_lake, landing)
    assert files(landing) == {"/".join(parts) for parts in stays}
    assert not (landing / "mobile" / OLD).exists()
    assert report.ok
    assert report.deleted["landing"] == 3


def test_each_feed_has_an_age_of_its_own(bare_lake: Lake, landing: Path, contracts: Contracts):
    long = contracts.feeds["unicom"].model_copy(update={"retention_days": 30})
    bare_lake.contracts = contracts.model_copy(update={"feeds": contracts.feeds | {"unicom": long}})
    for mno in ("mobile", "unicom"):
        put(landing, mno, OLD, "d", "1")
    kept(bare_lake, landing)
    assert files(landing) == {f"unicom/{OLD}/d/1"}
    second = contracts.feeds["mobile"].model_copy(update={"feed": "second", "retention_days": 3})
    both = contracts.model_copy(update={"feeds": {"second": second} | contracts.feeds})
    assert old_landing.retention_days(both)["mobile"] == 3


@pytest.mark.parametrize("linked", ["mobile", f"mobile/{OLD}", f"mobile/{OLD}/d"])
def test_no_link_is_followed(bare_lake: Lake, landing: Path, tmp_path: Path, linked: str):
    parts = f"mobile/{OLD}/d/1".removeprefix(f"{linked}/").split("/")
    elsewhere = put(tmp_path / "elsewhere", *parts)
    link = landing / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PopflowError) as refused:
        kept(bare_lake, landing).refuse()
    assert str(refused.value).startswith(f"{link} (a link, and none is followed")
    assert elsewhere.exists()


def test_a_link_inside_a_delivery_goes_and_what_it_points_to_stays(bare_lake: Lake, landing: Path, tmp_path: Path):
    elsewhere = put(tmp_path / "elsewhere", "1")
    put(landing, "mobile", OLD, "d", "1").with_name("link").symlink_to(elsewhere.parent)
    assert kept(bare_lake, landing).ok
    assert elsewhere.exists()
    assert files(landing) == set()


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(
    bare_lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    for delivery in ("d1", "d2"):
        put(landing, "mobile", OLD, delivery, "1")
    remove = old_landing.shutil.rmtree

    def refused(path: Path, onerror) -> None:
        if path.name == "d2":
            return remove(path, onerror=onerror)
        return onerror(None, f"{path}/1", (OSError, PermissionError(13, "Permission denied"), None))

    monkeypatch.setattr(old_landing.shutil, "rmtree", refused)
    with pytest.raises(PopflowError) as said:
        kept(bare_lake, landing).refuse()
    assert str(said.value).startswith(f"{landing}/mobile/{OLD}/d1/1 (Permission denied): older than its contract")
    assert files(landing) == {f"mobile/{OLD}/d1/1"}


def test_a_delivery_that_was_never_taken_in_is_said(bare_lake: Lake, landing: Path):
    now = dt.datetime(2020, 1, 25, tzinfo=dt.UTC)
    row = ("mobile", "taken", dt.date(2020, 1, 24), "1", "all", "ab" * 32, 1, "accepted", now)
    bare_lake.replace("deliveries", bare_lake.frame("deliveries", [row]))
    for delivery in ("taken", "late"):
        put(landing, "mobile", OLD, delivery, "1")
    assert kept(bare_lake, landing).unread == (f"mobile/{OLD}/late",)


def test_a_folder_that_cannot_be_listed_is_named_and_stops_nothing_else(
    bare_lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
):
    for mno in ("mobile", "unicom", "telecom"):
        put(landing, mno, OLD, "d", "1")
    shut = {landing / "mobile", landing / "unicom" / OLD}
    listed = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path in shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    report = kept(bare_lake, landing)
    assert set(report.remaining) == {f"{folder} (Permission denied)" for folder in shut}
    assert not (landing / "telecom" / OLD).exists()


@pytest.mark.parametrize("named", ["FILE://{}", "{}/s3://x"])
def test_a_folder_is_a_folder_however_it_is_written(tmp_path: Path, named: str):
    """The text `://` was looked for anywhere, and what bore it was left to a bucket's lifecycle."""
    assert old_landing.landing_folder(named.format(tmp_path)) is not None
    assert old_landing.landing_folder("s3://bucket/landing") is None

"""popflow report and packages as commands: what is written, pictures where there is a Chromium, one line where not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from popflow.cli import app
from popflow.errors import PopflowError
from popflow.report.chromium import chromium

ASKED = ["--before", "2020-01-23", "--days", "3"]


def run(*call: str) -> str:
    outcome = CliRunner().invoke(app, list(call), catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPFLOW_CACHE", str(tmp_path / "cache"))


def test_report_writes_the_page_of_a_destination(published: Path, tmp_path: Path):
    out = tmp_path / "hunan.html"
    said = run(
        "report", "--area", "wuhan", *ASKED, "--destination", "hunan", "--out", str(out), "--lake", str(published)
    )
    assert f"written: {out}" in said
    assert "Arrivals in Hunan" in out.read_text()


def test_report_writes_the_page_of_who_came(published: Path, tmp_path: Path):
    out = tmp_path / "changsha.html"
    said = run("report", "--to-area", "changsha", *ASKED, "--out", str(out), "--lake", str(published))
    assert f"written: {out}" in said
    assert "Who came to Changsha, and from where" in out.read_text()


def test_packages_without_pictures_need_no_browser(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POPFLOW_CHROMIUM", "no-such-browser")
    call = ["packages", "--date", "2020-01-22", "--days", "3", "--only", "hunan", "--lake", str(published)]
    assert "1 packages" in run(*call, "--no-pictures", "--out", str(tmp_path / "out"))
    with pytest.raises(PopflowError, match=r"install the package chromium.*or give --no-pictures"):
        run(*call, "--out", str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_missing_browser_is_said_before_anything_is_written(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("POPFLOW_CHROMIUM", "no-such-browser")
    out = tmp_path / "wuhan.html"
    with pytest.raises(PopflowError, match="install the package chromium"):
        run("report", "--area", "wuhan", *ASKED, "--pdf", "--out", str(out), "--lake", str(published))
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--area", "wuhna"], "did you mean wuhan"),
        (["--area", "wuhan", "--destination", "hunna"], "did you mean hunan?"),
        (["--area", "wuhan", "--lang", "fr"], "there are zh and en"),
        (["--to-area", "chnagsha"], "did you mean changsha"),
        ([], "who left an area (--area)"),
    ],
)
def test_what_is_wrong_ends_with_exit_code_1_and_one_line(words: list[str], said: str, published: Path, tmp_path: Path):
    call = ["report", *words, *ASKED, "--out", str(tmp_path / "a.html"), "--lake", str(published)]
    program = [sys.executable, "-c", "from popflow.cli import main; main()", *call]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n"), said in ended.stderr) == (1, 1, True)
    assert ended.stdout == ""


@pytest.mark.browser
def test_a_package_holds_pictures_and_a_pdf(published: Path, tmp_path: Path):
    try:
        chromium()
    except PopflowError as error:
        if os.environ.get("POPFLOW_BROWSER") == "required":
            pytest.fail(str(error))
        pytest.skip(str(error))
    call = ["packages", "--date", "2020-01-22", "--days", "3", "--only", "hunan", "--lake", str(published)]
    run(*call, "--out", str(tmp_path))
    names = {path.name.removeprefix("430000-hunan") for path in (tmp_path / "430000-hunan").iterdir()}
    assert {".html", ".pdf", ".gpkg", "-map.png", "-ranking.png", "-daily.png", "-from-wuhan.xlsx"} <= names
    assert {"-came.html", "-came.pdf", "-came-map.png", "-came.xlsx"} <= names
